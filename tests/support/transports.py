"""What an IP packet carries, as values: TCP, UDP, SCTP, ICMP, ICMPv6, anything else by its number."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from tests.support.checksums import crc32c, internet_checksum, pseudo_header

__all__ = [
    "ECHO_REPLY", "ECHO_REPLY_V6", "ECHO_REQUEST", "ECHO_REQUEST_V6", "ICMP", "ICMPV6", "SCTP", "TCP", "UDP", "Chunk", "Icmp", "Icmpv6",
    "Raw", "Sctp", "Tcp", "Transport", "echo", "echo_v6", "protocol_of", "transport_bytes",
]  # fmt: skip

ICMP: Final = 1
TCP: Final = 6
UDP: Final = 17
ICMPV6: Final = 58
SCTP: Final = 132

ECHO_REPLY: Final = 0
ECHO_REQUEST: Final = 8
ECHO_REQUEST_V6: Final = 128
ECHO_REPLY_V6: Final = 129


@dataclass(frozen=True, slots=True)
class Tcp:
    """A segment (RFC 9293 section 3.1); flags are the low byte, ACK if not told. Options are filled up to whole words
    with end-of-list. `words` and `checksum`: what stands there instead of the right value."""

    source_port: int = 40000
    destination_port: int = 80
    sequence: int = 1
    acknowledgement: int = 1
    flags: int = 0x10
    window: int = 65535
    urgent: int = 0
    options: bytes = b""
    payload: bytes = b""
    words: int | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Udp:
    """A datagram (RFC 768). `length` and `checksum`: what stands there instead of the right value; 0 is "not summed"."""

    source_port: int = 40000
    destination_port: int = 53
    payload: bytes = b""
    length: int | None = None
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """An SCTP chunk; `kind` 1 is INIT, 0 is DATA. `length`: what stands there instead of the right value."""

    kind: int = 1
    flags: int = 0
    value: bytes = bytes(16)
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Sctp:
    """A packet (RFC 9260 section 3). `checksum`: what stands there instead of the right CRC32c."""

    source_port: int = 40000
    destination_port: int = 38412
    tag: int = 0
    chunks: tuple[Chunk, ...] = (Chunk(),)
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP message (RFC 792): `rest` are the four bytes after the checksum. Its number is 1 over IPv6 too."""

    kind: int
    code: int = 0
    rest: bytes = bytes(4)
    body: bytes = b""
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Icmpv6:
    """An ICMPv6 message (RFC 4443 section 2.1): as ICMP, but its sum covers the addresses. Its number is 58 over IPv4 too."""

    kind: int
    code: int = 0
    rest: bytes = bytes(4)
    body: bytes = b""
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes under a protocol number: a protocol of which nothing is known, a part of a packet, damage."""

    protocol: int
    payload: bytes = b""


Transport: TypeAlias = Tcp | Udp | Sctp | Icmp | Icmpv6 | Raw


def echo(identifier: int, sequence: int = 1, *, kind: int = ECHO_REQUEST, body: bytes = b"") -> Icmp:
    """An ICMP echo request; ECHO_REPLY for the answer."""
    return Icmp(kind, rest=struct.pack(">HH", identifier, sequence), body=body)


def echo_v6(identifier: int, sequence: int = 1, *, kind: int = ECHO_REQUEST_V6, body: bytes = b"") -> Icmpv6:
    """An ICMPv6 echo request; ECHO_REPLY_V6 for the answer."""
    return Icmpv6(kind, rest=struct.pack(">HH", identifier, sequence), body=body)


def protocol_of(transport: Transport) -> int:
    """The IANA number that stands in the header before it."""
    match transport:
        case Tcp():
            return TCP
        case Udp():
            return UDP
        case Sctp():
            return SCTP
        case Icmp():
            return ICMP
        case Icmpv6():
            return ICMPV6
        case Raw(protocol):
            return protocol
        case _:
            assert_never(transport)


def transport_bytes(transport: Transport, source: bytes, destination: bytes) -> bytes:
    """Header and payload between two packed addresses, length fields and checksum right unless the value says otherwise."""
    match transport:
        case Tcp():
            return _tcp(transport, source, destination)
        case Udp():
            return _udp(transport, source, destination)
        case Sctp():
            return _sctp(transport)
        case Icmp():
            return _message(transport, b"")
        case Icmpv6():
            length = 8 + len(transport.body)
            return _message(transport, pseudo_header(source, destination, ICMPV6, length))
        case Raw(_, payload):
            return payload
        case _:
            assert_never(transport)


def _tcp(segment: Tcp, source: bytes, destination: bytes) -> bytes:
    options = segment.options + bytes(-len(segment.options) % 4)
    words = 5 + len(options) // 4 if segment.words is None else segment.words
    content = struct.pack(
        ">HHIIBBHHH", segment.source_port, segment.destination_port, segment.sequence, segment.acknowledgement, words << 4, segment.flags,
        segment.window, 0, segment.urgent,
    ) + options + segment.payload  # fmt: skip
    right = internet_checksum(pseudo_header(source, destination, TCP, len(content)) + content)
    return _with_checksum(content, 16, right if segment.checksum is None else segment.checksum)


def _udp(datagram: Udp, source: bytes, destination: bytes) -> bytes:
    length = 8 + len(datagram.payload) if datagram.length is None else datagram.length
    content = struct.pack(">HHHH", datagram.source_port, datagram.destination_port, length, 0) + datagram.payload
    right = internet_checksum(pseudo_header(source, destination, UDP, length) + content) or 0xFFFF  # 0 means "not summed"
    return _with_checksum(content, 6, right if datagram.checksum is None else datagram.checksum)


def _sctp(packet: Sctp) -> bytes:
    chunks = b"".join(_chunk(each) for each in packet.chunks)
    content = struct.pack(">HHII", packet.source_port, packet.destination_port, packet.tag, 0) + chunks
    sent = crc32c(content) if packet.checksum is None else packet.checksum
    return content[:8] + struct.pack("<I", sent) + content[12:]


def _chunk(chunk: Chunk) -> bytes:
    length = 4 + len(chunk.value) if chunk.length is None else chunk.length
    return struct.pack(">BBH", chunk.kind, chunk.flags, length) + chunk.value + bytes(-len(chunk.value) % 4)


def _message(message: Icmp | Icmpv6, pseudo: bytes) -> bytes:
    content = struct.pack(">BBH", message.kind, message.code, 0) + message.rest + message.body
    right = internet_checksum(pseudo + content)
    return _with_checksum(content, 2, right if message.checksum is None else message.checksum)


def _with_checksum(content: bytes, at: int, value: int) -> bytes:
    return content[:at] + struct.pack(">H", value) + content[at + 2 :]
