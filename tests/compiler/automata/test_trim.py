"""Dead means dead early."""

from __future__ import annotations

from hypothesis import given, settings

from pybpf.compiler.automata import (
    DEAD,
    Literal,
    Mark,
    Pattern,
    choice,
    determinize,
    marked,
    matches,
    run,
    sequence,
    thompson,
    trim,
)
from tests.compiler.automata.engines import reachable
from tests.compiler.automata.strategies import texts, trees


@given(trees())
def test_every_state_that_is_left_is_reachable_and_has_a_mark_ahead(tree: Pattern) -> None:
    dfa = trim(determinize(thompson(tree)))
    assert reachable(dfa, dfa.start) | {DEAD} == set(range(dfa.state_count))
    assert all(any(dfa.marks[each] for each in reachable(dfa, state)) for state in range(1, dfa.state_count))


@settings(max_examples=200)
@given(trees(), texts())
def test_trimming_changes_no_mark(tree: Pattern, subject: bytes) -> None:
    dfa = determinize(thompson(tree))
    assert matches(trim(dfa), subject) == matches(dfa, subject)


def test_a_state_without_a_mark_ahead_is_dead() -> None:
    dfa = trim(determinize(thompson(choice(marked(Literal(b"ok"), 0), Literal(b"no")))))
    assert run(dfa, b"n") == DEAD
    assert run(dfa, b"o") != DEAD


def test_a_machine_that_can_report_nothing_is_the_dead_state_alone() -> None:
    dfa = trim(determinize(thompson(sequence(Literal(b"ab"), choice(), Mark(1)))))
    assert (dfa.start, dfa.state_count) == (DEAD, 1)
