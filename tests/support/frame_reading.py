"""What a datapath must understand of a frame: a plain, slow reader to hold the fast one against.

It shares nothing with the programs in the kernel nor with the builder of frames; it reads one thing after the other and
refuses at the first that is wrong, so that of several faults the one nearest to the frame's start is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

__all__ = ["FragmentPlace", "Kind", "Reading", "Refusal", "read"]

ETHERNET_BYTES: Final = 14
TAG_BYTES: Final = 4
TAG_KINDS: Final = (0x8100, 0x88A8)
MAXIMUM_TAGS: Final = 2
MAXIMUM_EXTENSIONS: Final = 8
MAXIMUM_EXTENSION_BYTES: Final = 512
LAST_BYTE: Final = 65535  # of a datagram that fragments make up
NEIGHBOUR_DISCOVERY: Final = range(133, 138)

HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
DESTINATION_OPTIONS: Final = 60


class Kind(StrEnum):
    """What the Ethernet header and its tags say comes next."""

    ARP = "arp"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    OTHER = "other"


class Refusal(StrEnum):
    """Why a frame is not understood."""

    MALFORMED = "MALFORMED"  # fields contradict each other, or the frame's end
    SOURCE_ROUTE = "SOURCE_ROUTE"  # it says where to go besides its destination
    TOO_MANY_HEADERS = "TOO_MANY_HEADERS"  # more IPv6 extension headers than are stepped over
    FRAGMENT = "FRAGMENT"  # a first fragment without all of its headers, or one of nothing


@dataclass(frozen=True, slots=True)
class FragmentPlace:
    """Where a fragment belongs: `offset` and `length` in bytes; the identification has 16 bits for IPv4 and 32 for IPv6.

    Of an IPv6 fragment all that follows its fragment header counts, extension headers too (RFC 8200 section 4.5).
    """

    identification: int
    offset: int
    more: bool
    length: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a frame says; offsets count from its first byte. 0 (or None) is "there is none".

    `refused`: only `kind`, `vlans` and `l3_offset` say something besides. `protocol` is the number of what `l4_offset`
    points at; in later fragments the number that their header repeats, which for IPv6 may be an extension header's.
    `fragment` is None for whole packets, those with an IPv6 fragment header that splits nothing among them. The payload
    is what follows the transport header, as far as UDP's own length, else the IP length, says; in later fragments, and
    for protocols without a header here, all that follows the IP header. `icmp_identifier`: of echo messages.
    """

    kind: Kind
    vlans: int = 0
    l3_offset: int = 0
    refused: Refusal | None = None
    source: IPv4Address | IPv6Address | None = None
    destination: IPv4Address | IPv6Address | None = None
    hop_limit: int = 0
    protocol: int = 0
    fragment: FragmentPlace | None = None
    l4_offset: int = 0
    source_port: int = 0
    destination_port: int = 0
    tcp_flags: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    icmp_identifier: int = 0
    payload_offset: int = 0
    payload_length: int = 0


def read(frame: bytes) -> Reading:
    """What `frame`, from its destination address on, says. Bytes after the packet's own length are padding.

    A third VLAN tag is an ethertype like any other that is not understood: the kind is OTHER.
    """
    if len(frame) < ETHERNET_BYTES:
        return Reading(Kind.OTHER, refused=Refusal.MALFORMED)
    ethertype, at, vlans = number(frame, 12, 2), ETHERNET_BYTES, 0
    while ethertype in TAG_KINDS and vlans < MAXIMUM_TAGS:
        if len(frame) < at + TAG_BYTES:
            return Reading(Kind.OTHER, vlans, at, Refusal.MALFORMED)
        ethertype, at, vlans = number(frame, at + 2, 2), at + TAG_BYTES, vlans + 1
    reading = Reading(KINDS.get(ethertype, Kind.OTHER), vlans, at)
    try:
        match reading.kind:
            case Kind.IPV4:
                return read_ipv4(frame, reading)
            case Kind.IPV6:
                return read_ipv6(frame, reading)
            case Kind.ARP | Kind.OTHER:
                return reading
    except NotUnderstood as not_understood:
        return replace(reading, refused=not_understood.refusal)


