"""Two machines one after the other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import (
    DEAD,
    Literal,
    Mark,
    Pattern,
    choice,
    determinize,
    follow,
    marked,
    matches,
    parse,
    run,
    sequence,
    simulate,
    thompson,
)
from tests.compiler.automata.engines import machine
from tests.compiler.automata.strategies import ALPHABET, texts, trees

LINE_ENDS = frozenset({10, 11})
LINES = machine(choice(marked(parse("GET /a\r\n"), 10), marked(parse("GET /b\r\n"), 11)))
HEADERS = machine(sequence(parse("(?:x:[a-z]*\r\n)*"), Mark(20), Literal(b"\r\n"), Mark(21)))


def test_the_second_machine_takes_over_behind_the_mark() -> None:
    head = follow(LINES, HEADERS, LINE_ENDS)
    assert matches(head, b"GET /a\r\nx:yz\r\n\r\n") == {21}
    assert matches(head, b"GET /b\r\n\r\n") == {21}
    assert run(head, b"GET /a\r\nq") == DEAD
    assert run(head, b"GET /a\r\n\r\n\r") == DEAD


def test_a_state_that_hands_over_keeps_its_marks_and_gains_those_of_the_second_start() -> None:
    head = follow(LINES, HEADERS, LINE_ENDS)
    assert matches(head, b"GET /a\r\n") == {10, 20}
    assert matches(head, b"GET /b\r\n") == {11, 20}


def test_the_second_machine_is_there_once_however_many_states_hand_over() -> None:
    assert follow(LINES, HEADERS, LINE_ENDS).state_count == LINES.state_count + HEADERS.state_count - 1


def test_a_first_machine_that_could_go_on_is_refused() -> None:
    with pytest.raises(ValueError, match="exits of its own"):
        follow(machine(marked(parse("a+"), 10)), HEADERS, LINE_ENDS)


def test_exits_that_lead_nowhere_do_not_count() -> None:
    first = determinize(thompson(choice(marked(Literal(b"a"), 10), Literal(b"abc"))))
    assert matches(follow(first, machine(marked(Literal(b"b"), 1)), LINE_ENDS), b"ab") == {1}


def test_a_state_whose_mark_hands_nothing_over_stays_as_it_was() -> None:
    first = machine(choice(marked(Literal(b"a"), 10), marked(Literal(b"b+"), 5)))
    head = follow(first, machine(marked(Literal(b"c"), 1)), LINE_ENDS)
    assert matches(head, b"b+") == {5}
    assert matches(head, b"b+c") == frozenset()


def test_nothing_follows_a_machine_that_never_hands_over() -> None:
    assert matches(follow(machine(marked(Literal(b"a"), 5)), HEADERS, LINE_ENDS), b"a\r\n") == frozenset()


def test_a_second_machine_that_accepts_nothing_leaves_the_first_alone() -> None:
    assert matches(follow(LINES, machine(choice()), LINE_ENDS), b"GET /a\r\n") == {10}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ALPHABET), max_size=3).map(bytes), trees(), texts())
def test_following_a_literal_is_concatenation(prefix: bytes, second: Pattern, subject: bytes) -> None:
    first = machine(sequence(Literal(prefix), Mark(10)))
    expected = simulate(thompson(sequence(Literal(prefix), Mark(10), second)), prefix + subject)
    assert matches(follow(first, machine(second), LINE_ENDS), prefix + subject) == expected
