"""TCP options on a SYN: those that would make the connection more than one plain stream.

MPTCP (kind 30, RFC 8684) spreads bytes over subflows and maps them to other positions; Fast Open (kind 34,
RFC 7413) carries data before the handshake. A matcher of one stream cannot follow either.
"""

from __future__ import annotations

from typing import Annotated, Final

from pybpf.compiler.lang import Array, Count, Skb, Struct, function, u8, u32
from pybpf.kernel_progs.headers import TCP_BYTES
from pybpf.kernel_progs.matching import Scratch

END: Final = 0
PADDING: Final = 1
MPTCP: Final = 30
FAST_OPEN: Final = 34
EXPERIMENTAL: Final = 253  # 253 and 254 carry Fast Open too (RFC 7413 section 4.1.1)
MAX_OPTION_BYTES: Final = 40


class Options(Struct):
    """The options of one header, zero-padded to a size that an index can be masked to."""

    octets: Annotated[Array[u8], Count(64)]


@function
def has_stream_options(packet: Skb, scratch: Scratch) -> bool:
    """Whether the segment carries MPTCP or Fast Open, or options that cannot be read."""
    start: u32 = (scratch.l4_offset + TCP_BYTES) & 0xFFFFFFFF
    length: u32 = (scratch.payload_offset - start) & 0xFFFF
    if length == 0:
        return False
    if length > MAX_OPTION_BYTES:
        return True
    options = Options()
    if not packet.load_bytes(start, options.octets, length):
        return True
    position: u32 = 0
    for _ in range(MAX_OPTION_BYTES):
        if position >= length:
            return False
        kind: u8 = options.octets[position & 63]
        if kind == END:
            return False
        if kind == MPTCP or kind == FAST_OPEN or kind == EXPERIMENTAL or kind == EXPERIMENTAL + 1:
            return True
        size: u8 = 1 if kind == PADDING else options.octets[(position + 1) & 63]
        if size == 0:
            return True
        position += size
    return False
