"""IPv4 and IPv6 packets, as values and as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias, assert_never

from tests.support import extension_headers
from tests.support.checksums import internet_checksum
from tests.support.extension_headers import HOP_BY_HOP, ROUTING, Extension, extension_bytes
from tests.support.transports import Icmp, Icmpv6, Raw, Tcp, Transport, protocol_of, transport_bytes

__all__ = ["LOOSE_SOURCE_ROUTE", "STRICT_SOURCE_ROUTE", "Ipv4", "Ipv6", "Packet", "error_about", "fragments", "packet_bytes"]

LOOSE_SOURCE_ROUTE: Final = 131
STRICT_SOURCE_ROUTE: Final = 137
LEAST_MTU: Final = 1280  # RFC 8200 section 5
PLAIN_SEGMENT: Final = Tcp()


@dataclass(frozen=True, slots=True)
class Ipv4:
    """RFC 791 section 3.1. `offset` in bytes, a multiple of 8; options are filled up to whole words with end-of-list.

    `version`, `words`, `total_bytes`, `protocol` and `checksum`: what stands there instead of the right value.
    """

    source: str = "10.0.0.1"
    destination: str = "10.0.0.2"
    content: Transport = PLAIN_SEGMENT
    hops: int = 64
    service: int = 0
    identification: int = 1
    dont_fragment: bool = False
    more: bool = False
    offset: int = 0
    options: bytes = b""
    version: int = 4
    words: int | None = None
    total_bytes: int | None = None
    protocol: int | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Ipv6:
    """RFC 8200 section 3. A fragment has a fragment header among its extensions, and Raw content.

    `version`, `payload_bytes` and `next_header`: what stands there instead of the right value.
    """

    source: str = "fd00::1"
    destination: str = "fd00::2"
    content: Transport = PLAIN_SEGMENT
    extensions: tuple[Extension, ...] = ()
    hops: int = 64
    traffic_class: int = 0
    flow_label: int = 0
    version: int = 6
    payload_bytes: int | None = None
    next_header: int | None = None


Packet: TypeAlias = Ipv4 | Ipv6


def packet_bytes(packet: Packet) -> bytes:
    """Header and content, lengths and checksums right unless the value says otherwise."""
    match packet:
        case Ipv4():
            return _ipv4(packet)
        case Ipv6():
            return _ipv6(packet)
        case _:
            assert_never(packet)


def fragments(packet: Packet, size: int, identification: int = 1) -> list[Packet]:
    """The packet cut into pieces of `size` bytes (a multiple of 8) after the IP header, in order; the last may be shorter.

    IPv6: hop-by-hop and routing headers stand before every fragment header, all others are cut with the content
    (RFC 8200 section 4.5).
    """
    match packet:
        case Ipv4():
            whole = _content(packet)
            return [
                replace(packet, content=Raw(protocol_of(packet.content), piece), identification=identification, offset=offset, more=more)
                for offset, more, piece in _pieces(whole, size)
            ]
        case Ipv6():
            kept = tuple(each for each in packet.extensions if each.kind in (HOP_BY_HOP, ROUTING))
            number, whole = _chain(tuple(each for each in packet.extensions if each not in kept), packet)
            return [
                replace(
                    packet, content=Raw(number, piece), extensions=(*kept, extension_headers.fragment(identification, offset, more=more)),
                )
                for offset, more, piece in _pieces(whole, size)
            ]  # fmt: skip
        case _:
            assert_never(packet)


def error_about(packet: Packet, kind: int, code: int, *, rest: bytes = bytes(4), reporter: str | None = None) -> Packet:
    """The ICMP or ICMPv6 error that quotes `packet` and goes to its source, from `reporter` or else its destination.

    An IPv4 error quotes the header and eight bytes (RFC 792); an IPv6 one as much as fits into 1280 bytes (RFC 4443
    section 3.1). `rest` are the four bytes after the checksum: the MTU, the pointer.
    """
    match packet:
        case Ipv4():
            quoted = packet_bytes(packet)
            body = quoted[: (quoted[0] & 0xF) * 4 + 8]
            return Ipv4(reporter or packet.destination, packet.source, Icmp(kind, code, rest, body))
        case Ipv6():
            body = packet_bytes(packet)[: LEAST_MTU - 40 - 8]
            return Ipv6(reporter or packet.destination, packet.source, Icmpv6(kind, code, rest, body))
        case _:
            assert_never(packet)


def _ipv4(packet: Ipv4) -> bytes:
    content = _content(packet)
    options = packet.options + bytes(-len(packet.options) % 4)
    words = 5 + len(options) // 4 if packet.words is None else packet.words
    total = 20 + len(options) + len(content) if packet.total_bytes is None else packet.total_bytes
    protocol = protocol_of(packet.content) if packet.protocol is None else packet.protocol
    fragment = packet.dont_fragment << 14 | packet.more << 13 | packet.offset // 8
    header = struct.pack(
        ">BBHHHBBH", packet.version << 4 | words, packet.service, total, packet.identification, fragment, packet.hops, protocol, 0,
    ) + IPv4Address(packet.source).packed + IPv4Address(packet.destination).packed + options  # fmt: skip
    checksum = internet_checksum(header) if packet.checksum is None else packet.checksum
    return header[:10] + struct.pack(">H", checksum) + header[12:] + content


def _ipv6(packet: Ipv6) -> bytes:
    number, content = _chain(packet.extensions, packet)
    next_header = number if packet.next_header is None else packet.next_header
    length = len(content) if packet.payload_bytes is None else packet.payload_bytes
    first = packet.version << 28 | packet.traffic_class << 20 | packet.flow_label
    header = struct.pack(">IHBB", first, length, next_header, packet.hops)
    return header + IPv6Address(packet.source).packed + IPv6Address(packet.destination).packed + content


def _chain(extensions: tuple[Extension, ...], packet: Ipv6) -> tuple[int, bytes]:
    """The number of the first of the extensions (or of the content), and all of them with the content after them."""
    number, content = protocol_of(packet.content), _content(packet)
    for each in reversed(extensions):
        number, content = each.kind, extension_bytes(each, number) + content
    return number, content


def _content(packet: Packet) -> bytes:
    match packet:
        case Ipv4(source, destination, content):
            return transport_bytes(content, IPv4Address(source).packed, IPv4Address(destination).packed)
        case Ipv6(source, destination, content):
            return transport_bytes(content, IPv6Address(source).packed, IPv6Address(destination).packed)
        case _:
            assert_never(packet)


def _pieces(whole: bytes, size: int) -> list[tuple[int, bool, bytes]]:
    """(offset, more, bytes) of each."""
    return [(at, at + size < len(whole), whole[at : at + size]) for at in range(0, len(whole), size)]
