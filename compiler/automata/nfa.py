"""Pattern -> Nfa: Thompson's construction (Ken Thompson, "Regular Expression Search Algorithm", CACM 11:6, 1968).

Each node of the tree becomes a few states; a fragment is built *towards* the state that follows it, so nothing is
patched afterwards and the last thing built is the start. Size and time are linear in the tree with its counted
repetitions written out: `x{1000}` is a thousand copies of x, which is why there is a limit. `simulate` walks the
states directly; it is slow and obviously right, and every other machine in this package is tested against it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TypeAlias, assert_never

from pybpf.compiler.automata.bytesets import ByteSet, bytes_of
from pybpf.compiler.automata.flat import Numbers, Rows
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

MAX_NFA_STATES = 1 << 22


class TooManyStates(Exception):
    """A machine outgrew its limit of states. Which pattern is to blame, the caller knows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit} states")


class TooMuchMemory(TooManyStates):
    """A machine, or what it takes to make it, outgrew its limit of bytes before that of states."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit = limit_bytes
        Exception.__init__(self, f"more than {limit_bytes >> 20} MiB")


@dataclass(frozen=True, slots=True)
class Move:
    """Consumes one byte of the set and goes on to `target`."""

    members: ByteSet
    target: int


@dataclass(frozen=True, slots=True)
class Split:
    """Consumes nothing and goes on to every one of `targets`; without targets it is the end."""

    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """Consumes nothing, reports `number`, goes on to `target`."""

    number: int
    target: int


State: TypeAlias = Move | Split | Marked


class Kind(IntEnum):
    """What a state of a flat machine is."""

    MOVE = 0
    SPLIT = 1
    MARKED = 2


@dataclass(frozen=True)
class Nfa:
    """A nondeterministic machine: states by number. What it accepts is told by its marks, wherever they stand.

    cells      [state] -> (MOVE, number of its set, target), (SPLIT, first of its branches, how many) or (MARKED, mark, target)
    branches   the targets of splits
    sets       the sets of bytes of moves, in the order in which they were first used
    """

    cells: Rows
    branches: Numbers
    sets: tuple[ByteSet, ...]
    start: int

    @cached_property
    def states(self) -> tuple[State, ...]:
        """The same states one by one, for those who walk few of them."""
        return tuple(map(self._state, self.cells))

    def _state(self, cell: Sequence[int]) -> State:
        kind, value, last = cell
        match kind:
            case Kind.MOVE:
                return Move(self.sets[value], last)
            case Kind.SPLIT:
                return Split(tuple(self.branches.view[value : value + last]))
            case _:
                return Marked(value, last)


def thompson(tree: Pattern, *, max_states: int = MAX_NFA_STATES) -> Nfa:
    """The machine of a tree. Raises TooManyStates when it needs more than `max_states`."""
    builder = _Builder(max_states)
    end = builder.split([])
    start = builder.build(tree, end)
    return Nfa(Rows(Numbers(builder.cells), 3), Numbers(builder.branches), tuple(builder.sets), start)


def simulate(nfa: Nfa, text: bytes) -> frozenset[int]:
    """The marks that hold after all of `text`: the meaning of an Nfa, one set of states per byte."""
    current = closure(nfa, [nfa.start])
    for byte in text:
        moves = (nfa.states[each] for each in current)
        current = closure(nfa, [move.target for move in moves if isinstance(move, Move) and byte in move.members])
    return marks_in(nfa, current)


def closure(nfa: Nfa, numbers: Iterable[int]) -> frozenset[int]:
    """The states reached from `numbers` without consuming a byte, splits themselves left out."""
    seen = set(numbers)
    waiting = list(seen)
    while waiting:
        match nfa.states[waiting.pop()]:
            case Split(targets):
                fresh = [target for target in targets if target not in seen]
            case Marked(_, target):
                fresh = [target] if target not in seen else []
            case Move():
                fresh = []
        seen.update(fresh)
        waiting.extend(fresh)
    return frozenset(each for each in seen if not isinstance(nfa.states[each], Split))


def marks_in(nfa: Nfa, numbers: Iterable[int]) -> frozenset[int]:
    """The marks among some states."""
    states = (nfa.states[each] for each in numbers)
    return frozenset(state.number for state in states if isinstance(state, Marked))


class _Builder:
    """States so far."""

    def __init__(self, max_states: int) -> None:
        self.cells = array("I")
        self.branches = array("I")
        self.sets: dict[ByteSet, int] = {}
        self.count = 0
        self.max_states = max_states

    def add(self, kind: Kind, value: int, last: int) -> int:
        if self.count >= self.max_states:
            raise TooManyStates(self.max_states)
        self.cells.extend((kind, value, last))
        self.count += 1
        return self.count - 1

    def move(self, members: ByteSet, target: int) -> int:
        return self.add(Kind.MOVE, self.sets.setdefault(members, len(self.sets)), target)

    def split(self, targets: Sequence[int]) -> int:
        state = self.add(Kind.SPLIT, 0, 0)
        self.divide(state, targets)
        return state

    def divide(self, state: int, targets: Sequence[int]) -> None:
        """Gives a split its targets."""
        self.cells[state * 3 + 1 : state * 3 + 3] = array("I", (len(self.branches), len(targets)))
        self.branches.extend(targets)

    def build(self, tree: Pattern, following: int) -> int:
        """The state at which `tree` begins, when `following` is what comes after it."""
        match tree:
            case Empty():
                return following
            case Literal(text):
                for byte in reversed(text):
                    following = self.move(bytes_of(bytes([byte])), following)
                return following
            case OneOf(members):
                return self.move(members, following)
            case Concat(parts):
                for part in reversed(parts):
                    following = self.build(part, following)
                return following
            case Alternate(choices):
                return self.split([self.build(each, following) for each in choices])
            case Repeat(inner, minimum, maximum):
                return self.repeat(inner, minimum, maximum, following)
            case Mark(number):
                return self.add(Kind.MARKED, number, following)
            case Graph():
                return self.graph(tree, following)
            case Look():
                raise AssertionError("conditions on places are taken out where patterns are read")
        assert_never(tree)

    def graph(self, graph: Graph, following: int) -> int:
        """Its states as they are; those it may end in go on to what comes after."""
        entries = [self.split([]) for _ in graph.moves]
        for number, moves in enumerate(graph.moves):
            targets = [self.move(members, entries[target]) for members, target in moves]
            self.divide(entries[number], [*targets, following] if number in graph.finals else targets)
        return entries[0]

    def repeat(self, inner: Pattern, minimum: int, maximum: int | None, following: int) -> int:
        """`minimum` copies in a row, then a loop, or one optional copy inside the other: x{1,3} is x(x(x)?)?."""
        entry = following
        if maximum is None:
            entry = self.split([])
            self.divide(entry, [self.build(inner, entry), following])
        else:
            for _ in range(maximum - minimum):
                entry = self.split([self.build(inner, entry), following])
        for _ in range(minimum):
            entry = self.build(inner, entry)
        return entry
