"""Everything that plain.py does not read: tags, options, extension headers, fragments, and what is wrong with a packet.

Offsets count from the start of the frame. Each reading function gives the offset where the next part begins, or 0 with
scratch.reason set; nothing that is not understood is passed over.
"""

from __future__ import annotations

from typing import Annotated, Final

from pybpf.compiler.lang import Array, Count, Skb, Struct, function, u8, u16, u32
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.fragments import take_first, take_later
from pybpf.kernel_progs.headers import (
    FRAGMENT_MASK,
    FRAGMENT_OFFSET,
    ICMP_BYTES,
    IPV4_BYTES,
    IPV6_BYTES,
    MORE_FRAGMENTS,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    ROUTER_SOLICITATION,
    SCTP_BYTES,
    TCP_BYTES,
    UDP_BYTES,
    Icmp,
    Ipv4,
    Ipv6,
    Ports,
    Tcp,
    Udp,
)
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.packets import set_between4, set_message, set_ports, set_protocol
from pybpf.kernel_progs.plain import has_true_addresses, read_tcp, read_udp, set_between6

LONGEST: Final = 65535  # of a datagram put together from fragments
HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
DESTINATION_OPTIONS: Final = 60
MOST_EXTENSIONS: Final = 8
MOST_EXTENSION_BYTES: Final = 512
LOOSE_ROUTE: Final = 131
STRICT_ROUTE: Final = 137
REDIRECT: Final = 137  # the last type of neighbour discovery
INIT: Final = 1  # the SCTP chunk that opens an association (RFC 9260 section 3.3.2)


class Extension(Struct, packed=True):
    """RFC 8200 section 4: the first eight bytes of an extension header; of a fragment header, all."""

    next_header: u8
    eights: u8  # behind the first
    kind: u8  # of a routing header
    segments_left: u8
    rest: Annotated[Array[u8], Count(4)]


class Options(Struct):
    """IPv4 options, zero-padded to a size that an index can be masked to."""

    octets: Annotated[Array[u8], Count(64)]


class ChunkType(Struct):
    """What an SCTP chunk is."""

    kind: u8


class Piece(Struct):
    """Where a fragment belongs. `is_fragment` 0: the packet is whole."""

    identification: u32
    offset: u32  # in bytes
    length: u32  # in bytes; of IPv6, of all behind the fragment header
    more: u8
    is_fragment: u8
    pad: u16


@function
def fault(scratch: Scratch, reason: u32) -> u32:
    """What is wrong, told; gives 0, which is no offset."""
    scratch.reason = reason & 0xFF
    return 0


@function
def read_ipv4(packet: Skb, scratch: Scratch, direction: u8, offset: u32) -> bool:
    """An IPv4 packet whose header is at `offset`; False, and scratch.reason, when it is not understood."""
    ip = Ipv4()
    if not packet.load(offset, ip):
        return fault(scratch, Reason.MALFORMED) != 0
    header: u32 = (ip.version_and_words & 15) * 4
    total: u32 = ip.total_bytes
    if (ip.version_and_words >> 4) != 4 or header < IPV4_BYTES or total < header or offset + total > packet.length:
        return fault(scratch, Reason.MALFORMED) != 0
    set_between4(scratch, direction, ip.source, ip.destination)
    set_protocol(scratch, ip.protocol)
    scratch.l3_offset = offset
    scratch.l4_offset = (offset + header) & 0xFFFFFFFF
    if header > IPV4_BYTES and not has_harmless_options(packet, scratch, (offset + IPV4_BYTES) & 0xFFFFFFFF, header - IPV4_BYTES):
        return False
    piece = Piece()
    piece.identification = ip.identification
    piece.offset = (ip.fragment & FRAGMENT_OFFSET) * 8
    piece.length = total - header
    piece.more = 1 if (ip.fragment & MORE_FRAGMENTS) != 0 else 0
    piece.is_fragment = 1 if (ip.fragment & FRAGMENT_MASK) != 0 else 0
    if piece.is_fragment != 0 and not has_a_place(scratch, piece):
        return False
    return read_piece(packet, scratch, direction, piece, (offset + total) & 0xFFFFFFFF)


