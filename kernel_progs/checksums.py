"""Internet checksums (RFC 1071) of the packets that the datapath makes."""

from __future__ import annotations

from pybpf.compiler.lang import PSEUDO_HEADER, Skb, Struct, checksum_add, function, u8, u16, u32
from pybpf.kernel_progs.headers import Ipv4, Ipv6, PseudoHeader, PseudoHeader6


def internet_sum(content: bytes) -> int:
    """The unfolded 32-bit one's-complement sum of `content`, little-endian words, zero-padded."""
    padded = content + bytes(-len(content) % 4)
    return sum(int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4)) % 0xFFFFFFFF


@function
def fold(total: int) -> u16:
    """The Internet checksum (RFC 1071) of a sum below 2^40."""
    once = (total & 0xFFFF) + (total >> 16)
    twice = (once & 0xFFFF) + (once >> 16)
    thrice = (twice & 0xFFFF) + (twice >> 16)
    return ~thrice & 0xFFFF


@function
def swapped16(number: int) -> u16:
    """A 16-bit number as it lies in memory in network order."""
    return ((number & 0xFF) << 8) | ((number >> 8) & 0xFF)


@function
def pseudo_sum4(ip: Ipv4, protocol: u8, length: int) -> u32:
    """The pseudo header's part of a checksum over IPv4, for `length` bytes above it."""
    pseudo = PseudoHeader()
    pseudo.source = ip.source
    pseudo.destination = ip.destination
    pseudo.protocol = protocol
    pseudo.length = length
    return checksum_add(pseudo, 0)


@function
def pseudo_sum6(ip: Ipv6, protocol: u8, length: int) -> u32:
    """The same over IPv6."""
    pseudo = PseudoHeader6()
    pseudo.source_high = ip.source_high
    pseudo.source_low = ip.source_low
    pseudo.destination_high = ip.destination_high
    pseudo.destination_low = ip.destination_low
    pseudo.protocol = protocol
    pseudo.length = length
    return checksum_add(pseudo, 0)


class Field16(Struct):
    """Two bytes of the packet, as they lie there."""

    value: u16


@function
def set_l4_checksum(packet: Skb, at: u32, before: u32, length: int, target: u16) -> bool:
    """Make `target` the transport's checksum, at `at`, of a packet whose pseudo header said `before` bytes and now says `length`.

    First the pseudo header's part is replaced for the new length, which is all there is to do for a packet whose checksum the device
    will finish (CHECKSUM_PARTIAL). Then the field is replaced by the full sum, without the pseudo-header flag, which changes finished
    packets only (net/core/filter.c, bpf_l4_csum_replace; net/core/utils.c, inet_proto_csum_replace4).
    """
    current = Field16()
    if not packet.replace_l4_checksum(at, swapped16(before), swapped16(length), PSEUDO_HEADER | 2):
        return False
    if not packet.load(at, current):
        return False
    return packet.replace_l4_checksum(at, ~current.value & 0xFFFF, ~target & 0xFFFF, 2)
