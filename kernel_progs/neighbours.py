"""How addresses are resolved on the link: ARP and IPv6 neighbour discovery, which no connection and no policy is about.

What an endpoint says about addresses must be about its own; what others tell it must come from the link (RFC 4861 section 3.1).
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, Struct, be16, be32, be64, function, u8, u32
from pybpf.kernel_progs.abi import BOTH_COLUMNS, Address, Direction, Reason
from pybpf.kernel_progs.headers import (
    IPV6_BYTES,
    KIND_IPV4,
    MAPPED,
    NEIGHBOUR_ADVERTISEMENT,
    NEIGHBOUR_HOPS,
    NEIGHBOUR_SOLICITATION,
    PROTOCOL_ICMPV6,
    ROUTER_SOLICITATION,
    Arp,
    Ethernet,
    Ipv6,
)
from pybpf.kernel_progs.identity import is_link_local, owns
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.packets import drop

MESSAGE_BYTES: Final = 24
OPTION_BYTES: Final = 8
SOURCE_LINK_ADDRESS: Final = 1  # options, RFC 4861 section 4.6.1
TARGET_LINK_ADDRESS: Final = 2
RESERVED: Final = 0x1FFFFFFF  # below the flags of an advertisement: router, solicited, override
LINK_MULTICAST: Final = 0xFF02


class Message(Struct, packed=True):
    """A neighbour solicitation or advertisement (RFC 4861 sections 4.3, 4.4)."""

    kind: u8
    code: u8
    checksum: be16
    flags: be32
    target_high: be64
    target_low: be64


class LinkAddress(Struct, packed=True):
    """An option with an Ethernet address."""

    kind: u8
    units: u8  # of eight bytes
    address_high: be32
    address_low: be16


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
    is_local = is_link_scope(scratch.key.remote_address)
    if scratch.kind != NEIGHBOUR_SOLICITATION and scratch.kind != NEIGHBOUR_ADVERTISEMENT:
        return Action.OK if is_local else drop(scratch, Reason.NEIGHBOUR)
    message = Message()
    if not packet.load(scratch.l4_offset, message):
        return drop(scratch, Reason.MALFORMED)
    if not is_local and not is_bare(packet, scratch, message):
        return drop(scratch, Reason.NEIGHBOUR)
    if scratch.kind == NEIGHBOUR_SOLICITATION:
        return Action.OK
    target = Address()
    target.high = message.target_high
    target.low = message.target_low
    if is_link_local(target) or owns(scratch.key.endpoint, target, columns):
        return Action.OK
    return drop(scratch, Reason.NEIGHBOUR)


@function
def is_link_scope(address: Address) -> bool:
    """Whether no router sends on what goes there: fe80::/10, or ff02::/16 (RFC 4291 section 2.7)."""
    return is_link_local(address) or (address.high >> 48) == LINK_MULTICAST


@function
def is_bare(packet: Skb, scratch: Scratch, message: Message) -> bool:
    """Whether a message to one neighbour says nothing but what it must: routers send it on like any packet, and no policy has seen it.

    A solicitation asks for the very address it goes to; the only option is the Ethernet address that the frame comes from.
    """
    if scratch.l4_offset != scratch.l3_offset + IPV6_BYTES or (message.flags & RESERVED) != 0:
        return False
    if scratch.kind == NEIGHBOUR_SOLICITATION:
        if message.flags != 0 or message.target_high != scratch.key.remote_address.high or message.target_low != scratch.key.remote_address.low:
            return False
    options: u32 = (packet.length - scratch.l4_offset - MESSAGE_BYTES) & 0xFFFFFFFF
    if options == 0:
        return True
    option = LinkAddress()
    ethernet = Ethernet()
    if options != OPTION_BYTES or not packet.load((scratch.l4_offset + MESSAGE_BYTES) & 0xFFFFFFFF, option) or not packet.load(0, ethernet):
        return False
    if option.kind != (SOURCE_LINK_ADDRESS if scratch.kind == NEIGHBOUR_SOLICITATION else TARGET_LINK_ADDRESS) or option.units != 1:
        return False
    return option.address_high == ethernet.source_high and option.address_low == ethernet.source_low
