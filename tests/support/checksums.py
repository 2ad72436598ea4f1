"""The sums that protect headers: the internet checksum and CRC32c."""

from __future__ import annotations

import struct
from typing import Final

__all__ = ["crc32c", "internet_checksum", "pseudo_header"]


def internet_checksum(content: bytes) -> int:
    """RFC 1071; 0 when `content` holds its own right checksum."""
    padded = content + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """What a transport's checksum covers of the IP header: RFC 9293 section 3.1 and RFC 8200 section 8.1.

    Addresses are packed, both of one version. The sum does not care where the number and the length lie, so that one
    layout, that of IPv6, does for both versions.
    """
    return source + destination + struct.pack(">II", length, protocol)


def crc32c(content: bytes) -> int:
    """The Castagnoli CRC as a number (RFC 9260 appendix A); SCTP sends it least significant byte first."""
    state = 0xFFFFFFFF
    for byte in content:
        state = (state >> 8) ^ CASTAGNOLI[(state ^ byte) & 0xFF]
    return state ^ 0xFFFFFFFF


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CASTAGNOLI: Final = tuple(_table_entry(byte) for byte in range(256))  # the polynomial 0x1edc6f41, bits reversed
