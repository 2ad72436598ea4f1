"""Sets of byte values, and byte classes: which bytes a machine cannot tell apart.

A machine over bytes has 256 columns, but few of them differ: a policy about `/api/v1/users/[0-9]+` treats `3`
and `7` alike everywhere. A *class map* is 256 bytes that give each byte value its class; tables then have one
column per class (typically 10 to 70) instead of one per byte. Classes are numbered by their smallest byte, so
equal partitions have equal class maps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BYTE_VALUES = 256
_FULL = (1 << BYTE_VALUES) - 1


@dataclass(frozen=True, slots=True)
class ByteSet:
    """An immutable set of byte values; bit b of `mask` says whether b is a member."""

    mask: int

    def __post_init__(self) -> None:
        assert 0 <= self.mask <= _FULL

    def __contains__(self, byte: int) -> bool:
        return bool(self.mask >> byte & 1)

    def __iter__(self) -> Iterator[int]:
        """The members, ascending."""
        return (byte for byte in range(BYTE_VALUES) if self.mask >> byte & 1)

    def __len__(self) -> int:
        return self.mask.bit_count()

    def __or__(self, other: ByteSet) -> ByteSet:
        return ByteSet(self.mask | other.mask)

    def __and__(self, other: ByteSet) -> ByteSet:
        return ByteSet(self.mask & other.mask)

    def __sub__(self, other: ByteSet) -> ByteSet:
        return ByteSet(self.mask & ~other.mask)

    def __invert__(self) -> ByteSet:
        """Every byte value that is not a member."""
        return ByteSet(self.mask ^ _FULL)


def byte_range(first: int, last: int) -> ByteSet:
    """Every byte value from `first` to `last`, both included."""
    assert 0 <= first <= last < BYTE_VALUES
    return ByteSet((1 << last + 1) - (1 << first))


def bytes_of(text: bytes) -> ByteSet:
    """The bytes that occur in `text`."""
    mask = 0
    for byte in text:
        mask |= 1 << byte
    return ByteSet(mask)


def ranges(members: ByteSet) -> tuple[tuple[int, int], ...]:
    """The members as maximal runs (first, last), ascending, both ends included."""
    runs: list[tuple[int, int]] = []
    for byte in members:
        if runs and runs[-1][1] == byte - 1:
            runs[-1] = (runs[-1][0], byte)
        else:
            runs.append((byte, byte))
    return tuple(runs)


NO_BYTE = ByteSet(0)
ANY_BYTE = ByteSet(_FULL)
DIGIT = byte_range(ord("0"), ord("9"))
UPPER = byte_range(ord("A"), ord("Z"))
LOWER = byte_range(ord("a"), ord("z"))
ALPHA = UPPER | LOWER
ALPHANUMERIC = ALPHA | DIGIT
HEX_DIGIT = DIGIT | bytes_of(b"abcdefABCDEF")


def byte_classes(sets: Iterable[ByteSet]) -> bytes:
    """The coarsest class map in which every one of `sets` is a union of classes (partition refinement).

    Costs sets times classes; sets that were seen before cost nothing.
    """
    blocks = [_FULL]
    for mask in dict.fromkeys(each.mask for each in sets):
        blocks = [part for block in blocks for part in (block & mask, block & ~mask) if part]
    block_of = {byte: block for block in blocks for byte in ByteSet(block)}
    return number_classes([block_of[byte] for byte in range(BYTE_VALUES)])


def number_classes(label_of: Iterable[object]) -> bytes:
    """The class map of 256 labels: equal labels share a class, classes are numbered by their smallest byte."""
    numbers: dict[object, int] = {}
    return bytes(numbers.setdefault(label, len(numbers)) for label in label_of)


def class_count(classes: bytes) -> int:
    """How many classes a class map has."""
    return max(classes) + 1


def classes_in(classes: bytes, members: ByteSet) -> tuple[int, ...]:
    """The classes that make up a set of bytes, which is a union of classes."""
    return tuple(dict.fromkeys(classes[byte] for byte in members))


def common_refinement(left: bytes, right: bytes) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """The class map that tells bytes apart when either map does, and for each class its (left, right) classes."""
    both = list(zip(left, right, strict=True))
    return number_classes(both), tuple(dict.fromkeys(both))
