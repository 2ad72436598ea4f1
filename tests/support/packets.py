"""TCP segments over IPv4 and Ethernet, as bytes, and what came back."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from pybpf.kernel_progs.headers import ACK, FIN, PSH, RST, SYN

__all__ = ["ACK", "FIN", "PSH", "RST", "SYN", "Segment", "checksum", "frame", "parse", "reply_to", "verify_checksums"]

MAC = bytes.fromhex("020000000001020000000002")


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment."""

    source: str
    destination: str
    source_port: int
    destination_port: int
    sequence: int = 0
    acknowledgement: int = 0
    flags: int = ACK
    payload: bytes = b""
    options: bytes = b""


def frame(segment: Segment, *, kind: int = 0x0800, version: int = 0x45, fragment: int = 0, protocol: int = 6) -> bytes:
    """The Ethernet frame of a segment, checksums right; the keywords damage the headers."""
    source, destination = (IPv4Address(each).packed for each in (segment.source, segment.destination))
    words = 5 + len(segment.options) // 4
    tcp = struct.pack(
        ">HHIIBBHHH", segment.source_port, segment.destination_port, segment.sequence % (1 << 32), segment.acknowledgement % (1 << 32),
        words << 4, segment.flags, 65535, 0, 0,
    ) + segment.options + segment.payload  # fmt: skip
    pseudo = source + destination + struct.pack(">HH", 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", version, 0, 20 + len(tcp), 1, fragment, 64, protocol, 0) + source + destination
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    return MAC + struct.pack(">H", kind) + ip + tcp


def parse(data: bytes) -> Segment:
    """The segment of a frame without IP options."""
    source, destination = str(IPv4Address(data[26:30])), str(IPv4Address(data[30:34]))
    total = struct.unpack_from(">H", data, 16)[0]
    source_port, destination_port, sequence, acknowledgement, words, flags = struct.unpack_from(">HHIIBB", data, 34)
    start = 34 + (words >> 4) * 4
    return Segment(source, destination, source_port, destination_port, sequence, acknowledgement, flags, data[start : 14 + total], data[54:start])


def verify_checksums(data: bytes) -> bool:
    """Whether a frame's IPv4 and TCP checksums are right."""
    total = struct.unpack_from(">H", data, 16)[0]
    tcp = data[34 : 14 + total]
    pseudo = data[26:34] + struct.pack(">HH", 6, len(tcp))
    return checksum(data[14:34]) == 0 and checksum(pseudo + tcp) == 0


def reply_to(segment: Segment, *, sequence: int, flags: int, payload: bytes = b"") -> Segment:
    """What the other side sends back; it acknowledges all of `segment`."""
    taken = len(segment.payload) + bool(segment.flags & SYN) + bool(segment.flags & FIN)
    return replace(
        segment, source=segment.destination, destination=segment.source, source_port=segment.destination_port,
        destination_port=segment.source_port, sequence=sequence, acknowledgement=segment.sequence + taken, flags=flags,
        payload=payload, options=b"",
    )  # fmt: skip


def checksum(content: bytes) -> int:
    """RFC 1071."""
    padded = content + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
