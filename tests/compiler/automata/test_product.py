"""Two machines side by side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pybpf.compiler.automata import (
    DEAD,
    Pattern,
    TooManyStates,
    combine,
    determinize,
    intersect,
    marked,
    matches,
    run,
    thompson,
    trim,
)
from tests.compiler.automata.engines import ACCEPT, pattern_machine
from tests.compiler.automata.strategies import texts, trees

Marks = frozenset[int]


@settings(max_examples=300, deadline=None)
@given(trees(), trees(), texts())
def test_an_intersection_has_lefts_marks_where_right_accepts(left: Pattern, right: Pattern, subject: bytes) -> None:
    ours, theirs = determinize(thompson(left)), determinize(thompson(marked(right, 9)))
    expected = matches(ours, subject) if 9 in matches(theirs, subject) else frozenset()
    assert matches(intersect(ours, theirs, accept=9), subject) == expected


@settings(max_examples=200, deadline=None)
@given(trees(), trees(), texts())
def test_a_combination_joins_the_marks_while_both_live(left: Pattern, right: Pattern, subject: bytes) -> None:
    ours, theirs = trim(determinize(thompson(left))), trim(determinize(thompson(right)))
    alive = DEAD not in (run(ours, subject), run(theirs, subject))
    expected = matches(ours, subject) | matches(theirs, subject) if alive else frozenset()
    assert matches(combine(ours, theirs, frozenset.union), subject) == expected


def test_a_union_of_marks_does_not_outlive_either_machine() -> None:
    both = combine(pattern_machine("abc"), pattern_machine("ab"), frozenset.union)
    assert matches(both, b"ab") == {ACCEPT}
    assert matches(both, b"abc") == frozenset()


def test_a_request_dies_at_the_first_byte_that_no_rule_can_accept() -> None:
    grammar = pattern_machine("[A-Z]+ /[!-~]* HTTP/1\\.1\r\n")
    rules = pattern_machine("(?s)GET /api/.*")
    both = intersect(grammar, rules, accept=ACCEPT)
    assert run(both, b"GET /a") != DEAD
    assert run(both, b"GET /b") == DEAD
    assert run(both, b"P") == DEAD


def test_disjoint_languages_have_nothing_in_common() -> None:
    assert intersect(pattern_machine("a*b"), pattern_machine("a*c"), accept=ACCEPT).state_count == 1


def test_the_limit_counts_pairs() -> None:
    with pytest.raises(TooManyStates):
        combine(pattern_machine("(?:a{7})*"), pattern_machine("(?:a{11})*"), frozenset.union, max_states=77)
    assert combine(pattern_machine("(?:a{7})*"), pattern_machine("(?:a{11})*"), frozenset.union, max_states=78).state_count == 78