def read_ipv4(frame: bytes, reading: Reading) -> Reading:
    """RFC 791 section 3.1."""
    start = reading.l3_offset
    demand(len(frame) >= start + 20, Refusal.MALFORMED)
    header_bytes = (frame[start] & 0xF) * 4
    total_bytes = number(frame, start + 2, 2)
    demand(frame[start] >> 4 == 4, Refusal.MALFORMED)
    demand(20 <= header_bytes <= total_bytes <= len(frame) - start, Refusal.MALFORMED)
    check_ipv4_options(frame[start + 20 : start + header_bytes])
    word = number(frame, start + 6, 2)
    place = FragmentPlace(number(frame, start + 4, 2), (word & 0x1FFF) * 8, bool(word & 0x2000), total_bytes - header_bytes)
    reading = replace(
        reading,
        source=IPv4Address(frame[start + 12 : start + 16]),
        destination=IPv4Address(frame[start + 16 : start + 20]),
        hop_limit=frame[start + 8],
        protocol=frame[start + 9],
        l4_offset=start + header_bytes,
        fragment=place if splits(place) else None,
    )
    return read_transport(frame[: start + total_bytes], reading)


def check_ipv4_options(options: bytes) -> None:
    """End-of-list (0) and no-operation (1) are one byte; all others have their length in the second one."""
    at = 0
    while at < len(options) and options[at] != 0:
        demand(options[at] not in (131, 137), Refusal.SOURCE_ROUTE)
        if options[at] == 1:
            at += 1
        else:
            demand(at + 1 < len(options), Refusal.MALFORMED)
            demand(options[at + 1] >= 2, Refusal.MALFORMED)
            demand(at + options[at + 1] <= len(options), Refusal.MALFORMED)
            at += options[at + 1]


def read_ipv6(frame: bytes, reading: Reading) -> Reading:
    """RFC 8200 section 3. A payload of 0 bytes is nothing; where a header should follow (a jumbogram's), it has no room.

    IPv4 addresses written as IPv6 ones do not belong on the wire (RFC 4942 section 2.2).
    """
    start = reading.l3_offset
    demand(len(frame) >= start + 40, Refusal.MALFORMED)
    demand(frame[start] >> 4 == 6, Refusal.MALFORMED)
    end = start + 40 + number(frame, start + 4, 2)
    demand(end <= len(frame), Refusal.MALFORMED)
    source, destination = IPv6Address(frame[start + 8 : start + 24]), IPv6Address(frame[start + 24 : start + 40])
    demand(source.ipv4_mapped is None and destination.ipv4_mapped is None, Refusal.MALFORMED)
    reading = replace(
        reading,
        source=source,
        destination=destination,
        hop_limit=frame[start + 7],
        protocol=frame[start + 6],
        l4_offset=start + 40,
    )
    return read_transport(frame[:end], step_over_extensions(frame[:end], reading))


def step_over_extensions(packet: bytes, reading: Reading) -> Reading:
    """RFC 8200 section 4.1, up to the first header that is none of these four, or to a later fragment's content."""
    first = at = reading.l4_offset
    header, steps, fragment_headers, place = reading.protocol, 0, 0, None
    while header in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS):
        cut_short = Refusal.FRAGMENT if place else Refusal.MALFORMED
        demand(header != HOP_BY_HOP or at == first, Refusal.MALFORMED)
        demand(header != FRAGMENT or fragment_headers == 0, Refusal.MALFORMED)
        steps += 1
        demand(steps <= MAXIMUM_EXTENSIONS, Refusal.TOO_MANY_HEADERS)
        demand(at + 8 <= len(packet), cut_short)
        length = 8 if header == FRAGMENT else 8 + packet[at + 1] * 8
        demand(at + length <= len(packet), cut_short)
        demand(at + length - first <= MAXIMUM_EXTENSION_BYTES, Refusal.TOO_MANY_HEADERS)
        if header == ROUTING:
            route_kind, segments_left = packet[at + 2], packet[at + 3]
            demand(route_kind != 0 and segments_left == 0, Refusal.SOURCE_ROUTE)
        if header == FRAGMENT:
            fragment_headers += 1
            word = number(packet, at + 2, 2)
            here = FragmentPlace(number(packet, at + 4, 4), word & 0xFFF8, bool(word & 1), len(packet) - at - length)
            place = here if splits(here) else None
        header, at = packet[at], at + length
        if place and place.offset > 0:
            break
    return replace(reading, protocol=header, l4_offset=at, fragment=place)


