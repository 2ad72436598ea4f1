"""Pattern -> Nfa: Thompson's construction (Ken Thompson, "Regular Expression Search Algorithm", CACM 11:6, 1968).

Each node of the tree becomes a few states; a fragment is built *towards* the state that follows it, so nothing is
patched afterwards and the last thing built is the start. Size and time are linear in the tree with its counted
repetitions written out: `x{1000}` is a thousand copies of x, which is why there is a limit. `simulate` walks the
states directly; it is slow and obviously right, and every other machine in this package is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from pybpf.compiler.automata.bytesets import ByteSet, bytes_of
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

MAX_NFA_STATES = 1 << 18


class TooManyStates(Exception):
    """A machine outgrew its limit of states. Which pattern is to blame, the caller knows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"more than {limit} states")


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


@dataclass(frozen=True, slots=True)
class Nfa:
    """A nondeterministic machine: states by number. What it accepts is told by its marks, wherever they stand."""

    states: tuple[State, ...]
    start: int


def thompson(tree: Pattern, *, max_states: int = MAX_NFA_STATES) -> Nfa:
    """The machine of a tree. Raises TooManyStates when it needs more than `max_states`."""
    builder = _Builder(max_states)
    end = builder.add(Split(()))
    start = builder.build(tree, end)
    return Nfa(tuple(builder.states), start)


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
        self.states: list[State] = []
        self.max_states = max_states

    def add(self, state: State) -> int:
        if len(self.states) >= self.max_states:
            raise TooManyStates(self.max_states)
        self.states.append(state)
        return len(self.states) - 1

    def build(self, tree: Pattern, following: int) -> int:
        """The state at which `tree` begins, when `following` is what comes after it."""
        match tree:
            case Empty():
                return following
            case Literal(text):
                for byte in reversed(text):
                    following = self.add(Move(bytes_of(bytes([byte])), following))
                return following
            case OneOf(members):
                return self.add(Move(members, following))
            case Concat(parts):
                for part in reversed(parts):
                    following = self.build(part, following)
                return following
            case Alternate(choices):
                return self.add(Split(tuple([self.build(each, following) for each in choices])))
            case Repeat(inner, minimum, maximum):
                return self.repeat(inner, minimum, maximum, following)
            case Mark(number):
                return self.add(Marked(number, following))
            case Graph():
                return self.graph(tree, following)
            case Look():
                raise AssertionError("conditions on places are taken out where patterns are read")
        assert_never(tree)

    def graph(self, graph: Graph, following: int) -> int:
        """Its states as they are; those it may end in go on to what comes after."""
        entries = [self.add(Split(())) for _ in graph.moves]
        for number, moves in enumerate(graph.moves):
            targets = [self.add(Move(members, entries[target])) for members, target in moves]
            self.states[entries[number]] = Split((*targets, following) if number in graph.finals else tuple(targets))
        return entries[0]

    def repeat(self, inner: Pattern, minimum: int, maximum: int | None, following: int) -> int:
        """`minimum` copies in a row, then a loop, or one optional copy inside the other: x{1,3} is x(x(x)?)?."""
        if maximum is None:
            entry = self.add(Split(()))
            self.states[entry] = Split((self.build(inner, entry), following))
        else:
            entry = following
            for _ in range(maximum - minimum):
                entry = self.add(Split((self.build(inner, entry), following)))
        for _ in range(minimum):
            entry = self.build(inner, entry)
        return entry
