"""IPv6 extension headers, as values."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

__all__ = [
    "AUTHENTICATION", "DESTINATION_OPTIONS", "FRAGMENT", "HIP", "HOP_BY_HOP", "MOBILITY", "NO_NEXT_HEADER", "ROUTING", "SHIM6", "Extension",
    "authentication", "destination_options", "extension_bytes", "fragment", "hip", "hop_by_hop", "jumbo", "mobility", "options_extension",
    "routing", "shim6",
]  # fmt: skip

HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
AUTHENTICATION: Final = 51
NO_NEXT_HEADER: Final = 59
DESTINATION_OPTIONS: Final = 60
MOBILITY: Final = 135
HIP: Final = 139
SHIM6: Final = 140


@dataclass(frozen=True, slots=True)
class Extension:
    """A header that names the next one: `content` is all of it but its first byte, the length byte included.

    `next_header`: what stands there instead of the number of the header that follows.
    """

    kind: int
    content: bytes
    next_header: int | None = None


def extension_bytes(extension: Extension, following: int) -> bytes:
    """The header before one of the number `following`."""
    number = following if extension.next_header is None else extension.next_header
    return bytes([number]) + extension.content


def hop_by_hop(options: bytes = b"") -> Extension:
    """RFC 8200 section 4.3."""
    return options_extension(HOP_BY_HOP, options)


def destination_options(options: bytes = b"") -> Extension:
    """RFC 8200 section 4.6."""
    return options_extension(DESTINATION_OPTIONS, options)


def jumbo(length: int) -> Extension:
    """A hop-by-hop header that claims `length` bytes of payload (RFC 2675 section 2)."""
    return hop_by_hop(struct.pack(">BBI", 0xC2, 4, length))


def options_extension(kind: int, options: bytes) -> Extension:
    """Options, filled up to eight bytes with PadN and Pad1."""
    gap = -(2 + len(options)) % 8
    padding = b"" if gap == 0 else b"\0" if gap == 1 else bytes([1, gap - 2]) + bytes(gap - 2)
    return _in_units_of_eight(kind, options + padding)


def routing(kind: int, segments_left: int, addresses: tuple[str, ...] = ()) -> Extension:
    """RFC 8200 section 4.4; type 0 is the deprecated source route (RFC 5095), 4 is segment routing (RFC 8754)."""
    hops = b"".join(IPv6Address(each).packed for each in addresses)
    return _in_units_of_eight(ROUTING, bytes([kind, segments_left]) + bytes(4) + hops)


def fragment(identification: int, offset: int = 0, *, more: bool = False) -> Extension:
    """RFC 8200 section 4.5; `offset` in bytes, a multiple of 8."""
    return Extension(FRAGMENT, struct.pack(">BHI", 0, offset | more, identification))


def authentication(index: int = 256, sequence: int = 1, value: bytes = bytes(12)) -> Extension:
    """RFC 4302 section 2; its length counts words and leaves out two. `value` is the integrity check value."""
    return Extension(AUTHENTICATION, struct.pack(">BHII", 1 + len(value) // 4, 0, index, sequence) + value)


def mobility(kind: int = 0) -> Extension:
    """RFC 6275 section 6.1."""
    return _in_units_of_eight(MOBILITY, bytes([kind, 0]) + bytes(4))


def hip(packet_kind: int = 1) -> Extension:
    """A host identity packet without parameters (RFC 7401 section 5.1)."""
    return _in_units_of_eight(HIP, bytes([packet_kind, 0x21]) + bytes(36))


def shim6(kind: int = 0x40) -> Extension:
    """RFC 5533 section 5."""
    return _in_units_of_eight(SHIM6, bytes([kind]) + bytes(5))


def _in_units_of_eight(kind: int, content: bytes) -> Extension:
    """With the length byte that most of them have: eight bytes each, the first eight not counted."""
    return Extension(kind, bytes([(2 + len(content)) // 8 - 1]) + content)
