"""Numbers in one block of memory: what machines are made of, here and in the extension.

A machine of three hundred thousand states as a tuple of tuples is gigabytes of objects; as blocks of 32-bit numbers it is ten
megabytes that Python and C read in place. The blocks are read like tuples and, like them, never change.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

NO_MARKS: frozenset[int] = frozenset()
# Anything that has bytes; what the extension has made is an object of cffi.
Octets: TypeAlias = "bytes | array[int] | Any"

SET_WORDS: Final = 8
WORD_BITS: Final = 32
_NUMBER: Final = "I"
_LAST: Final = (1 << WORD_BITS) - 1


class Numbers:
    """A row of 32-bit numbers. `view` has them; the bytes of `octets` are in the machine's own order.

    Who needs the address of the numbers takes it of `octets`: CPython 3.11 crashes when it collects a cycle that a memoryview is in
    while somebody holds a buffer of it (python/cpython#77894).
    """

    __slots__ = ("octets", "view")

    def __init__(self, octets: Octets) -> None:
        view = memoryview(octets)  # one without elements cannot be cast
        self.octets = octets
        self.view = view.toreadonly().cast("B").cast(_NUMBER) if view.nbytes else memoryview(array(_NUMBER)).toreadonly()

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, index: int) -> int:
        return self.view[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self.view)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbers) and self.view == other.view

    def __hash__(self) -> int:
        return hash(self.view.tobytes())

    def __reduce__(self) -> tuple[type[Numbers], tuple[Octets]]:
        return Numbers, (self.view.tobytes(),)

    def __repr__(self) -> str:
        return f"<{len(self)} numbers: {self.view[:16].tolist()}>"


def numbers(items: Iterable[int]) -> Numbers:
    """Each of them below 2 ** 32; OverflowError else."""
    return Numbers(array(_NUMBER, items))


@dataclass(frozen=True, slots=True)
class Rows:
    """[row][column]; every row has `width` columns."""

    cells: Numbers
    width: int

    def __len__(self) -> int:
        return len(self.cells) // self.width

    def __getitem__(self, row: int) -> Sequence[int]:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self.cells.view[row * self.width : (row + 1) * self.width]

    def __iter__(self) -> Iterator[Sequence[int]]:
        return map(self.__getitem__, range(len(self)))

    def columns(self) -> list[tuple[int, ...]]:
        """[column][row]."""
        return [tuple(self.cells.view[column :: self.width]) for column in range(self.width)]


@dataclass(frozen=True, slots=True)
class Edges:
    """Where states lead, the dead state apart.

    firsts   [state] -> its first edge; those up to firsts[state + 1] are its own, in the order of their smallest classes
    pairs    (set, target) each; a state has one edge to each of its targets
    sets     the sets of classes on edges, as masks of SET_WORDS numbers each; numbered as edges first use them

    A state of a policy's machine has seventy classes and leads to two or three states: a row says it in 280 bytes, edges in 24.
    """

    firsts: Numbers
    pairs: Numbers
    sets: Numbers

    def target(self, state: int, column: int) -> int:
        """Where a state goes with a class; 0 where it dies."""
        firsts, pairs, words = self.firsts.view, self.pairs.view, self.sets.view
        for edge in range(firsts[state], firsts[state + 1]):
            if words[pairs[2 * edge] * SET_WORDS + column // WORD_BITS] >> column % WORD_BITS & 1:
                return pairs[2 * edge + 1]
        return 0

    def masks(self) -> list[int]:
        """[set] -> its classes; bit c is class c's."""
        words = self.sets.view
        return [
            sum(words[first + index] << WORD_BITS * index for index in range(SET_WORDS)) for first in range(0, len(words), SET_WORDS)
        ]

    def rows(self, width: int) -> Rows:
        """[state][class] -> state."""
        columns = [[column for column in range(width) if mask >> column & 1] for mask in self.masks()]
        cells = array(_NUMBER, bytes(4 * width * (len(self.firsts) - 1)))
        firsts, pairs = self.firsts.view, self.pairs.view
        for state in range(len(firsts) - 1):
            for edge in range(firsts[state], firsts[state + 1]):
                target = pairs[2 * edge + 1]
                for column in columns[pairs[2 * edge]]:
                    cells[state * width + column] = target
        return Rows(Numbers(cells), width)


def edges_of_rows(rows: Iterable[Sequence[int]]) -> Edges:
    """The edges of a table [state][class] -> state, where 0 is dead."""
    firsts, pairs = array(_NUMBER, [0]), array(_NUMBER)
    number_of: dict[int, int] = {}
    for row in rows:
        members: dict[int, int] = {}
        for column, target in enumerate(row):
            if target:
                members[target] = members.get(target, 0) | 1 << column
        for target, mask in members.items():
            pairs.extend((number_of.setdefault(mask, len(number_of)), target))
        firsts.append(len(pairs) // 2)
    return Edges(Numbers(firsts), Numbers(pairs), set_words(number_of))


def set_words(masks: Iterable[int]) -> Numbers:
    """Sets of classes as SET_WORDS numbers each."""
    return numbers(mask >> shift & _LAST for mask in masks for shift in range(0, SET_WORDS * WORD_BITS, WORD_BITS))


@dataclass(frozen=True, slots=True)
class Marks:
    """[state] -> its set of marks, as a number into `sets`.

    Sets are different and numbered as they first occur among the states; the dead state comes first, so set 0 is empty.
    """

    sets: tuple[frozenset[int], ...]
    labels: Numbers

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, state: int) -> frozenset[int]:
        return self.sets[self.labels.view[state]]

    def __iter__(self) -> Iterator[frozenset[int]]:
        return map(self.sets.__getitem__, self.labels.view)


def marks_of_states(found: Iterable[frozenset[int]]) -> Marks:
    """Those of each state, of which the dead one comes first."""
    label_of: dict[frozenset[int], int] = {NO_MARKS: 0}
    labels = numbers(label_of.setdefault(marks, len(label_of)) for marks in found)
    return Marks(tuple(label_of), labels)
