"""Dfas as sets of texts: union, difference, and a text of a set as a leaf of a tree.

`combine` (product.py) is for machines that must agree, and dies with either of them. Here a pair lives on while what is asked
for can still come: a union while either half is alive, a difference while the left one is. Only pairs that occur are built, at
worst the sizes multiplied. Minimal machines have one form, so two sets are equal exactly if their minimal machines are.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.automata.bytesets import BYTE_VALUES, ByteSet, common_refinement
from pybpf.compiler.automata.dfa import DEAD, MAX_DFA_STATES, Dfa, explore, tabulated
from pybpf.compiler.automata.flat import NO_MARKS
from pybpf.compiler.automata.minimize import minimize
from pybpf.compiler.automata.tree import Graph

# No text at all.
NOTHING: Final = tabulated(bytes(BYTE_VALUES), [[DEAD]], DEAD, [NO_MARKS])


def either(left: Dfa, right: Dfa, *, max_states: int = MAX_DFA_STATES) -> Dfa:
    """The texts of both, each with the marks that it has in either; minimal. TooManyStates beyond `max_states` pairs."""
    classes, halves = common_refinement(left.classes, right.classes)

    def step(pair: tuple[int, int]) -> list[tuple[int, int] | None]:
        left_row, right_row = left.transitions[pair[0]], right.transitions[pair[1]]
        found = [(left_row[one], right_row[other]) for one, other in halves]
        return [each if each != (DEAD, DEAD) else None for each in found]

    start = (left.start, right.start) if (left.start, right.start) != (DEAD, DEAD) else None
    return minimize(explore(classes, start, step, lambda pair: left.marks[pair[0]] | right.marks[pair[1]], max_states=max_states))


def without(left: Dfa, right: Dfa, *, max_states: int = MAX_DFA_STATES) -> Dfa:
    """The texts of `left` that have no mark in `right`, with their marks; minimal. TooManyStates beyond `max_states` pairs."""
    classes, halves = common_refinement(left.classes, right.classes)

    def step(pair: tuple[int, int]) -> list[tuple[int, int] | None]:
        left_row, right_row = left.transitions[pair[0]], right.transitions[pair[1]]
        return [(left_row[one], right_row[other]) if left_row[one] != DEAD else None for one, other in halves]

    def marks_of(pair: tuple[int, int]) -> frozenset[int]:
        return where_unmarked(left.marks[pair[0]], right.marks[pair[1]])

    start = (left.start, right.start) if left.start != DEAD else None
    return minimize(explore(classes, start, step, marks_of, max_states=max_states))


def where_unmarked(ours: frozenset[int], theirs: frozenset[int]) -> frozenset[int]:
    """Left's marks where right has none."""
    return NO_MARKS if theirs else ours


def is_empty(dfa: Dfa) -> bool:
    """Whether a trimmed machine accepts no text."""
    return dfa.start == DEAD


def as_pattern(dfa: Dfa) -> Graph:
    """The texts with any mark, as a tree: to be put between other trees."""
    members: list[dict[int, int]] = [{} for _ in dfa.transitions]  # [state] target -> the bytes that lead there, as a mask
    for state, row in enumerate(dfa.transitions):
        for byte in range(BYTE_VALUES):
            target = row[dfa.classes[byte]]
            if target != DEAD:
                members[state][target] = members[state].get(target, 0) | 1 << byte
    # A graph begins in its state 0, which is the dead one here: the two change places.
    renamed = {dfa.start: 0, DEAD: dfa.start}
    moves = [tuple((ByteSet(mask), renamed.get(target, target)) for target, mask in sorted(row.items())) for row in members]
    moves[0], moves[dfa.start] = moves[dfa.start], moves[0]
    finals = frozenset(renamed.get(state, state) for state, marks in enumerate(dfa.marks) if marks)
    return Graph(tuple(moves), finals)
