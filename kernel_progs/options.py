"""TCP options of a handshake: those that would make the connection more than one plain stream are overwritten with NOPs.

MPTCP (kind 30, RFC 8684) spreads bytes over subflows and maps them to other positions; Fast Open (kind 34, RFC 7413) carries data before
the handshake. A matcher of one stream can follow neither. An end that asked for them and hears nothing of them goes on without.
"""

from __future__ import annotations

from typing import Annotated, Final

from pybpf.compiler.lang import Array, Count, Skb, Struct, function, u8, u32, wrap
from pybpf.kernel_progs.headers import TCP_BYTES
from pybpf.kernel_progs.matching import Scratch

END: Final = 0
PADDING: Final = 1
MPTCP: Final = 30
FAST_OPEN: Final = 34
EXPERIMENTAL: Final = 253  # 253 and 254 carry Fast Open too (RFC 7413 section 4.1.1)
MAX_OPTION_BYTES: Final = 40
CHECKSUM_OFFSET: Final = 16  # in a TCP header
WORD: Final = 0xFFFFFFFF


class Options(Struct):
    """The options of one header, zero-padded to a size that an index can be masked to and a word be read behind."""

    octets: Annotated[Array[u8], Count(72)]


class Word(Struct):
    """Four bytes of them, as they lie there."""

    value: u32


@function
def make_plain(packet: Skb, scratch: Scratch) -> bool:
    """Overwrite the options that are not for one plain stream; False when the options cannot be read, or the packet not be written."""
    start: u32 = (scratch.l4_offset + TCP_BYTES) & 0xFFFFFFFF
    length: u32 = (scratch.payload_offset - start) & 0xFFFF
    if length == 0:
        return True
    if length > MAX_OPTION_BYTES:
        return False
    options = Options()
    plain = Options()
    if not packet.load_bytes(start, options.octets, length):
        return False
    plain.copy_from(options)
    if not overwrite(plain, length):
        return False
    for number in range(MAX_OPTION_BYTES // 4):
        at = number * 4
        before: u32 = options.octets.word(at) & WORD
        after: u32 = plain.octets.word(at) & WORD
        if before != after and not replace_word(packet, scratch, wrap(u32, start + at), before, after):
            return False
    return True


@function
def overwrite(options: Options, length: u32) -> bool:
    """Put PADDING in place of what is not for one plain stream; False when a reader could take the options for others than we do: one that
    has no true length, or anything behind END."""
    left: u8 = 0  # bytes of the present option
    unwanted: u8 = 0
    ended: u8 = 0
    for at in range(MAX_OPTION_BYTES):
        if at >= length:
            break
        kind: u8 = options.octets[at]
        if left == 0 and kind != PADDING:
            if kind == END:
                ended = 1
            else:
                left = options.octets[at + 1]
                if left < 2 or at + left > length or ended != 0:
                    return False
                unwanted = 1 if kind == MPTCP or kind == FAST_OPEN or kind == EXPERIMENTAL or kind == EXPERIMENTAL + 1 else 0
        if left != 0:
            if unwanted != 0:
                options.octets[at] = PADDING
            left -= 1
    return True


@function
def replace_word(packet: Skb, scratch: Scratch, at: u32, before: u32, after: u32) -> bool:
    """Four bytes of the packet, and its checksum with them."""
    word = Word()
    word.value = after
    if not packet.store(at, word):
        return False
    return packet.replace_l4_checksum(wrap(u32, scratch.l4_offset + CHECKSUM_OFFSET), before, after, 4)
