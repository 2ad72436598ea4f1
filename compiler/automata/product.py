"""Two Dfas side by side: the product construction (Rabin and Scott, 1959).

A state of the product is a pair, alive only while both of its halves are: two machines that must both agree refuse
as soon as one of them does. At worst the product has as many states as both sizes multiplied; only pairs that occur
are built. For "either of the two" write one tree with `choice` and build one machine from it.
"""

from __future__ import annotations

from collections.abc import Callable

from pybpf.compiler.automata.bytesets import common_refinement
from pybpf.compiler.automata.dfa import DEAD, MAX_DFA_STATES, Dfa, explore
from pybpf.compiler.automata.flat import NO_MARKS
from pybpf.compiler.automata.trim import trim

Join = Callable[[frozenset[int], frozenset[int]], frozenset[int]]


def combine(left: Dfa, right: Dfa, join: Join, *, max_states: int = MAX_DFA_STATES) -> Dfa:
    """Both machines at once: after each byte string the marks are `join(left's, right's)`, none once either is dead.

    Trimmed: a pair from which no marked pair can be reached is dead. Raises TooManyStates when more than
    `max_states` pairs occur.
    """
    classes, halves = common_refinement(left.classes, right.classes)

    def step(pair: tuple[int, int]) -> list[tuple[int, int] | None]:
        left_row, right_row = left.transitions[pair[0]], right.transitions[pair[1]]
        return [_alive(left_row[one], right_row[other]) for one, other in halves]

    def marks_of(pair: tuple[int, int]) -> frozenset[int]:
        return join(left.marks[pair[0]], right.marks[pair[1]])

    return trim(explore(classes, _alive(left.start, right.start), step, marks_of, max_states=max_states))


def intersect(left: Dfa, right: Dfa, *, accept: int, max_states: int = MAX_DFA_STATES) -> Dfa:
    """Left's marks where right carries the mark `accept`, and none elsewhere."""
    return combine(left, right, where_accepted(accept), max_states=max_states)


def where_accepted(accept: int) -> Join:
    """Left's marks where right's have `accept` among them."""
    return lambda ours, theirs: ours if accept in theirs else NO_MARKS


def _alive(left: int, right: int) -> tuple[int, int] | None:
    return (left, right) if left != DEAD and right != DEAD else None