def splits(place: FragmentPlace) -> bool:
    """Whether this is a fragment, and not a whole packet."""
    demand(not place.more or place.length % 8 == 0, Refusal.MALFORMED)
    demand(place.offset + place.length <= LAST_BYTE, Refusal.MALFORMED)
    is_fragment = place.offset > 0 or place.more
    demand(not is_fragment or place.length > 0, Refusal.FRAGMENT)
    return is_fragment


def read_transport(packet: bytes, reading: Reading) -> Reading:
    """The frame up to the IP packet's end, and from `l4_offset` on what the protocol says."""
    reading = replace(reading, payload_offset=reading.l4_offset, payload_length=len(packet) - reading.l4_offset)
    if reading.fragment and reading.fragment.offset > 0:
        return reading
    match reading.kind, reading.protocol:
        case _, 6:
            return read_tcp(packet, reading)
        case _, 17:
            return read_udp(packet, reading)
        case _, 132:
            return read_ports(packet, reading, 12)
        case (Kind.IPV4, 1) | (Kind.IPV6, 58):
            return read_icmp(packet, reading)
        case (Kind.IPV4, 58) | (Kind.IPV6, 1):  # each version has an ICMP of its own (RFC 4443 section 1); the other's types mean nothing
            raise NotUnderstood(Refusal.MALFORMED)
        case _:
            return reading


def read_tcp(packet: bytes, reading: Reading) -> Reading:
    """RFC 9293 section 3.1."""
    reading = read_ports(packet, reading, 20)
    header_bytes = (packet[reading.l4_offset + 12] >> 4) * 4
    demand(header_bytes >= 20, Refusal.MALFORMED)
    return replace(after_header(packet, reading, header_bytes), tcp_flags=packet[reading.l4_offset + 13])


def read_udp(packet: bytes, reading: Reading) -> Reading:
    """RFC 768. The length of a first fragment's datagram goes beyond the fragment."""
    reading = read_ports(packet, reading, 8)
    length = number(packet, reading.l4_offset + 4, 2)
    demand(length >= 8, Refusal.MALFORMED)
    if reading.fragment:
        return reading
    demand(length <= len(packet) - reading.l4_offset, Refusal.MALFORMED)
    return replace(reading, payload_length=length - 8)


def read_icmp(packet: bytes, reading: Reading) -> Reading:
    """RFC 792 and RFC 4443 section 2.1."""
    at = reading.l4_offset
    reading = after_header(packet, reading, 8)
    demand(not (reading.fragment and reading.kind is Kind.IPV6 and packet[at] in NEIGHBOUR_DISCOVERY), Refusal.MALFORMED)  # RFC 6980
    is_echo = packet[at] in ((8, 0) if reading.kind is Kind.IPV4 else (128, 129))
    identifier = number(packet, at + 4, 2) if is_echo else 0
    return replace(reading, icmp_type=packet[at], icmp_code=packet[at + 1], icmp_identifier=identifier)


def read_ports(packet: bytes, reading: Reading, header_bytes: int) -> Reading:
    """TCP, UDP and SCTP begin with them."""
    reading = after_header(packet, reading, header_bytes)
    at = reading.l4_offset
    return replace(reading, source_port=number(packet, at, 2), destination_port=number(packet, at + 2, 2))


def after_header(packet: bytes, reading: Reading, header_bytes: int) -> Reading:
    """With the payload after a transport header of this length, which must be there."""
    end = reading.l4_offset + header_bytes
    demand(end <= len(packet), Refusal.FRAGMENT if reading.fragment else Refusal.MALFORMED)
    return replace(reading, payload_offset=end, payload_length=len(packet) - end)


def number(content: bytes, at: int, size: int) -> int:
    """Big-endian, as everything on the wire is."""
    return int.from_bytes(content[at : at + size], "big")


def demand(holds: bool, refusal: Refusal) -> None:
    """Refuse unless it holds."""
    if not holds:
        raise NotUnderstood(refusal)


class NotUnderstood(Exception):
    """The frame is refused; never leaves `read`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


KINDS: Final = {0x0800: Kind.IPV4, 0x0806: Kind.ARP, 0x86DD: Kind.IPV6}
