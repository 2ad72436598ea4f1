"""Sets of Unicode code points, and CodePoints -> Pattern: the byte strings that encode them in UTF-8.

A text pattern speaks of characters, the machine sees bytes, so a class becomes an alternation of byte-range
sequences: the ranges are cut where the encoded length changes and where a trailing byte would wrap. This is the
construction Ken Thompson built into his grep; RFC 3629 section 4 is the grammar it must agree with. Surrogates
(U+D800..U+DFFF) and overlong forms are not UTF-8 and are never produced: at most four sequences per cut, nine for
"any character". RE2 takes a shorter way and lets its `.` match some ill-formed bytes; here they match nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pybpf.compiler.automata.bytesets import NO_BYTE, byte_range
from pybpf.compiler.automata.tree import Literal, OneOf, Pattern, choice, sequence

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
_LAST_OF_LENGTH = (0x7F, 0x7FF, 0xFFFF)  # the largest code point encoded in 1, 2, 3 bytes


@dataclass(frozen=True, slots=True)
class CodePoints:
    """A set of code points as disjoint, ascending, maximal runs (first, last), both ends included."""

    runs: tuple[tuple[int, int], ...]

    def __contains__(self, point: int) -> bool:
        return any(first <= point <= last for first, last in self.runs)

    def __or__(self, other: CodePoints) -> CodePoints:
        return code_points((*self.runs, *other.runs))

    def __invert__(self) -> CodePoints:
        """Every code point that is not a member."""
        edges = [-1, *(edge for run in self.runs for edge in run), LAST + 1]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return CodePoints(tuple((before + 1, after - 1) for before, after in gaps if before + 1 < after))


def code_points(runs: Iterable[tuple[int, int]]) -> CodePoints:
    """The union of runs in any order; runs may overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return CodePoints(tuple(merged))


def characters(text: str) -> CodePoints:
    """The characters that occur in `text`."""
    return code_points((ord(each), ord(each)) for each in text)


def utf8(points: CodePoints) -> Pattern:
    """The encodings of the members, and no other byte string; a single member becomes a Literal."""
    single = NO_BYTE
    longer: list[Pattern] = []
    for first, last in _scalar_values(points):
        if first == last and len(points.runs) == 1:
            return Literal(chr(first).encode())
        for ranges in _byte_ranges(first, last):
            if len(ranges) == 1:
                single |= byte_range(*ranges[0])
            else:
                longer.append(sequence(*(OneOf(byte_range(*each)) for each in ranges)))
    return choice(*([OneOf(single)] if single.mask or not longer else []), *longer)


def _scalar_values(points: CodePoints) -> Iterator[tuple[int, int]]:
    """The runs without surrogates, which UTF-8 cannot hold (RFC 3629 section 3)."""
    below, above = SURROGATES[0] - 1, SURROGATES[1] + 1
    for first, last in points.runs:
        if first <= below:
            yield first, min(last, below)
        if last >= above:
            yield max(first, above), last


def _byte_ranges(first: int, last: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """The run as sequences of byte ranges whose products are exactly the encodings, ascending."""
    cut = _cut(first, last)
    if cut is None:
        yield tuple(zip(chr(first).encode(), chr(last).encode(), strict=True))
    else:
        yield from _byte_ranges(first, cut)
        yield from _byte_ranges(cut + 1, last)


def _cut(first: int, last: int) -> int | None:
    """Where a run must be divided (the last code point of the left part), or None if its bytes vary independently."""
    for boundary in _LAST_OF_LENGTH:
        if first <= boundary < last:
            return boundary
    for trailing in range(1, len(chr(first).encode())):
        tail = (1 << 6 * trailing) - 1  # each trailing byte carries six bits
        if first & ~tail != last & ~tail:
            if first & tail:
                return first | tail
            if last & tail != tail:
                return (last & ~tail) - 1
    return None
