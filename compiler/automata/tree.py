"""Pattern: a language of byte strings, as a tree.

`pattern.parse` writes such trees from text; grammars (an HTTP head, a DNS name) are written as trees directly, with
`Mark` in the middle wherever the machine should say "the bytes so far have just reached this point". A tree is
a value and knows nothing of the machine that is made of it (nfa.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from pybpf.compiler.automata.bytesets import ByteSet


@dataclass(frozen=True, slots=True)
class Empty:
    """The empty string and nothing else."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Exactly these bytes."""

    text: bytes


@dataclass(frozen=True, slots=True)
class OneOf:
    """One byte out of a set; the empty set matches nothing."""

    members: ByteSet


@dataclass(frozen=True, slots=True)
class Concat:
    """The parts one after the other."""

    parts: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Alternate:
    """Any one of the choices; no choice matches nothing."""

    choices: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`inner` at least `minimum` times and at most `maximum` times (None: without limit)."""

    inner: Pattern
    minimum: int
    maximum: int | None = None

    def __post_init__(self) -> None:
        if self.minimum < 0 or (self.maximum is not None and self.maximum < self.minimum):
            raise ValueError(f"cannot repeat {self.minimum} to {self.maximum} times")


@dataclass(frozen=True, slots=True)
class Mark:
    """The empty string; reaching this point is reported as `number` (Dfa.marks)."""

    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"a mark is not negative: {self.number}")


class Boundary(IntEnum):
    """A condition on a place in a text. Lines end at \\n; words are of ASCII letters, digits and `_`."""

    TEXT_START = 1
    TEXT_END = 2
    LINE_START = 3
    LINE_END = 4
    WORD = 5
    NOT_WORD = 6


@dataclass(frozen=True, slots=True)
class Look:
    """The empty string where a condition holds. Only in trees being read: boundaries.py takes it out."""

    boundary: Boundary


@dataclass(frozen=True, slots=True)
class Graph:
    """What a small machine accepts, for languages that trees do not say well.

    It begins in state 0; `moves[state]` are the bytes that lead on and the states they lead to; the text ends in `finals`.
    """

    moves: tuple[tuple[tuple[ByteSet, int], ...], ...]
    finals: frozenset[int]


Pattern: TypeAlias = Empty | Literal | OneOf | Concat | Alternate | Repeat | Mark | Look | Graph


def sequence(*parts: Pattern) -> Pattern:
    """The parts one after the other, as the smallest tree: flat, without Empty, neighbouring literals joined."""
    flat: list[Pattern] = []
    for part in parts:
        for each in part.parts if isinstance(part, Concat) else (part,):
            if isinstance(each, Literal) and flat and isinstance(flat[-1], Literal):
                flat[-1] = Literal(flat[-1].text + each.text)
            elif not isinstance(each, Empty):
                flat.append(each)
    return flat[0] if len(flat) == 1 else Concat(tuple(flat)) if flat else Empty()


def choice(*choices: Pattern) -> Pattern:
    """Any one of the choices."""
    return choices[0] if len(choices) == 1 else Alternate(choices)


def optional(inner: Pattern) -> Pattern:
    """`inner` or nothing."""
    return Repeat(inner, 0, 1)


def marked(inner: Pattern, number: int) -> Pattern:
    """`inner`, with its end reported as `number`: how a rule's pattern becomes a rule's machine."""
    return sequence(inner, Mark(number))
