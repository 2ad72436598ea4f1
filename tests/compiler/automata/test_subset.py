"""The subset construction and the Dfa it makes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import (
    DEAD,
    Literal,
    Mark,
    Pattern,
    Repeat,
    TooManyStates,
    determinize,
    marked,
    matches,
    parse,
    run,
    sequence,
    simulate,
    thompson,
)
from tests.compiler.automata.engines import ENGINES
from tests.compiler.automata.strategies import texts, trees


@settings(max_examples=400, deadline=None)
@given(trees(), st.lists(texts(), min_size=1, max_size=10))
def test_every_engine_reports_the_marks_that_the_nfa_reports(tree: Pattern, subjects: list[bytes]) -> None:
    nfa = thompson(tree)
    expected = [simulate(nfa, subject) for subject in subjects]
    for name, engine in ENGINES.items():
        marks = engine(tree)
        assert [marks(subject) for subject in subjects] == expected, name


@given(trees())
def test_the_dead_state_is_zero_and_stays_dead(tree: Pattern) -> None:
    dfa = determinize(thompson(tree))
    assert dfa.dead == DEAD == 0
    assert not any(dfa.transitions[DEAD]) and not dfa.marks[DEAD]


@given(trees(), texts(), texts())
def test_a_run_can_be_taken_up_where_it_stopped(tree: Pattern, before: bytes, after: bytes) -> None:
    dfa = determinize(thompson(tree))
    assert run(dfa, after, run(dfa, before)) == run(dfa, before + after)


def test_marks_in_the_middle_survive() -> None:
    dfa = determinize(thompson(sequence(Repeat(sequence(Literal(b"ab"), Mark(1)), 1), Literal(b"\r\n"), Mark(2))))
    assert matches(dfa, b"ab") == matches(dfa, b"abab") == {1}
    assert matches(dfa, b"abab\r") == frozenset()
    assert matches(dfa, b"abab\r\n") == {2}


def test_the_limit_counts_every_state() -> None:
    nfa = thompson(marked(parse("abc"), 0))
    assert determinize(nfa, 5).state_count == 5  # dead, "", a, ab, abc
    with pytest.raises(TooManyStates) as caught:
        determinize(nfa, 4)
    assert caught.value.limit == 4


def test_an_exponential_pattern_stops_at_the_limit() -> None:
    with pytest.raises(TooManyStates):
        determinize(thompson(marked(parse("[ab]*a[ab]{30}"), 0)), 2000)


@given(trees())
def test_building_twice_gives_the_same_machine(tree: Pattern) -> None:
    assert determinize(thompson(tree)) == determinize(thompson(tree))
