"""Dfa: a deterministic machine over byte classes, what it means, and the one way in which all of them are made.

State 0 is always dead: it has no marks and never leaves itself. `explore` numbers states breadth first from the
start, which is 1 unless it is dead, so a machine's numbers depend on what it does and not on how it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from pybpf.compiler.automata.bytesets import BYTE_VALUES, ByteSet, class_count, classes_in, number_classes
from pybpf.compiler.automata.flat import NO_MARKS, Edges, Marks, Rows, edges_of_rows, marks_of_states
from pybpf.compiler.automata.nfa import TooManyStates

DEAD = 0
MAX_DFA_STATES = 1 << 20

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Dfa:
    """A machine that is in one state after each byte.

    classes       256 bytes: byte value -> class; classes are numbered by their smallest bytes
    class_count   how many classes there are
    edges         the states that each state leads to, with the classes on which it does
    start         the state before the first byte
    marks         [state] -> the marks of every point that the bytes so far have just reached
    """

    classes: bytes
    class_count: int
    edges: Edges
    start: int
    marks: Marks

    def __post_init__(self) -> None:
        assert len(self.classes) == BYTE_VALUES and self.class_count == class_count(self.classes)
        assert len(self.marks) == len(self.edges.firsts) - 1 > self.start
        assert not self.marks.sets[0] and not self.marks.labels[DEAD] and not self.edges.firsts[DEAD + 1]

    @cached_property
    def transitions(self) -> Rows:
        """[state][class] -> state, for those who look at few machines or small ones: written out on first use."""
        return self.edges.rows(self.class_count)

    @property
    def dead(self) -> int:
        """The state in which nothing can be reached any more: always 0."""
        return DEAD

    @property
    def state_count(self) -> int:
        return len(self.marks)


def tabulated(classes: bytes, rows: Iterable[Sequence[int]], start: int, marks: Iterable[frozenset[int]]) -> Dfa:
    """The machine with these rows and marks, one each for every state."""
    assert classes == number_classes(classes)
    return Dfa(classes, class_count(classes), edges_of_rows(rows), start, marks_of_states(marks))


def run(dfa: Dfa, text: bytes, state: int | None = None) -> int:
    """The state after `text`, beginning in `state` (None: in the start state)."""
    current = dfa.start if state is None else state
    for byte in text:
        current = dfa.edges.target(current, dfa.classes[byte])
    return current


def matches(dfa: Dfa, text: bytes) -> frozenset[int]:
    """The marks that hold after all of `text`."""
    return dfa.marks[run(dfa, text)]


def remarked(dfa: Dfa, meant: Mapping[frozenset[int], frozenset[int]]) -> Dfa:
    """The machine with other marks: those of each state, all together, replaced by what they are meant to be."""
    return replace(dfa, marks=marks_of_states(meant[each] for each in dfa.marks))


def marked_states(dfa: Dfa) -> list[int]:
    """The states with marks, ascending."""
    return [state for state, label in enumerate(dfa.marks.labels) if label]


def staying_states(dfa: Dfa, members: ByteSet) -> list[int]:
    """The states that lead to themselves on every byte of `members`, of which there is one; ascending."""
    wanted = sum(1 << each for each in classes_in(dfa.classes, members))
    enough = {number for number, mask in enumerate(dfa.edges.masks()) if mask & wanted == wanted}
    firsts, pairs = dfa.edges.firsts.view, dfa.edges.pairs.view
    leading = ((edge, pairs[2 * edge + 1]) for edge, label in enumerate(pairs[::2]) if label in enough)
    return sorted(state for edge, state in leading if firsts[state] <= edge < firsts[state + 1])


def explore(
    classes: bytes,
    start: Key | None,
    step: Callable[[Key], Sequence[Key | None]],
    marks_of: Callable[[Key], frozenset[int]],
    *,
    max_states: int = MAX_DFA_STATES,
) -> Dfa:
    """The machine whose states are the keys found from `start`, numbered breadth first; None stands for dead.

    `step` gives a key's successors, one per class. Raises TooManyStates when there would be more than `max_states`
    states, the dead one included.
    """
    numbers: dict[Key, int] = {}
    waiting: list[Key] = []

    def number(key: Key | None) -> int:
        if key is None:
            return DEAD
        if key not in numbers:
            if len(numbers) + 1 >= max_states:
                raise TooManyStates(max_states)
            numbers[key] = len(numbers) + 1
            waiting.append(key)
        return numbers[key]

    count = class_count(classes)
    rows = [(DEAD,) * count]
    first = number(start)
    for key in waiting:  # grows while it is read
        rows.append(tuple([number(each) for each in step(key)]))
    return tabulated(classes, rows, first, (NO_MARKS, *map(marks_of, waiting)))
