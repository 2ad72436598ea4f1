"""Dfa: a deterministic machine over byte classes, what it means, and the one way in which all of them are made.

State 0 is always dead: it has no marks and never leaves itself. `explore` numbers states breadth first from the
start, which is 1 unless it is dead, so a machine's numbers depend on what it does and not on how it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pybpf.compiler.automata.bytesets import BYTE_VALUES, class_count
from pybpf.compiler.automata.nfa import TooManyStates

DEAD = 0
MAX_DFA_STATES = 1 << 16  # more than any packed table can number
NO_MARKS: frozenset[int] = frozenset()

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Dfa:
    """A machine that is in one state after each byte.

    classes       256 bytes: byte value -> class
    class_count   how many classes there are
    transitions   [state][class] -> state
    start         the state before the first byte
    marks         [state] -> the marks of every point that the bytes so far have just reached
    """

    classes: bytes
    class_count: int
    transitions: tuple[tuple[int, ...], ...]
    start: int
    marks: tuple[frozenset[int], ...]

    def __post_init__(self) -> None:
        assert len(self.classes) == BYTE_VALUES and self.class_count == class_count(self.classes)
        assert len(self.marks) == len(self.transitions) > self.start
        assert not self.marks[DEAD] and not any(self.transitions[DEAD])

    @property
    def dead(self) -> int:
        """The state in which nothing can be reached any more: always 0."""
        return DEAD

    @property
    def state_count(self) -> int:
        return len(self.transitions)


def run(dfa: Dfa, text: bytes, state: int | None = None) -> int:
    """The state after `text`, beginning in `state` (None: in the start state)."""
    current = dfa.start if state is None else state
    for byte in text:
        current = dfa.transitions[current][dfa.classes[byte]]
    return current


def matches(dfa: Dfa, text: bytes) -> frozenset[int]:
    """The marks that hold after all of `text`."""
    return dfa.marks[run(dfa, text)]


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
    return Dfa(classes, count, tuple(rows), first, (NO_MARKS, *map(marks_of, waiting)))
