"""A Host line as most clients write it, stepped over in one go: "Host: ", labels of letters, digits and '-' with single dots between them,
perhaps a port, CR LF. What is not of that form goes through the automaton byte by byte, which comes to the same for what is."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function
from pybpf.kernel_progs.matching import Chunk
from pybpf.kernel_progs.words import HIGH_BITS, LOWER_SEVEN, OFFSET_MASK, bytes_before, name_stops

PREFIX: Final = b"Host: "
PREFIX_BYTES: Final = len(PREFIX)
PREFIX_MASK: Final = (1 << 8 * PREFIX_BYTES) - 1
PREFIX_WORD: Final = int.from_bytes(PREFIX, "little")
WORDS: Final = 5  # of a name that is looked at in one go
DOTS: Final = 0x2E2E2E2E2E2E2E2E
ZEROS: Final = 0x3030303030303030
FROM_NINE: Final = 0x7676767676767676  # added to what is left of a digit, carries into bit 7 beyond nine
MOST_DIGITS: Final = 5
COLON: Final = 58
LINE_END: Final = 0x0A0D


@function
def dot_flags(word: int) -> int:
    """Flags the dots, exactly."""
    other = word ^ DOTS
    return ~(((other & LOWER_SEVEN) + LOWER_SEVEN) | other) & HIGH_BITS


@function
def digit_stops(word: int) -> int:
    """Flags the bytes that are no decimal digits, exactly."""
    rest = word ^ ZEROS
    return (((rest & LOWER_SEVEN) + FROM_NINE) | rest) & HIGH_BITS


@function
def after_host(chunk: Chunk, start: int) -> int:
    """The position behind a plain Host line that begins at `start` and ends in the chunk; 0 when it is not such a line."""
    if (chunk.octets.word(start & OFFSET_MASK) & PREFIX_MASK) != PREFIX_WORD:
        return 0
    position = start + PREFIX_BYTES
    before: int = HIGH_BITS  # whether the byte before was a dot, as the lowest flag: a name begins with none
    stops = 0
    for _ in range(WORDS):
        word = chunk.octets.word(position & OFFSET_MASK)
        dots = dot_flags(word)
        stops = name_stops(word) & digit_stops(word) & ~dots
        within = ((stops - 1) & ~stops) if stops != 0 else HIGH_BITS | LOWER_SEVEN
        followed = (dots << 8) | ((before >> 56) & 0x80)
        if (dots & followed & within) != 0:
            return 0
        before = dots
        if stops != 0:
            # The byte that ends the name must not follow a dot.
            if (stops & (0 - stops) & followed) != 0:
                return 0
            position += bytes_before(stops)
            break
        position += 8
    if stops == 0 or position == start + PREFIX_BYTES:
        return 0
    return after_port(chunk, position)


@function
def after_port(chunk: Chunk, position: int) -> int:
    """Behind a port, if there is one, and the end of the line, when that lies in the chunk; else 0."""
    if position < chunk.length and chunk.octets[position & OFFSET_MASK] == COLON:
        stops = digit_stops(chunk.octets.word((position + 1) & OFFSET_MASK))
        digits = bytes_before(stops) if stops != 0 else 8
        if digits == 0 or digits > MOST_DIGITS:
            return 0
        position += 1 + digits
    if position + 2 > chunk.length or (chunk.octets.word(position & OFFSET_MASK) & 0xFFFF) != LINE_END:
        return 0
    return position + 2
