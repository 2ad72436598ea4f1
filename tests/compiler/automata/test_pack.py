"""Packed tables: what the kernel walks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pybpf.compiler.automata import (
    DEAD,
    Literal,
    Pattern,
    TableTooLarge,
    choice,
    marked,
    pack,
    parse,
    run,
    walk,
)
from pybpf.compiler.automata.pack import ENTRY_LIMIT
from tests.compiler.automata.engines import machine, pattern_machine
from tests.compiler.automata.strategies import texts, trees


@settings(max_examples=300, deadline=None)
@given(trees(), texts())
def test_a_packed_walk_ends_where_the_machine_does(tree: Pattern, subject: bytes) -> None:
    dfa = machine(tree)
    special = [state for state in range(dfa.state_count - 1, 0, -1) if dfa.marks[state]]
    table = pack(dfa, special)
    assert walk(table, subject) == table.entry(run(dfa, subject))


@given(trees())
def test_a_special_state_has_been_reached_exactly_when_the_entry_is_low(tree: Pattern) -> None:
    dfa = machine(tree)
    special = [state for state in range(dfa.state_count) if dfa.marks[state]]
    table = pack(dfa, special)
    for state in range(dfa.state_count):
        assert (table.entry(state) <= len(special) << table.stride_shift) == (state == DEAD or state in special)


def test_special_states_come_behind_the_dead_one_in_the_given_order() -> None:
    dfa = machine(choice(marked(Literal(b"a"), 0), marked(Literal(b"bc"), 1)))
    ends = [run(dfa, b"bc"), run(dfa, b"a")]
    table = pack(dfa, ends)
    assert [table.number_of[state] for state in (DEAD, *ends)] == [0, 1, 2]
    assert table.start == 3 << table.stride_shift


def test_rows_are_padded_with_dead_entries_to_a_power_of_two() -> None:
    table = pack(pattern_machine("[a-m]x|[n-z]x"))
    assert (table.class_count, table.stride_shift, table.state_count) == (3, 2, 4)
    assert [table.transitions[row + 3] for row in range(0, len(table.transitions), 4)] == [0, 0, 0, 0]


def test_the_table_of_a_small_machine_is_this() -> None:
    table = pack(pattern_machine("a+"), [2])
    assert table.classes == bytes(byte == ord("a") for byte in range(256))
    assert (table.stride_shift, table.start, list(table.number_of)) == (1, 4, [0, 2, 1])
    assert list(table.transitions) == [0, 0, 0, 2, 0, 2]


def test_a_dead_machine_packs_to_one_entry() -> None:
    table = pack(machine(choice()))
    assert (list(table.transitions), table.start, table.stride_shift) == ([0], 0, 0)


def test_a_walk_can_be_taken_up_where_it_stopped() -> None:
    table = pack(pattern_machine("(?:ab)*"))
    assert walk(table, b"ba", walk(table, b"a")) == walk(table, b"aba")


def test_packing_twice_gives_the_same_table() -> None:
    assert pack(pattern_machine("/a[^/]*/b"), [3, 2]) == pack(pattern_machine("/a[^/]*/b"), [3, 2])


@pytest.mark.parametrize("special", [[0], [1, 1], [99], [-1]])
def test_special_states_must_be_different_and_alive(special: list[int]) -> None:
    with pytest.raises(ValueError, match="special states"):
        pack(pattern_machine("abc"), special)


def test_a_table_may_fill_its_entries_and_no_more() -> None:
    limit = 1 << 12
    rows = limit // 2  # two classes: `a` and the rest
    dfa = machine(marked(Literal(b"a" * (rows - 2)), 0))
    assert len(pack(dfa, max_entries=limit).transitions) == limit
    with pytest.raises(TableTooLarge) as caught:
        pack(machine(marked(Literal(b"a" * (rows - 1)), 0)), max_entries=limit)
    assert (caught.value.states, caught.value.stride, caught.value.limit) == (rows + 1, 2, limit)


def test_an_entry_always_lies_inside_its_table() -> None:
    table = pack(machine(marked(parse("[a-z]{400}"), 0)))
    assert max(table.transitions) < len(table.transitions) <= ENTRY_LIMIT
