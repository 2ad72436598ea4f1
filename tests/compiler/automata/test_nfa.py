"""Thompson's construction: its size, its limit, and marks."""

from __future__ import annotations

import pytest

from pybpf.compiler.automata import (
    Alternate,
    Literal,
    Mark,
    Repeat,
    TooManyStates,
    choice,
    marked,
    optional,
    parse,
    sequence,
    simulate,
    thompson,
)


def test_a_mark_holds_only_at_its_point() -> None:
    nfa = thompson(sequence(Literal(b"GET"), Mark(3), Literal(b" /"), Mark(4)))
    assert [set(simulate(nfa, b"GET /x"[:length])) for length in range(7)] == [set(), set(), set(), {3}, set(), {4}, set()]


def test_several_marks_may_hold_at_once() -> None:
    nfa = thompson(choice(marked(parse("/.*"), 0), marked(parse("/a+"), 1), marked(parse("/b"), 2)))
    assert simulate(nfa, b"/aa") == {0, 1}


def test_no_choice_matches_nothing() -> None:
    assert simulate(thompson(marked(Alternate(()), 0)), b"") == frozenset()


def test_a_loop_over_the_empty_string_ends() -> None:
    assert simulate(thompson(marked(Repeat(Repeat(optional(Literal(b"a")), 0), 0), 1)), b"aaa") == {1}


def test_counted_repetitions_are_written_out_up_to_the_limit() -> None:
    tree = parse("(?:abc){300}")
    assert len(thompson(tree, max_states=901).states) == 901
    with pytest.raises(TooManyStates) as caught:
        thompson(tree, max_states=900)
    assert caught.value.limit == 900


def test_a_tree_cannot_repeat_a_negative_number_of_times() -> None:
    with pytest.raises(ValueError, match="cannot repeat 3 to 2"):
        Repeat(Literal(b"a"), 3, 2)


def test_a_mark_cannot_be_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        Mark(-1)
