"""Pattern -> Written: a tree as one row of numbers, in the order in which Thompson's construction builds it.

What a number means is in ext/automata/automata.cdef.h (automata_node). The parts of a row stand last first, because fragments are
built towards what follows them; what is repeated stands once and is read again for each copy.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, assert_never

from pybpf.compiler.automata.bytesets import BYTE_VALUES, ByteSet
from pybpf.compiler.automata.flat import Numbers, numbers
from pybpf.compiler.automata.tree import (
    Alternate,
    Concat,
    Empty,
    Graph,
    Literal,
    Look,
    Mark,
    OneOf,
    Pattern,
    Repeat,
)

UNBOUNDED: Final = (1 << 32) - 1
_UNKNOWN: Final = -1


class Node(IntEnum):
    """What stands next, and the numbers that follow it; then the inner trees."""

    EMPTY = 0
    LITERAL = 1  # offset into the text, bytes
    ONE_OF = 2  # set
    CONCAT = 3  # parts
    ALTERNATE = 4  # choices
    REPEAT = 5  # minimum, maximum or UNBOUNDED
    MARK = 6  # mark
    GRAPH = 7  # states; then each: whether it is final, moves, (set, target) each


@dataclass(frozen=True, slots=True)
class Written:
    """A tree. `sets` are numbered as they are first used; set_of_byte[byte] is that of a byte alone, 0 for one that is in no literal."""

    words: Numbers
    text: bytes
    sets: tuple[ByteSet, ...]
    set_of_byte: Numbers


def written(tree: Pattern) -> Written:
    """A tree as numbers."""
    writer = _Writer()
    writer.write(tree)
    return Written(
        Numbers(array("I", writer.words)),
        bytes(writer.text),
        tuple(map(ByteSet, writer.sets)),
        numbers(max(0, number) for number in writer.set_of_byte),
    )


class _Writer:
    """Numbers so far."""

    def __init__(self) -> None:
        self.words: list[int] = []
        self.text = bytearray()
        self.sets: dict[int, int] = {}  # mask -> number
        self.set_of_byte = [_UNKNOWN] * BYTE_VALUES

    def write(self, tree: Pattern) -> None:
        match tree:
            case Literal(text):
                self.literal(text)
            case OneOf(members):
                self.words += (Node.ONE_OF, self.number(members.mask))
            case Concat(parts):
                self.words += (Node.CONCAT, len(parts))
                for part in reversed(parts):
                    self.write(part)
            case Repeat(_, _, 0) | Empty():
                self.words.append(Node.EMPTY)
            case Repeat(inner, minimum, maximum):
                self.words += (Node.REPEAT, minimum, UNBOUNDED if maximum is None else maximum)
                self.write(inner)
            case Mark(number):
                self.words += (Node.MARK, number)
            case Alternate(choices):
                self.words += (Node.ALTERNATE, len(choices))
                for each in choices:
                    self.write(each)
            case Graph():
                self.graph(tree)
            case Look():
                raise AssertionError("conditions on places are taken out where patterns are read")
            case _:
                assert_never(tree)

    def literal(self, text: bytes) -> None:
        self.words += (Node.LITERAL, len(self.text), len(text))
        self.text += text
        for byte in reversed(text):
            if self.set_of_byte[byte] == _UNKNOWN:
                self.set_of_byte[byte] = self.number(1 << byte)

    def graph(self, graph: Graph) -> None:
        self.words += (Node.GRAPH, len(graph.moves))
        for state, moves in enumerate(graph.moves):
            self.words += (state in graph.finals, len(moves))
            for members, target in moves:
                self.words += (self.number(members.mask), target)

    def number(self, mask: int) -> int:
        return self.sets.setdefault(mask, len(self.sets))
