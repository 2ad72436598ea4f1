"""Answering what is refused by ICMP: communication administratively prohibited, with the head of the refused packet quoted.

Only packets that errors may be about are answered (RFC 1122 section 3.2.2, RFC 4443 section 2.4): no errors, no groups (nor what
judging.py keeps from here), no fragments but first ones. The checksum is complete: where the refused packet's was left to the device, finishing it adds zero.
"""

from __future__ import annotations

from typing import Annotated, Final

from pybpf.compiler.lang import (
    Action,
    Array,
    Count,
    Skb,
    Struct,
    be32,
    checksum_add,
    function,
    program,
    u8,
    u16,
)
from pybpf.kernel_progs.abi import Verdict
from pybpf.kernel_progs.answers import ERROR4_BYTES, ERROR6_BYTES, QUOTED_TRANSPORT, send_back, turn_ethernet
from pybpf.kernel_progs.checksums import fold, pseudo_sum6
from pybpf.kernel_progs.counting import count_frame
from pybpf.kernel_progs.events import report
from pybpf.kernel_progs.headers import (
    IPV4_BYTES,
    IPV4_PLAIN,
    IPV6_BYTES,
    PROHIBITED_CODE,
    PROHIBITED_CODE_V6,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    UNREACHABLE,
    UNREACHABLE_V6,
    Ipv4,
    Ipv6,
)
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.related import is_error
from pybpf.kernel_progs.state import scratches

HOPS: Final = 64


class Error4(Struct, packed=True):
    """An ICMP error about an IPv4 packet without options, as long as it must be (RFC 792)."""

    kind: u8
    code: u8
    checksum: u16
    unused: be32
    ip: Ipv4
    transport: Annotated[Array[u8], Count(QUOTED_TRANSPORT)]


class Error6(Struct, packed=True):
    """The same about an IPv6 packet without extension headers (RFC 4443 section 3.1)."""

    kind: u8
    code: u8
    checksum: u16
    unused: be32
    ip: Ipv6
    transport: Annotated[Array[u8], Count(QUOTED_TRANSPORT)]


@function
def make_error4(packet: Skb, scratch: Scratch) -> bool:
    """Turn an IPv4 packet into the error about itself."""
    error = Error4()
    if not packet.load(scratch.l3_offset, error.ip) or not packet.load_bytes(scratch.l4_offset, error.transport, QUOTED_TRANSPORT):
        return False
    if not turn_ethernet(packet) or not packet.change_tail((scratch.l3_offset + IPV4_BYTES + ERROR4_BYTES) & 0xFFFFFFFF):
        return False
    error.kind = UNREACHABLE
    error.code = PROHIBITED_CODE
    error.checksum = fold(checksum_add(error, 0))
    ip = Ipv4()
    ip.version_and_words = IPV4_PLAIN
    ip.total_bytes = IPV4_BYTES + ERROR4_BYTES
    ip.hops = HOPS
    ip.protocol = PROTOCOL_ICMP
    ip.source = error.ip.destination
    ip.destination = error.ip.source
    ip.checksum = fold(checksum_add(ip, 0))
    return packet.store(scratch.l3_offset, ip) and packet.store((scratch.l3_offset + IPV4_BYTES) & 0xFFFFFFFF, error)


@function
def make_error6(packet: Skb, scratch: Scratch) -> bool:
    """Turn an IPv6 packet into the error about itself."""
    error = Error6()
    if not packet.load(scratch.l3_offset, error.ip) or not packet.load_bytes(scratch.l4_offset, error.transport, QUOTED_TRANSPORT):
        return False
    if not turn_ethernet(packet) or not packet.change_tail((scratch.l3_offset + IPV6_BYTES + ERROR6_BYTES) & 0xFFFFFFFF):
        return False
    ip = Ipv6()
    ip.version_and_flow = 0x60000000
    ip.payload_bytes = ERROR6_BYTES
    ip.next_header = PROTOCOL_ICMPV6
    ip.hops = HOPS
    ip.source_high = error.ip.destination_high
    ip.source_low = error.ip.destination_low
    ip.destination_high = error.ip.source_high
    ip.destination_low = error.ip.source_low
    error.kind = UNREACHABLE_V6
    error.code = PROHIBITED_CODE_V6
    error.checksum = fold(checksum_add(error, pseudo_sum6(ip, PROTOCOL_ICMPV6, ERROR6_BYTES)))
    return packet.store(scratch.l3_offset, ip) and packet.store((scratch.l3_offset + IPV6_BYTES) & 0xFFFFFFFF, error)


@program("tc")
def prohibit_packet(packet: Skb) -> int:
    """Answer the packet that `scratch` describes by an ICMP error, and drop it."""
    scratch = scratches.lookup(0)
    if scratch is None:
        return Action.SHOT
    room = (scratch.l4_offset - scratch.l3_offset) & 0xFFFFFFFF
    is_plain = room == (IPV4_BYTES if scratch.version == 4 else IPV6_BYTES)
    scratch.verdict = Verdict.REFUSED_PROHIBITED if is_plain and not is_error(scratch) else Verdict.DROPPED
    count_frame(scratch, packet.length)
    report(scratch, scratch.verdict, scratch.reason, scratch.rule, packet.length)
    if scratch.verdict == Verdict.DROPPED:
        return Action.SHOT
    direction: u8 = scratch.direction
    made = make_error4(packet, scratch) if scratch.version == 4 else make_error6(packet, scratch)
    if made:
        send_back(packet, direction)
    return Action.SHOT
