"""How addresses are resolved on the link: ARP and IPv6 neighbour discovery, which no connection and no policy is about.

What an endpoint says about addresses must be about its own; what others tell it must come from the link (RFC 4861 section 3.1).
"""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, Struct, be64, function, u8, u32
from pybpf.kernel_progs.abi import BOTH_COLUMNS, Address, Direction, Reason
from pybpf.kernel_progs.headers import (
    ICMP_BYTES,
    KIND_IPV4,
    MAPPED,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_HOPS,
    NEIGHBOUR_SOLICITATION,
    PROTOCOL_ICMPV6,
    ROUTER_SOLICITATION,
    Arp,
    Ipv6,
)
from pybpf.kernel_progs.identity import is_link_local, owns
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.packets import drop


class Target(Struct, packed=True):
    """What a neighbour solicitation or advertisement is about (RFC 4861 section 4.3)."""

    high: be64
    low: be64


@function
def judge_arp(packet: Skb, scratch: Scratch, direction: u8, offset: u32) -> int:
    """ARP, of IPv4 over Ethernet. The endpoint speaks for its own addresses, or asks without one (RFC 5227 section 2.1.1)."""
    arp = Arp()
    if not packet.load(offset, arp):
        return drop(scratch, Reason.MALFORMED)
    if arp.hardware != 1 or arp.protocol != KIND_IPV4 or arp.hardware_bytes != 6 or arp.protocol_bytes != 4:
        return drop(scratch, Reason.NEIGHBOUR)
    if direction == Direction.INGRESS or arp.sender == 0:
        return Action.OK
    sender = Address()
    sender.low = MAPPED | arp.sender
    if owns(scratch.key.endpoint, sender, scratch.control & BOTH_COLUMNS):
        return Action.OK
    return drop(scratch, Reason.NEIGHBOUR)


@function
def is_neighbour_discovery(scratch: Scratch) -> bool:
    """Whether a packet is one of those that resolve addresses: router solicitations, neighbour solicitations and advertisements.

    Advertisements of routers are such only to the endpoint; from it they are judged by policy, as redirects are.
    """
    if scratch.version != 6 or scratch.protocol != PROTOCOL_ICMPV6 or scratch.is_piece != 0:
        return False
    if scratch.kind == ROUTER_SOLICITATION + 1:
        return scratch.direction == Direction.INGRESS
    if scratch.kind == ROUTER_SOLICITATION:
        return True
    return scratch.kind == NEIGHBOUR_SOLICITATION or scratch.kind == NEIGHBOUR_ADVERTISEMENT


@function
def judge_discovery(packet: Skb, scratch: Scratch, direction: u8) -> int:
    """Neighbour discovery: from the link, and from the endpoint only about itself."""
    ip = Ipv6()
    if not packet.load(scratch.l3_offset, ip) or ip.hops != NEIGHBOUR_HOPS:
        return drop(scratch, Reason.NEIGHBOUR)
    if direction == Direction.INGRESS:
        return Action.OK
    columns: u32 = scratch.control & BOTH_COLUMNS
    source = scratch.key.local_address
    unspecified = source.high == 0 and source.low == 0
    if not unspecified and not is_link_local(source) and not owns(scratch.key.endpoint, source, columns):
        return drop(scratch, Reason.SPOOFED_SOURCE)
    if scratch.kind != NEIGHBOUR_ADVERTISEMENT:
        return Action.OK
    found = Target()
    if not packet.load((scratch.l4_offset + ICMP_BYTES) & 0xFFFFFFFF, found):
        return drop(scratch, Reason.MALFORMED)
    target = Address()
    target.high = found.high
    target.low = found.low
    if is_link_local(target) or owns(scratch.key.endpoint, target, columns):
        return Action.OK
    return drop(scratch, Reason.NEIGHBOUR)
