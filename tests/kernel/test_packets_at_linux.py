"""Linux, at the other end of a cable, never reads out of any frame a packet that the policy forbids.

Raw sockets show what its IP layers understood, put together and handed on, before any transport looks at it.
"""

from __future__ import annotations

import random
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv6Address, ip_address
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from pyroute2 import IPRoute

from pybpf.compiler.policy.model.policy import Direction
from pybpf.demo import namespaces
from pybpf.demo.network import Place, network
from pybpf.hooks import TcxHook, attach_tcx
from pybpf.kernel_progs.abi import PolicyAction
from tests.support.checksums import internet_checksum
from tests.support.fragment_trains import fragment_trains
from tests.support.frame_judging import OWN_ADDRESSES, Judge, policies_by_chance
from tests.support.frames import Frame, frame_bytes
from tests.support.generated_frames import Pools, valid_frames
from tests.support.malformed import damaged_frames
from tests.support.understanding import Asked

pytestmark = pytest.mark.kernel
SETS: Final = 10
PROTOCOLS: Final = (1, 2, 4, 6, 17, 41, 47, 50, 51, 58, 59, 103, 112, 132, 135, 139, 140, 253)
WITH_PORTS: Final = (6, 17, 132)
NOT_ASKED: Final = {1: (3, 4, 11, 12), 58: (1, 2, 3, 4, 133, 134, 135, 136)}  # errors may belong to a connection; addresses are resolved
TO_OWN: Final = Pools(
    v4=("10.0.0.1", "10.0.0.2", "10.0.0.9", "192.0.2.77", "10.0.0.1", "224.0.0.1"),
    v6=("fd00::1", "fd00::2", "fd00::9", "2001:db8::77", "fd00::1", "ff02::1"),
)
# the most that Linux can be talked into
WILLING: Final = (
    ("ipv4/conf", "accept_source_route", "1"), ("ipv6/conf", "accept_source_route", "1"), ("ipv6/conf", "seg6_enabled", "1"),
    ("ipv6/conf", "rpl_seg_enabled", "1"), ("ipv4/conf", "rp_filter", "0"), ("ipv4/conf", "accept_local", "1"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cable:
    """A datapath on a cable: what `sender` sends as frames reaches the endpoint when it passes; `receivers` by protocol, of both versions."""

    judge: Judge
    sender: socket.socket
    receivers: tuple[tuple[int, socket.socket], ...]


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    with ExitStack() as owned:
        built = owned.enter_context(network(["own"]))
        place, node = built.place("own"), built.node
        judge = Judge(owned, place.interface_index)
        owned.enter_context(namespaces.run(node, partial(attach_tcx, judge.datapath.programs["to_endpoint"], place.interface_index, TcxHook.EGRESS)))
        namespaces.run(place.namespace, prepare)
        sender = owned.enter_context(namespaces.run(node, partial(packet_socket, place)))
        receivers = namespaces.run(place.namespace, lambda: tuple(raw_sockets()))
        for _, each in receivers:
            owned.enter_context(each)
        yield Cable(judge, sender, receivers)


def prepare() -> None:
    """In the endpoint's namespace: its addresses, its MAC, and no scruples."""
    for family, name, value in (("ipv6/conf", "disable_ipv6", "0"), *WILLING):
        for scope in ("all", "default", "eth0"):
            path = Path("/proc/sys/net", family, scope, name)
            if path.exists():
                path.write_text(value)
    with IPRoute() as route:
        index = route.link_lookup(ifname="eth0")[0]
        route.link("set", index=index, address=Frame().destination_mac.hex(":"))
        for each in OWN_ADDRESSES:
            with suppress(OSError):
                route.addr("add", index=index, address=str(each), prefixlen=24 if each.version == 4 else 64, flags=0x02 if each.version == 6 else 0)  # IFA_F_NODAD


def packet_socket(place: Place) -> socket.socket:
    """In the node's namespace: what is sent by it leaves on the endpoint's cable, past the hook where the datapath is."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((place.interface, 0))
    return made


def raw_sockets() -> Iterator[tuple[int, socket.socket]]:
    """One of each protocol and version of IP."""
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in PROTOCOLS:
            made = socket.socket(family, socket.SOCK_RAW, protocol)
            made.setblocking(False)
            yield protocol, made


def received(cable: Cable) -> Iterator[Asked]:
    """What Linux has understood since the last call, as the policy is asked about it."""
    for protocol, each in cable.receivers:
        with suppress(BlockingIOError):
            while True:
                data, (source, *_) = each.recvfrom(65535)
                if each.family == socket.AF_INET:
                    data = data[(data[0] & 15) * 4 :]
                ports = struct.unpack_from(">HH", data.ljust(4, b"\0")) if protocol in WITH_PORTS else (0, 0)
                asked = data[0] if protocol in NOT_ASKED and data else ports[1]
                address = ip_address(source.partition("%")[0])
                destination = IPv6Address("::") if address.version == 6 else OWN_ADDRESSES[0]
                if asked not in NOT_ASKED.get(protocol, ()) and address not in OWN_ADDRESSES:  # that would be its own answer
                    yield Asked(address, destination, protocol, asked)


def frames(seed: int) -> Iterator[bytes]:
    """Valid, damaged and divided ones, in turn; half of the damaged IPv4 headers with the right sum all the same."""
    source = random.Random(seed)
    trains = [each for train in fragment_trains(seed, 250) for each in train]
    for each in damaged_frames(seed, 2500):
        yield with_right_sum(each.frame) if source.random() < 0.5 else each.frame
    yield from chain((frame_bytes(each) for each in valid_frames(seed, 1000, TO_OWN)), trains)


def with_right_sum(frame: bytes) -> bytes:
    """An untagged IPv4 frame with the header sum that Linux asks for; others as they are."""
    header = (frame[14] & 15) * 4 if len(frame) > 14 else 0
    if frame[12:14] != b"\x08\x00" or header < 20 or len(frame) < 14 + header:
        return frame
    zeroed = frame[14:24] + bytes(2) + frame[26 : 14 + header]
    return frame[:24] + internet_checksum(zeroed).to_bytes(2, "big") + frame[26:]


def test_whatever_is_sent_linux_understands_nothing_that_the_policy_forbids(cable: Cable) -> None:
    met = Counter[int]()
    for seed in range(1, 1 + SETS):
        cable.judge.enforce(policies_by_chance(seed))
        for number, frame in enumerate(frames(seed)):
            if len(frame) >= 14:
                with suppress(OSError):  # ENOBUFS: it was dropped
                    cable.sender.send(frame)
            if number % 40 == 0:
                check(cable, met)
        check(cable, met)
    assert min(met[protocol] for protocol in (1, 6, 17, 47, 58, 132)) > 4, met


def check(cable: Cable, met: Counter[int]) -> None:
    """Whatever has arrived is allowed; count it by protocol."""
    for asked in received(cable):
        right = cable.judge.policy_on(asked, Direction.INGRESS)
        assert right is None or right.action is PolicyAction.ALLOW, asked
        met[asked.protocol] += 1
