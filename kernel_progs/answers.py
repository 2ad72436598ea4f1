"""Our own packets in place of refused ones: who may get them, how they go out, and how the endpoint's other hook knows them.

An answer to a packet for the endpoint comes by the hook of what the endpoint sends, and the other way round, and a policy that is
enforced there says nothing of it. So a clone is marked while it is sent, and the mark is taken off where it comes by. Marks do not
cross network namespaces (net/core/skbuff.c, skb_scrub_packet), so an endpoint cannot forge one; and a packet with the mark passes
only if it is such as we make: a RST or an ICMP error, and not one byte more.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import REDIRECT_INGRESS, Skb, function, u8
from pybpf.kernel_progs.abi import Direction
from pybpf.kernel_progs.headers import (
    FIN,
    ICMP_BYTES,
    IPV4_BYTES,
    IPV6_BYTES,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_TCP,
    RST,
    SYN,
    TCP_BYTES,
    UNREACHABLE,
    UNREACHABLE_V6,
    Ethernet,
)
from pybpf.kernel_progs.matching import Scratch

ANSWER_MARK: Final = 0x70627066
QUOTED_TRANSPORT: Final = 8  # bytes of the refused packet behind its IP header (RFC 792)
ERROR4_BYTES: Final = ICMP_BYTES + IPV4_BYTES + QUOTED_TRANSPORT
ERROR6_BYTES: Final = ICMP_BYTES + IPV6_BYTES + QUOTED_TRANSPORT


@function
def take_mark(packet: Skb) -> u8:
    """1 when the packet is marked as an answer; it is no longer."""
    if packet.mark != ANSWER_MARK:
        return 0
    packet.mark = 0
    return 1


@function
def is_own_answer(packet: Skb, scratch: Scratch) -> bool:
    """Whether it was marked, and is a RST without options and payload, or an ICMP error of the length that ours have."""
    if scratch.is_answer == 0 or scratch.is_piece != 0:
        return False
    length = (packet.length - scratch.l4_offset) & 0xFFFFFFFF
    if scratch.protocol == PROTOCOL_TCP:
        return (scratch.flags & (SYN | FIN | RST)) == RST and length == TCP_BYTES
    if scratch.protocol == PROTOCOL_ICMP:
        return scratch.kind == UNREACHABLE and length == ERROR4_BYTES
    return scratch.protocol == PROTOCOL_ICMPV6 and scratch.kind == UNREACHABLE_V6 and length == ERROR6_BYTES


@function
def turn_ethernet(packet: Skb) -> bool:
    """Exchange the frame's ends; False for a group's frame, which gets no answers."""
    ethernet = Ethernet()
    if not packet.load(0, ethernet) or ((ethernet.destination_high >> 24) & 1) != 0:
        return False
    high = ethernet.destination_high
    ethernet.destination_high = ethernet.source_high
    ethernet.source_high = high
    low = ethernet.destination_low
    ethernet.destination_low = ethernet.source_low
    ethernet.source_low = low
    return packet.store(0, ethernet)


@function
def send_back(packet: Skb, direction: u8) -> bool:
    """Send a clone of the packet, which went in `direction`, back where it came from."""
    before = packet.mark
    packet.mark = ANSWER_MARK
    sent = packet.clone_redirect(packet.interface_index, REDIRECT_INGRESS if direction == Direction.INGRESS else 0)
    packet.mark = before
    return sent
