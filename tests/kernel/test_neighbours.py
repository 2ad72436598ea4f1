"""Addresses on the link: an endpoint speaks for its own, hears neighbours from the link alone, and carries nothing past policy that way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pybpf.compiler.policy.model.policy import Direction
from pybpf.kernel_progs.abi import Reason
from tests.compiler.policy.made import policy, rule, selecting
from tests.support.extension_headers import destination_options
from tests.support.frame_judging import Judge
from tests.support.frames import Frame, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6
from tests.support.neighbours import (
    Arp,
    arp_announcement,
    arp_probe,
    neighbour_advertisement,
    neighbour_solicitation,
    redirect,
    router_advertisement,
    router_solicitation,
    source_link_layer,
    target_link_layer,
)
from tests.support.transports import Udp

pytestmark = pytest.mark.kernel
MAC = bytes.fromhex("020000000001")
IN, OUT = Direction
OWN, OTHER, LINK, ROUTER, FAR = "fd00::1", "fd00::9", "fe80::1", "fe80::ff", "2001:db8::7"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """Both sides enforced, and nothing allowed."""
    with ExitStack() as owned:
        made = Judge(owned)
        made.enforce([policy(selecting(app="a"), *(rule([], None, direction) for direction in Direction))])
        yield made


def passes(judge: Judge, packet: Arp | Ipv6, direction: Direction) -> bool:
    met = judge.meet(frame_bytes(Frame(packet, source_mac=MAC)), direction)
    assert met.passed or (met.event is not None and met.event.reason in (Reason.NEIGHBOUR, Reason.SPOOFED_SOURCE, Reason.POLICY))
    return met.passed


@pytest.mark.parametrize(("arp", "direction", "right"), [
    (Arp(sender="10.0.0.1"), OUT, True), (Arp(sender="10.0.0.9"), OUT, False), (Arp(sender="192.0.2.1"), OUT, False),
    (arp_probe("10.0.0.77", MAC), OUT, True), (arp_announcement("10.0.0.2", MAC), OUT, True), (arp_announcement("10.0.0.9", MAC), OUT, False),
    (Arp(operation=2, sender="10.0.0.9"), OUT, False), (Arp(operation=2, sender="192.0.2.1"), IN, True), (Arp(sender="10.0.0.9"), IN, True),
    (Arp(hardware=6), OUT, False), (Arp(protocol=0x86DD), OUT, False), (Arp(hardware_bytes=8), IN, False), (Arp(protocol_bytes=16), IN, False),
])  # fmt: skip
def test_arp_is_about_the_senders_own_addresses(judge: Judge, arp: Arp, direction: Direction, right: bool) -> None:
    assert passes(judge, arp, direction) is right


@pytest.mark.parametrize(("packet", "direction", "right"), [
    (router_solicitation(LINK), OUT, True), (router_solicitation("::"), OUT, True), (router_solicitation(OTHER), OUT, False),
    (router_advertisement(ROUTER), IN, True), (router_advertisement(LINK), OUT, False), (router_advertisement(ROUTER, hops=254), IN, False),
    (neighbour_solicitation(OWN, OTHER), OUT, True), (neighbour_solicitation("::", OWN), OUT, True), (neighbour_solicitation(LINK, ROUTER), OUT, True),
    (neighbour_solicitation(OTHER, ROUTER), OUT, False), (neighbour_solicitation(FAR, OWN), IN, True), (neighbour_solicitation(FAR, OWN, hops=254), IN, False),
    (neighbour_solicitation(OWN, OTHER, hops=254), OUT, False),
    (neighbour_advertisement(OWN, OWN), OUT, True), (neighbour_advertisement(LINK, OWN), OUT, True), (neighbour_advertisement(OWN, OTHER), OUT, False),
    (neighbour_advertisement(LINK, LINK), OUT, True), (neighbour_advertisement(OTHER, OWN), OUT, False), (neighbour_advertisement(FAR, OTHER), IN, True),
    (redirect(ROUTER, OWN, ROUTER, FAR), IN, False), (redirect(LINK, ROUTER, LINK, FAR), OUT, False),
])  # fmt: skip
def test_neighbour_discovery_is_about_the_senders_own_addresses_and_from_the_link(judge: Judge, packet: Ipv6, direction: Direction, right: bool) -> None:
    assert passes(judge, packet, direction) is right


def to_far(packet: Ipv6) -> Ipv6:
    return replace(packet, destination=FAR)


@pytest.mark.parametrize(("packet", "right"), [
    (neighbour_solicitation(OWN, FAR, destination=FAR), True),
    (neighbour_solicitation(OWN, FAR, source_link_layer(MAC), destination=FAR), True),
    (neighbour_advertisement(OWN, OWN, target_link_layer(MAC), destination=FAR, solicited=True), True),
    (neighbour_solicitation(OWN, OTHER, destination=FAR), False),  # it would tell FAR an address
    (neighbour_solicitation(OWN, FAR, source_link_layer(b"secret"), destination=FAR), False),
    (neighbour_solicitation(OWN, FAR, target_link_layer(MAC), destination=FAR), False),
    (neighbour_solicitation(OWN, FAR, source_link_layer(MAC), source_link_layer(b"secret"), destination=FAR), False),
    (neighbour_advertisement(OWN, OWN, source_link_layer(MAC), destination=FAR), False),
    (neighbour_advertisement(OWN, OWN, target_link_layer(b"secret"), destination=FAR), False),
    (neighbour_advertisement(OWN, LINK, target_link_layer(MAC), destination=FAR), True),
    (replace(neighbour_solicitation(OWN, FAR, destination=FAR), extensions=(destination_options(),)), False),
    (to_far(router_solicitation(OWN)), False),
    (to_far(router_solicitation(LINK)), False),
    (replace(neighbour_solicitation(OWN, OTHER, source_link_layer(b"secret")), destination="ff0e::1"), False),
])  # fmt: skip
def test_what_routers_would_send_on_says_nothing_but_what_it_must(judge: Judge, packet: Ipv6, right: bool) -> None:
    assert passes(judge, packet, OUT) is right


def test_reserved_bits_carry_nothing_far(judge: Judge) -> None:
    packet = neighbour_solicitation(OWN, FAR, destination=FAR)
    for rest in (b"\0\0\0\1", b"\x80\0\0\0"):
        assert not passes(judge, replace(packet, content=replace(packet.content, rest=rest)), OUT)  # type: ignore[arg-type]  # of an Icmpv6
    advertisement = neighbour_advertisement(OWN, OWN, destination=FAR)
    assert not passes(judge, replace(advertisement, content=replace(advertisement.content, rest=b"\0\0\0\1")), OUT)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["10.0.0.9", "192.0.2.1", "fd00::9", "2001:db8::1", "fe80::1", "::", "0.0.0.0"])
def test_an_endpoint_sends_only_from_its_own_addresses(judge: Judge, source: str) -> None:
    packet = Ipv6(source, FAR, Udp(1, 2)) if ":" in source else Ipv4(source, "192.0.2.7", Udp(1, 2))
    met = judge.meet(frame_bytes(Frame(packet)), OUT)
    assert not met.passed and met.event is not None and met.event.reason == Reason.SPOOFED_SOURCE