@function
def has_harmless_options(packet: Skb, scratch: Scratch, offset: u32, length: u32) -> bool:
    """Whether IPv4 options (RFC 791 section 3.1) are well-formed and leave the way to routers; else scratch.reason."""
    options = Options()
    if length == 0 or length > 40 or not packet.load_bytes(offset, options.octets, length):
        return fault(scratch, Reason.MALFORMED) != 0
    position: u32 = 0
    for _ in range(40):
        if position >= length:
            return True
        kind: u8 = options.octets[position & 63]
        if kind == 0:
            return True
        if kind == LOOSE_ROUTE or kind == STRICT_ROUTE:
            return fault(scratch, Reason.SOURCE_ROUTE) != 0
        size: u32 = 1
        if kind != 1:
            size = options.octets[(position + 1) & 63]
            if size < 2 or position + 1 >= length:
                return fault(scratch, Reason.MALFORMED) != 0
        position = (position + size) & 0xFFFF
        if position > length:
            return fault(scratch, Reason.MALFORMED) != 0
    return True


@function
def read_ipv6(packet: Skb, scratch: Scratch, direction: u8, offset: u32) -> bool:
    """An IPv6 packet whose header is at `offset`, as read_ipv4."""
    ip = Ipv6()
    if not packet.load(offset, ip):
        return fault(scratch, Reason.MALFORMED) != 0
    end: u32 = (offset + IPV6_BYTES + ip.payload_bytes) & 0xFFFFFFFF
    if (ip.version_and_flow >> 28) != 6 or end > packet.length or not has_true_addresses(ip):
        return fault(scratch, Reason.MALFORMED) != 0
    set_between6(scratch, direction, ip)
    set_protocol(scratch, ip.next_header)
    scratch.l3_offset = offset
    piece = Piece()
    if not step_over(packet, scratch, piece, (offset + IPV6_BYTES) & 0xFFFFFFFF, end):
        return False
    return read_piece(packet, scratch, direction, piece, end)


@function
def step_over(packet: Skb, scratch: Scratch, piece: Piece, start: u32, end: u32) -> bool:
    """IPv6 extension headers from `start` on: scratch.protocol and l4_offset are what follows; False and scratch.reason."""
    at = start
    fragments_seen: u32 = 0
    short: u32 = Reason.MALFORMED  # of a chain that does not end in the packet
    for number in range(MOST_EXTENSIONS + 1):
        kind: u8 = scratch.protocol
        is_later = piece.offset != 0
        if is_later or (kind != HOP_BY_HOP and kind != ROUTING and kind != FRAGMENT and kind != DESTINATION_OPTIONS):
            scratch.l4_offset = at
            return True
        if (kind == HOP_BY_HOP and number != 0) or (kind == FRAGMENT and fragments_seen != 0):
            return fault(scratch, Reason.MALFORMED) != 0
        if number >= MOST_EXTENSIONS:
            return fault(scratch, Reason.TOO_MANY_HEADERS) != 0
        extension = Extension()
        size: u32 = 8
        if at + 8 > end or not packet.load(at, extension):
            return fault(scratch, short) != 0
        if kind != FRAGMENT:
            size = (extension.eights + 1) * 8
        if at + size > end:
            return fault(scratch, short) != 0
        if at + size - start > MOST_EXTENSION_BYTES:
            return fault(scratch, Reason.TOO_MANY_HEADERS) != 0
        if kind == ROUTING and (extension.kind == 0 or extension.segments_left != 0):
            return fault(scratch, Reason.SOURCE_ROUTE) != 0
        if kind == FRAGMENT:
            fragments_seen = 1
            set_piece(piece, extension, (end - at - 8) & 0xFFFFFFFF)
            if piece.is_fragment != 0:
                short = Reason.FRAGMENT
                if not has_a_place(scratch, piece):
                    return False
        set_protocol(scratch, extension.next_header)
        at = (at + size) & 0xFFFFFFFF
    return fault(scratch, Reason.TOO_MANY_HEADERS) != 0


@function
def set_piece(piece: Piece, header: Extension, length: u32) -> None:
    """What a fragment header (RFC 8200 section 4.5) says, with `length` bytes behind it: offset in eights and the more-bit, then the identification."""
    word: u16 = header.kind * 256 + header.segments_left
    piece.length = length
    piece.offset = word & 0xFFF8
    piece.more = word & 1
    piece.is_fragment = 1 if (word & 0xFFF9) != 0 else 0
    piece.identification = header.rest[0] * 16777216 + header.rest[1] * 65536 + header.rest[2] * 256 + header.rest[3]


