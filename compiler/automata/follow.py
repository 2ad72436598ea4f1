"""Two Dfas one after the other, where the first says by its marks that it is done.

General concatenation needs the subset construction. Here the first machine must not be able to go on after handing
over, as a request line cannot go on after its line end, so the machines are joined by giving every state that hands
over the exits of the second's start: states add up instead of multiplying. Linear in both.
"""

from __future__ import annotations

from pybpf.compiler.automata.bytesets import common_refinement
from pybpf.compiler.automata.dfa import DEAD, Dfa, explore
from pybpf.compiler.automata.trim import trim


def follow(first: Dfa, second: Dfa, handover: frozenset[int]) -> Dfa:
    """`first`, and from each of its states with a mark in `handover` on, `second`.

    A state that hands over keeps its marks, gains those of second's start (the bytes so far have reached it) and
    leaves by second's exits; it stays apart from other such states with other marks. The two machines' marks are not
    renumbered, so they should differ. Trimmed. Raises ValueError when a state that hands over could also go on in
    `first`.
    """
    first, second = trim(first), trim(second)
    handing = {state for state, marks in enumerate(first.marks) if marks & handover}
    if any(any(first.transitions[state]) for state in handing):
        raise ValueError("a state that hands over has exits of its own")
    classes, halves = common_refinement(first.classes, second.classes)
    offset = first.state_count  # second's states are keyed behind first's

    def step(key: int) -> list[int | None]:
        if key < offset and key not in handing:
            row = first.transitions[key]
            return [row[one] or None for one, _ in halves]
        row = second.transitions[second.start if key < offset else key - offset]
        return [row[other] + offset if row[other] != DEAD else None for _, other in halves]

    def marks_of(key: int) -> frozenset[int]:
        if key >= offset:
            return second.marks[key - offset]
        return first.marks[key] | second.marks[second.start] if key in handing else first.marks[key]

    return trim(explore(classes, first.start or None, step, marks_of, max_states=offset + second.state_count + 1))
