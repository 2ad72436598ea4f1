"""Bytes of a chunk eight and sixteen at a time: where a run of usual characters ends.

A word is eight bytes as they lie in memory, the first one lowest. Flags are bit 7 of their byte (Mycroft's trick; Warren, "Hacker's
Delight", 2012, section 6-1). Nothing here knows an automaton: what is stepped over changes what it costs, not what it means.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function
from pybpf.kernel_progs.matching import CHUNK_BYTES, Chunk

OFFSET_MASK: Final = CHUNK_BYTES - 1
SHORT_NAME: Final = 16  # names that are looked at in one go are shorter

# Eight bytes at a time: the same byte in all places, and bit 7 of each place as its flag.
HIGH_BITS: Final = 0x8080808080808080
LOW_BITS: Final = 0x0101010101010101
LOWER_SEVEN: Final = 0x7F7F7F7F7F7F7F7F
SPACES: Final = 0x2020202020202020
DASHES: Final = 0x2D2D2D2D2D2D2D2D
FROM_A: Final = 0x1F1F1F1F1F1F1F1F  # added to seven bits, carries into bit 7 from 'a' on
AFTER_Z: Final = 0x0505050505050505  # the same, after 'z'


@function
def value_stops(word: int) -> int:
    """Flags the bytes outside 0x20..0x7e, exact up to the lowest of them."""
    return ((word - SPACES) | (word + LOW_BITS) | word) & HIGH_BITS


@function
def name_stops(word: int) -> int:
    """Flags the bytes that are neither ASCII letters nor '-', exactly."""
    folded = (word | SPACES) & LOWER_SEVEN
    letters = (folded + FROM_A) & ~(folded + AFTER_Z)
    other = word ^ DASHES
    dashes = ~(((other & LOWER_SEVEN) + LOWER_SEVEN) | other)
    return (~(letters | dashes) | word) & HIGH_BITS


@function
def bytes_before(stops: int) -> int:
    """How many bytes lie below the lowest flag; 0..7. `stops` is not 0."""
    below = (stops - 1) & LOW_BITS
    return (((below * LOW_BITS) >> 56) - 1) & 7


@function
def after_value(chunk: Chunk, position: int) -> int:
    """The first position from `position` on that is certainly no more than the next byte outside 0x20..0x7e."""
    for _ in range(CHUNK_BYTES // 16):
        if position >= chunk.length:
            break
        first = chunk.octets.word(position & OFFSET_MASK)
        second = chunk.octets.word((position & OFFSET_MASK) + 8)
        if (value_stops(first) | value_stops(second)) != 0:
            break
        position += 16
    chunk.position = position & 0xFFFF
    return after_word(chunk, chunk.position)


@function
def after_word(chunk: Chunk, position: int) -> int:
    """Up to sixteen bytes of a value further."""
    stops = value_stops(chunk.octets.word(position & OFFSET_MASK))
    if stops != 0:
        return position + bytes_before(stops)
    stops = value_stops(chunk.octets.word((position & OFFSET_MASK) + 8))
    return position + 8 + (bytes_before(stops) if stops != 0 else 8)


@function
def name_length(chunk: Chunk, position: int) -> int:
    """How many letters and '-' there are from `position` on; SHORT_NAME for that many and more."""
    stops = name_stops(chunk.octets.word(position & OFFSET_MASK))
    if stops != 0:
        return bytes_before(stops)
    stops = name_stops(chunk.octets.word((position & OFFSET_MASK) + 8))
    return 8 + (bytes_before(stops) if stops != 0 else 8)


@function
def after_name(chunk: Chunk, position: int) -> int:
    """Up to SHORT_NAME bytes of a name further."""
    return position + name_length(chunk, position)