@function
def has_a_place(scratch: Scratch, piece: Piece) -> bool:
    """Whether a fragment can be part of a datagram; else scratch.reason. One of no bytes says nothing but confuses those who count."""
    if (piece.more != 0 and (piece.length & 7) != 0) or piece.offset + piece.length > LONGEST:
        return fault(scratch, Reason.MALFORMED) != 0
    return piece.length != 0 or fault(scratch, Reason.FRAGMENT) != 0


@function
def read_piece(packet: Skb, scratch: Scratch, direction: u8, piece: Piece, end: u32) -> bool:
    """A whole packet or a fragment, whose IP headers are behind it."""
    start: u32 = scratch.l4_offset
    if piece.is_fragment == 0:
        return read_transport(packet, scratch, direction, start, end & 0xFFFFFFFF, Reason.MALFORMED)
    if piece.offset != 0:
        scratch.is_piece = 1
        return take_later(scratch, direction, piece.identification, piece.offset)
    scratch.is_piece = 2
    if not read_transport(packet, scratch, direction, start, end & 0xFFFFFFFF, Reason.FRAGMENT):
        return False
    if is_discovery_kind(scratch):
        return fault(scratch, Reason.MALFORMED) != 0  # never in fragments, where nobody could look at its target (RFC 6980)
    return take_first(scratch, direction, piece.identification, piece.length)


@function
def is_discovery_kind(scratch: Scratch) -> bool:
    """Whether it is a message of neighbour discovery, redirects among them (RFC 4861 section 4)."""
    return scratch.protocol == PROTOCOL_ICMPV6 and scratch.kind >= ROUTER_SOLICITATION and scratch.kind <= REDIRECT


@function
def read_transport(packet: Skb, scratch: Scratch, direction: u8, offset: u32, end: u32, short: u32) -> bool:
    """The transport's header; `short` is the reason when it is not all there."""
    protocol: u8 = scratch.protocol
    room = (end - offset) & 0xFFFFFFFF
    if protocol == PROTOCOL_TCP:
        tcp = Tcp()
        if room < TCP_BYTES or not packet.load(offset, tcp):
            return fault(scratch, short) != 0
        if (tcp.words >> 4) < 5:
            return fault(scratch, Reason.MALFORMED) != 0
        return read_tcp(scratch, direction, tcp, offset, end) or fault(scratch, short) != 0
    if protocol == PROTOCOL_UDP:
        udp = Udp()
        if room < UDP_BYTES or not packet.load(offset, udp):
            return fault(scratch, short) != 0
        last = offset + LONGEST if scratch.is_piece != 0 else end
        return read_udp(scratch, direction, udp, offset, last & 0xFFFFFFFF) or fault(scratch, Reason.MALFORMED) != 0
    if protocol == PROTOCOL_SCTP:
        return read_sctp(packet, scratch, direction, offset, room, short)
    if protocol == (PROTOCOL_ICMP if scratch.version == 4 else PROTOCOL_ICMPV6):
        icmp = Icmp()
        if room < ICMP_BYTES or not packet.load(offset, icmp):
            return fault(scratch, short) != 0
        set_message(scratch, direction, icmp.kind, icmp.identifier)
        return True
    if protocol == PROTOCOL_ICMP or protocol == PROTOCOL_ICMPV6:
        return fault(scratch, Reason.MALFORMED) != 0  # the other version's: its types mean nothing here (RFC 4443 section 1)
    return True


@function
def read_sctp(packet: Skb, scratch: Scratch, direction: u8, offset: u32, room: u32, short: u32) -> bool:
    """An SCTP packet: it opens an association when its first chunk says so."""
    ports = Ports()
    if room < SCTP_BYTES or not packet.load(offset, ports):
        return fault(scratch, short) != 0
    set_ports(scratch, direction, ports.source, ports.destination)
    chunk = ChunkType()
    if room > SCTP_BYTES and packet.load((offset + SCTP_BYTES) & 0xFFFFFFFF, chunk) and chunk.kind == INIT:
        scratch.opens = 1
    return True
