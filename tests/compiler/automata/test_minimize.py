"""Minimal machines: known sizes, one form for one meaning."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import (
    DEAD,
    Dfa,
    Literal,
    Mark,
    Pattern,
    choice,
    determinize,
    marked,
    minimize,
    parse,
    run,
    sequence,
    thompson,
)
from pybpf.compiler.automata.bytesets import number_classes
from pybpf.compiler.automata.columns import merge_columns
from pybpf.compiler.automata.dfa import tabulated
from tests.compiler.automata.engines import machine, pattern_machine, reachable
from tests.compiler.automata.strategies import trees

# The sizes include the dead state.
SIZES = {
    "": 2,
    "a*": 2,
    "abc": 5,
    "[ab]*abb": 5,
    "[ab]*a[ab]{2}": 9,  # which of the last three were a: 2 ** 3
    "(?:0|1(?:01*0)*1)*": 4,  # binary numbers divisible by three
    "(?:a{6}|a{4})*|(?:aa)*": 3,  # even lengths
    "(?s).": 10,  # begin, end, one to three trailing bytes, after E0, ED, F0, F4
    "(?s).*": 9,
    "(?s)(?:.*)*|[a-z]+": 9,
}


@pytest.mark.parametrize("pattern", SIZES)
def test_a_known_language_has_its_known_number_of_states(pattern: str) -> None:
    assert pattern_machine(pattern).state_count == SIZES[pattern]


@pytest.mark.parametrize(
    ("one", "other"),
    [("a|b", "[ab]"), ("aa*", "a+"), ("(?:a*b*)*", "[ab]*"), ("ab|ac", "a[bc]"), ("x{2,4}", "xx|xxx|x{4}"), ("[^a]|a", "(?s).")],
)
def test_equal_languages_have_equal_machines(one: str, other: str) -> None:
    assert pattern_machine(one) == pattern_machine(other)


def distinguishable(dfa: Dfa) -> set[tuple[int, int]]:
    """Pairs of states that some byte string tells apart, by the table-filling method (Moore, 1956)."""
    pairs = {(one, other) for one in range(dfa.state_count) for other in range(one)}
    found = {(one, other) for one, other in pairs if dfa.marks[one] != dfa.marks[other]}
    while True:
        fresh = {
            (one, other)
            for one, other in pairs - found
            for left, right in zip(dfa.transitions[one], dfa.transitions[other], strict=True)
            if (max(left, right), min(left, right)) in found
        }
        if not fresh:
            return found
        found |= fresh


@settings(max_examples=150, deadline=None)
@given(trees())
def test_no_two_states_of_a_minimal_machine_are_equal(tree: Pattern) -> None:
    dfa = machine(tree)
    assert len(distinguishable(dfa)) == dfa.state_count * (dfa.state_count - 1) // 2


def shuffled(dfa: Dfa, seed: int) -> Dfa:
    """The same machine with its states in another order and every class split in two."""
    order = [DEAD, *random.Random(seed).sample(range(1, dfa.state_count), dfa.state_count - 1)]
    number_of = {state: number for number, state in enumerate(order)}
    halves = [(each, byte % 2) for byte, each in enumerate(dfa.classes)]
    columns = [each for each, _ in dict.fromkeys(halves)]
    rows = [[number_of[dfa.transitions[state][each]] for each in columns] for state in order]
    return tabulated(number_classes(halves), rows, number_of[dfa.start], [dfa.marks[state] for state in order])


@settings(max_examples=200, deadline=None)
@given(trees(), st.integers(0, 1000))
def test_the_result_does_not_depend_on_the_numbering_of_the_input(tree: Pattern, seed: int) -> None:
    dfa = determinize(thompson(tree))
    assert minimize(shuffled(dfa, seed)) == minimize(dfa)


@st.composite
def machines(draw: st.DrawFn) -> Dfa:
    """Any machine over two classes: cycles, unreachable states and hopeless ones included."""
    count = draw(st.integers(2, 14))
    states = st.integers(0, count - 1)
    rows = draw(st.lists(st.tuples(states, states), min_size=count - 1, max_size=count - 1))
    marks = draw(st.lists(st.sampled_from([frozenset[int](), frozenset([1])]), min_size=count - 1, max_size=count - 1))
    classes = bytes(byte == ord("a") for byte in range(256))
    return tabulated(classes, [(0, 0), *rows], draw(states), [frozenset(), *marks])


@settings(max_examples=500, deadline=None)
@given(machines())
def test_states_are_joined_exactly_when_nothing_tells_them_apart(dfa: Dfa) -> None:
    found = reachable(dfa, dfa.start) | {DEAD}
    apart = distinguishable(dfa)
    joined = {min(other for other in found if other == state or (max(state, other), min(state, other)) not in apart) for state in found}
    smallest = minimize(dfa)
    assert smallest.state_count == len(joined)
    pairs = {(dfa.start, smallest.start)}
    while True:
        assert all(dfa.marks[one] == smallest.marks[other] for one, other in pairs)
        fresh = {(run(dfa, byte, one), run(smallest, byte, other)) for one, other in pairs for byte in (b"a", b"b")} - pairs
        if not fresh:
            break
        pairs |= fresh


@given(trees())
def test_minimizing_twice_changes_nothing(tree: Pattern) -> None:
    dfa = machine(tree)
    assert minimize(dfa) == dfa


@given(trees())
def test_merging_columns_of_a_minimal_machine_changes_nothing(tree: Pattern) -> None:
    dfa = machine(tree)
    assert merge_columns(dfa) == dfa


def test_states_with_different_marks_stay_apart() -> None:
    assert machine(choice(marked(Literal(b"a"), 0), marked(Literal(b"b"), 1))).state_count == 4
    assert machine(choice(marked(Literal(b"a"), 0), marked(Literal(b"b"), 0))).state_count == 3


def test_marks_in_the_middle_keep_states_apart() -> None:
    assert machine(sequence(Literal(b"a"), Mark(1), Literal(b"a"), Mark(2))).state_count == 4


def test_the_start_of_a_live_machine_is_one() -> None:
    assert pattern_machine("a|bc").start == 1


def test_a_machine_that_is_dead_from_the_start_is_one_state_and_one_class() -> None:
    dfa = machine(choice())
    assert (dfa.start, dfa.state_count, dfa.class_count) == (DEAD, 1, 1)


def test_bytes_that_no_state_tells_apart_share_a_class() -> None:
    assert pattern_machine("[a-m]x|[n-z]x").class_count == 3  # a..z without x, x, the rest


def test_a_hundred_rest_rules_make_a_machine_of_their_own_size() -> None:
    names = ["users", "orders", "flights", "items", "carts", "payments", "reports", "alerts", "teams", "roles"]
    rules = [parse(f"/api/v{version}/{name}/[0-9]+/{name}") for version in range(10) for name in names]
    dfa = machine(choice(*(marked(rule, number) for number, rule in enumerate(rules))))
    assert {mark for marks in dfa.marks for mark in marks} == set(range(100))
    assert dfa.state_count < 2500
