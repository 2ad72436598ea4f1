"""A segment that passes without its bytes: an empty one in its place, whose receiver answers with what it really has (RFC 9293 section 3.10.7.4)."""

from __future__ import annotations

from typing import Annotated, Final

from pybpf.compiler.lang import (
    Action,
    Array,
    Count,
    Skb,
    Struct,
    checksum_add,
    function,
    program,
    u8,
    u32,
    wrap,
)
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.checksums import fold, pseudo_sum4, pseudo_sum6, set_l4_checksum, swapped16
from pybpf.kernel_progs.events import finish
from pybpf.kernel_progs.headers import FIN, IPV6_BYTES, PROTOCOL_TCP, PSH, TCP_BYTES, Ipv4, Ipv6
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.state import scratches

LONGEST: Final = 60  # a TCP header, in bytes
FLAGS: Final = 13  # where they are in it
CHECKSUM: Final = 16
IP4_CHECKSUM: Final = 10


class Header(Struct):
    """A TCP header with its options, zero-padded."""

    octets: Annotated[Array[u8], Count(64)]


class Flags(Struct):
    """Those of a TCP header."""

    value: u8


@program("tc")
def strip_packet(packet: Skb) -> int:
    """Let the segment that `scratch` describes pass without its bytes, and without FIN, which stands behind them."""
    scratch = scratches.lookup(0)
    if scratch is None:
        return Action.SHOT
    return finish(packet, scratch, Action.OK if strip(packet, scratch) else drop(scratch, Reason.UNREADABLE))


@function
def strip(packet: Skb, scratch: Scratch) -> bool:
    """Whether the packet was changed."""
    length: u32 = wrap(u32, scratch.payload_offset - scratch.l4_offset)
    header = Header()
    if length < TCP_BYTES or length > LONGEST or not packet.change_tail(scratch.payload_offset):
        return False
    total: u32 = shorten4(packet, scratch, length) if scratch.version == 4 else shorten6(packet, scratch, length)
    if total == 0 or not packet.load_bytes(scratch.l4_offset, header.octets, length):
        return False
    flags = Flags()
    flags.value = header.octets[FLAGS] & ~(FIN | PSH) & 0xFF
    header.octets[FLAGS] = flags.value
    header.octets[CHECKSUM] = 0
    header.octets[CHECKSUM + 1] = 0
    target = fold(checksum_add(header, total))
    if not packet.store(wrap(u32, scratch.l4_offset + FLAGS), flags):
        return False
    old_length: u32 = wrap(u32, length + scratch.payload_length)
    return set_l4_checksum(packet, wrap(u32, scratch.l4_offset + CHECKSUM), old_length, length, target)


@function
def shorten4(packet: Skb, scratch: Scratch, length: u32) -> u32:
    """Make the IPv4 header say that there are `length` bytes of TCP; gives the pseudo header's sum, 0 when it failed."""
    ip = Ipv4()
    if not packet.load(scratch.l3_offset, ip):
        return 0
    before = ip.total_bytes
    after = wrap(u32, scratch.l4_offset - scratch.l3_offset + length) & 0xFFFF
    ip.total_bytes = after
    if not packet.store(scratch.l3_offset, ip):
        return 0
    if not packet.replace_l3_checksum(wrap(u32, scratch.l3_offset + IP4_CHECKSUM), swapped16(before), swapped16(after), 2):
        return 0
    return pseudo_sum4(ip, PROTOCOL_TCP, length)


@function
def shorten6(packet: Skb, scratch: Scratch, length: u32) -> u32:
    """The same of IPv6, whose extension headers stay."""
    ip = Ipv6()
    if not packet.load(scratch.l3_offset, ip):
        return 0
    ip.payload_bytes = wrap(u32, scratch.l4_offset - scratch.l3_offset - IPV6_BYTES + length) & 0xFFFF
    if not packet.store(scratch.l3_offset, ip):
        return 0
    return pseudo_sum6(ip, PROTOCOL_TCP, length)
