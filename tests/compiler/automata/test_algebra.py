"""Sets of texts: union, difference, a set as a tree, and the text that stands for a set."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pybpf.compiler.automata import (
    NOTHING,
    Dfa,
    Pattern,
    TooManyStates,
    as_pattern,
    combine,
    determinize,
    either,
    is_empty,
    marked,
    matches,
    minimize,
    parse,
    thompson,
    without,
    witness,
)
from tests.compiler.automata.strategies import texts, trees

ACCEPT = 1


def machine(tree: Pattern) -> Dfa:
    """What a tree accepts, without the marks within it."""
    whole = determinize(thompson(marked(tree, 99)))
    return minimize(combine(whole, whole, lambda marks, _: frozenset({ACCEPT}) if 99 in marks else frozenset()))


def accepted(dfa: Dfa, text: bytes) -> bool:
    return ACCEPT in matches(dfa, text)


@settings(max_examples=300, deadline=None)
@given(trees(), trees(), texts())
def test_a_union_has_the_texts_of_both_and_a_difference_those_of_one(left: Pattern, right: Pattern, subject: bytes) -> None:
    ours, theirs = machine(left), machine(right)
    assert accepted(either(ours, theirs), subject) == (accepted(ours, subject) or accepted(theirs, subject))
    assert accepted(without(ours, theirs), subject) == (accepted(ours, subject) and not accepted(theirs, subject))


@settings(max_examples=200, deadline=None)
@given(trees(), trees())
def test_two_sets_are_equal_exactly_if_nothing_is_in_one_alone(left: Pattern, right: Pattern) -> None:
    ours, theirs = machine(left), machine(right)
    assert (ours == theirs) == (is_empty(without(ours, theirs)) and is_empty(without(theirs, ours)))
    assert either(ours, NOTHING) == ours and without(ours, NOTHING) == ours


@settings(max_examples=200, deadline=None)
@given(trees())
def test_a_set_put_into_a_tree_is_the_same_set(tree: Pattern) -> None:
    whole = machine(tree)
    if not is_empty(whole):
        assert machine(as_pattern(whole)) == whole


@settings(max_examples=200, deadline=None)
@given(trees(), texts())
def test_a_witness_is_a_shortest_text(tree: Pattern, subject: bytes) -> None:
    whole = machine(tree)
    found = witness(whole)
    assert (found is None) == is_empty(whole)
    if found is not None:
        assert accepted(whole, found)
        assert not accepted(whole, subject) or len(found) <= len(subject)


@pytest.mark.parametrize(("pattern", "text"), [("[^b]x|yz", b"ax"), ("[0-9a-f]+", b"a"), ("/flights/[^/]+", b"/flights/a"), (r"[\x00-\x1f!]", b"!")])
def test_a_witness_reads_well(pattern: str, text: bytes) -> None:
    assert witness(machine(parse(pattern))) == text


def test_a_union_or_difference_that_grows_too_large_is_refused() -> None:
    ours, theirs = machine(parse("(a|b)*a(a|b){5}")), machine(parse("(a|b)*b(a|b){6}"))
    for join in (either, without):
        with pytest.raises(TooManyStates):
            join(ours, theirs, max_states=100)
