"""The extension's machines are those of the Python that says what is right: state for state, error for error."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import (
    Dfa,
    Graph,
    Literal,
    OneOf,
    Pattern,
    Repeat,
    TableTooLarge,
    TooManyStates,
    TooMuchMemory,
    as_pattern,
    byte_range,
    bytes_of,
    choice,
    compiled,
    marked,
    marked_states,
    matches,
    parse,
    sequence,
    staying_states,
)
from pybpf.compiler.automata.algebra import either, without
from pybpf.compiler.automata.columns import merge_columns
from pybpf.compiler.automata.dfa import tabulated
from pybpf.compiler.automata.flat import Edges, numbers, set_words
from pybpf.compiler.automata.follow import follow
from pybpf.compiler.automata.minimize import minimize
from pybpf.compiler.automata.nfa import thompson
from pybpf.compiler.automata.pack import ENTRY_LIMIT, pack
from pybpf.compiler.automata.product import combine, intersect
from pybpf.compiler.automata.subset import determinize
from pybpf.compiler.automata.trim import trim
from tests.compiler.automata.strategies import pattern_texts, trees
from tests.support.rest_rules import rest_requests, rest_rules

HANDOVER = frozenset({1, 2})


def either_way(make: Callable[[], Dfa]) -> Dfa | str:
    """A machine, or what was said instead."""
    try:
        return make()
    except (TooManyStates, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@st.composite
def tables(draw: st.DrawFn) -> Dfa:
    """Any machine over three classes: cycles, unreachable states and hopeless ones included."""
    count = draw(st.integers(2, 12))
    states = st.integers(0, count - 1)
    rows = draw(st.lists(st.tuples(states, states, states), min_size=count - 1, max_size=count - 1))
    marks = draw(st.lists(st.sets(st.integers(0, 2), max_size=2).map(frozenset), min_size=count - 1, max_size=count - 1))
    classes = bytes((byte == ord("a")) + 2 * (byte == ord("b")) for byte in range(256))
    return tabulated(classes, [(0, 0, 0), *rows], draw(states), [frozenset(), *marks])


@settings(max_examples=400, deadline=None)
@given(trees(), st.integers(1, 40))
def test_a_tree_gives_the_same_states(tree: Pattern, limit: int) -> None:
    nfa = thompson(tree)
    assert compiled.thompson(tree) == nfa
    assert compiled.determinize(nfa) == determinize(nfa)
    assert either_way(lambda: compiled.determinize(nfa, limit)) == either_way(lambda: determinize(nfa, limit))


@settings(max_examples=100, deadline=None)
@given(pattern_texts())
def test_a_pattern_gives_the_same_states(text: str) -> None:
    nfa = thompson(marked(parse(text), 3))
    assert compiled.thompson(marked(parse(text), 3)) == nfa
    assert compiled.minimize(compiled.determinize(nfa)) == minimize(determinize(nfa))


@settings(max_examples=400, deadline=None)
@given(tables())
def test_one_machine_becomes_the_same(dfa: Dfa) -> None:
    assert compiled.trim(dfa) == trim(dfa)
    assert compiled.minimize(dfa) == minimize(dfa)
    assert compiled.merge_columns(dfa) == merge_columns(dfa)
    special = marked_states(dfa)[::-1]
    assert compiled.pack(dfa, special) == pack(dfa, special)
    for entries in (1, 257, 264):
        assert either_way_packed(compiled.pack, dfa, entries) == either_way_packed(pack, dfa, entries)


def either_way_packed(make: Callable[..., object], dfa: Dfa, entries: int) -> object:
    try:
        return make(dfa, max_entries=entries)
    except TableTooLarge as error:
        return error.states, error.limit


@settings(max_examples=400, deadline=None)
@given(tables(), tables(), st.integers(1, 40))
def test_two_machines_become_the_same(left: Dfa, right: Dfa, limit: int) -> None:
    assert compiled.combine(left, right, frozenset.union) == combine(left, right, frozenset.union)
    assert compiled.combine(left, right, frozenset.symmetric_difference) == combine(left, right, frozenset.symmetric_difference)
    assert compiled.intersect(left, right, accept=1) == intersect(left, right, accept=1)
    assert compiled.either(left, right) == either(left, right)
    assert compiled.without(left, right) == without(left, right)
    assert either_way(lambda: compiled.follow(left, right, HANDOVER)) == either_way(lambda: follow(left, right, HANDOVER))
    for ours, theirs in ((compiled.either, either), (compiled.without, without)):
        assert either_way(lambda: ours(left, right, max_states=limit)) == either_way(lambda: theirs(left, right, max_states=limit))  # noqa: B023


@settings(max_examples=200, deadline=None)
@given(trees(), trees())
def test_machines_of_trees_follow_each_other_alike(first: Pattern, second: Pattern) -> None:
    ours, theirs = determinize(thompson(first)), determinize(thompson(second))
    assert either_way(lambda: compiled.follow(ours, theirs, HANDOVER)) == either_way(lambda: follow(ours, theirs, HANDOVER))


@settings(max_examples=100, deadline=None)
@given(tables())
def test_graphs_give_the_same_states(dfa: Dfa) -> None:
    tree = sequence(Literal(b"x"), Repeat(as_pattern(dfa), 0, 2), Literal(b"y"))
    assert compiled.thompson(tree) == thompson(tree)


@pytest.mark.parametrize("tree", [Repeat(Literal(b"a"), 0, 0), choice(), OneOf(byte_range(0, 255)), Graph(((),), frozenset()), Literal(b"")])
def test_trees_of_nothing_give_the_same_states(tree: Pattern) -> None:
    assert compiled.thompson(tree) == thompson(tree)
    assert compiled.minimize(compiled.determinize(thompson(tree))) == minimize(determinize(thompson(tree)))


def test_a_machine_of_every_class_is_the_same() -> None:
    """Each byte has a class of its own."""
    tree = choice(*(marked(Literal(bytes([byte, byte])), byte) for byte in range(256)))
    dfa = determinize(thompson(tree))
    assert dfa.class_count == 256 and compiled.determinize(thompson(tree)) == dfa
    assert compiled.minimize(dfa) == minimize(dfa)
    assert compiled.either(dfa, dfa) == either(dfa, dfa)
    assert either_way_packed(compiled.pack, dfa, ENTRY_LIMIT) == either_way_packed(pack, dfa, ENTRY_LIMIT) == (dfa.state_count, ENTRY_LIMIT)


def test_the_limit_counts_every_state_of_the_nondeterministic_machine() -> None:
    assert compiled.thompson(Literal(b"abc"), max_states=4).states
    for build in (thompson, compiled.thompson):
        with pytest.raises(TooManyStates) as caught:
            build(Literal(b"abc"), max_states=3)
        assert caught.value.limit == 3


def test_rest_rules_give_the_same_machine() -> None:
    rules = rest_rules(60, 3)
    tree = choice(*(marked(sequence(parse(method), Literal(b" "), parse(path)), number) for number, (method, path) in enumerate(rules)))
    nfa = thompson(tree)
    assert compiled.thompson(tree) == nfa
    dfa = determinize(nfa)
    assert compiled.determinize(nfa) == dfa
    assert compiled.minimize(dfa) == minimize(dfa)


def test_ten_thousand_rest_rules_make_a_machine_that_allows_what_they_allow() -> None:
    rules = rest_rules(10_000, 1)
    tree = choice(*(sequence(parse(method), Literal(b" "), parse(path)) for method, path in rules))
    dfa = compiled.minimize(compiled.determinize(compiled.thompson(marked(tree, 1))))
    assert dfa.state_count > 20_000
    for method, path, allowed in rest_requests(rules, 500, 4):
        assert allowed is None or bool(matches_by_edges(dfa, f"{method} {path}".encode())) == allowed, (method, path)


def matches_by_edges(dfa: Dfa, text: bytes) -> frozenset[int]:
    """As `matches`, without the table of all states."""
    masks, state = dfa.edges.masks(), dfa.start
    for byte in text:
        edges = range(dfa.edges.firsts[state], dfa.edges.firsts[state + 1])
        targets = [dfa.edges.pairs[2 * edge + 1] for edge in edges if masks[dfa.edges.pairs[2 * edge]] >> dfa.classes[byte] & 1]
        state = targets[0] if targets else 0
    return dfa.marks[state]


@settings(max_examples=100, deadline=None)
@given(tables(), st.sets(st.sampled_from(b"abc"), min_size=1))
def test_staying_states_are_those_whose_row_leads_back(dfa: Dfa, members: set[int]) -> None:
    expected = [state for state in range(1, dfa.state_count) if all(dfa.transitions[state][dfa.classes[byte]] == state for byte in members)]
    assert staying_states(dfa, bytes_of(bytes(members))) == expected


def test_what_outgrows_the_memory_that_a_step_may_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = marked(parse("(?:[a-z]+/){1,300}x"), 1)
    nfa = compiled.thompson(tree)
    dfa = compiled.determinize(nfa)
    steps: list[Callable[[], object]] = [
        lambda: compiled.thompson(tree), lambda: compiled.determinize(nfa), lambda: compiled.trim(dfa), lambda: compiled.minimize(dfa),
        lambda: compiled.intersect(dfa, dfa, accept=1), lambda: compiled.either(dfa, dfa), lambda: compiled.pack(dfa),
    ]  # fmt: skip
    for limit in range(0, 60_000, 997):
        monkeypatch.setattr(compiled, "MEMORY_LIMIT_BYTES", limit)
        for step in steps:
            if limit < 2048:
                with pytest.raises(TooMuchMemory) as caught:
                    step()
                assert caught.value.limit == limit
            else:
                either_way(step)  # type: ignore[arg-type]  # refused at every point on the way


@pytest.mark.parametrize("pattern", ["[ab]*a[ab]{30}", "(?s).*a.{900}"])
def test_an_exponential_pattern_stops_at_a_limit(pattern: str) -> None:
    with pytest.raises(TooManyStates):
        compiled.determinize(compiled.thompson(marked(parse(pattern), 0)), 1 << 16)


def test_a_malformed_machine_is_not_followed_out_of_its_bounds() -> None:
    good = compiled.determinize(thompson(marked(Literal(b"ab"), 1)))
    for edges in (
        Edges(numbers([0, 0, 9, 9, 9]), good.edges.pairs, good.edges.sets),
        Edges(good.edges.firsts, numbers([7, 2, 0, 3]), good.edges.sets),
        Edges(good.edges.firsts, numbers([0, 77, 0, 3]), good.edges.sets),
        Edges(good.edges.firsts, good.edges.pairs, set_words([1 << 200, 2])),
    ):
        bad = Dfa(good.classes, good.class_count, edges, good.start, good.marks)
        for step in (compiled.trim, compiled.minimize, compiled.merge_columns, compiled.pack, lambda dfa: compiled.either(dfa, good)):
            with pytest.raises(AssertionError, match="malformed"):
                step(bad)


def test_machines_outlive_what_they_were_made_of_and_go_with_their_cycles() -> None:
    for length in range(200):
        ring: list[object] = []
        nfa = compiled.thompson(marked(parse(f"/[a-z]+/{length}"), 1))
        dfa = compiled.minimize(compiled.determinize(nfa))
        with pytest.raises(TooManyStates) as caught:
            compiled.determinize(nfa, 3)
        ring += [ring, nfa, dfa, dfa.transitions, compiled.pack(dfa), caught]
        del nfa, caught
        if length % 20 == 0:
            gc.collect()
        assert matches(dfa, f"/ab/{length}".encode()) == {1}


def test_machines_can_be_pickled() -> None:
    dfa = compiled.determinize(thompson(marked(parse("/a[0-9]+"), 1)))
    assert pickle.loads(pickle.dumps(dfa)) == dfa and hash(pickle.loads(pickle.dumps(dfa))) == hash(dfa)
