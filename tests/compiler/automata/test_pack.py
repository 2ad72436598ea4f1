"""Packed tables: what the kernel walks."""

from __future__ import annotations

from functools import partial

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
from pybpf.compiler.automata.pack import BASE_MASK, ENTRY_LIMIT, FALL, steps_of
from tests.compiler.automata.engines import machine, pattern_machine
from tests.compiler.automata.strategies import texts, trees


@settings(max_examples=300, deadline=None)
@given(trees(), texts())
def test_a_packed_walk_ends_where_the_machine_does(tree: Pattern, subject: bytes) -> None:
    dfa = machine(tree)
    special = [state for state in range(dfa.state_count - 1, 0, -1) if dfa.marks[state]]
    table = pack(dfa, special)
    assert walk(table, subject) == table.bases[run(dfa, subject)]


@settings(max_examples=200, deadline=None)
@given(trees())
def test_every_step_of_every_state_is_that_of_the_machine(tree: Pattern) -> None:
    dfa = machine(tree)
    table = pack(dfa)
    for state in range(1, dfa.state_count):
        for byte in range(256):
            assert walk(table, bytes([byte]), table.bases[state]) == table.bases[dfa.transitions[state][dfa.classes[byte]]]


@given(trees())
def test_a_special_state_has_been_reached_exactly_when_its_base_is_low(tree: Pattern) -> None:
    dfa = machine(tree)
    special = [state for state in range(dfa.state_count) if dfa.marks[state]]
    table = pack(dfa, special)
    for state in range(dfa.state_count):
        assert (table.bases[state] < table.special_limit) == (state == DEAD or state in special)


def test_special_states_come_behind_the_dead_one_in_the_given_order() -> None:
    dfa = machine(choice(marked(Literal(b"a"), 0), marked(Literal(b"bc"), 1)))
    ends = [run(dfa, b"bc"), run(dfa, b"a")]
    table = pack(dfa, ends)
    assert [table.bases[state] for state in (DEAD, *ends)] == [0, 1, 2]
    assert table.special_limit == 3 <= table.start


def test_the_table_of_a_small_machine_is_this() -> None:
    table = pack(pattern_machine("a+"), [2])
    assert table.columns == bytes(1 + (byte == ord("a")) for byte in range(256))
    assert (table.start, list(table.bases), table.special_limit, table.state_count) == (2, [0, 2, 1], 2, 3)
    assert {place: hex(entry) for place, entry in enumerate(table.transitions) if entry} == {3: hex(2 << 24 | 1), 4: hex(2 << 24 | 1)}


def test_a_row_falls_to_the_one_that_it_is_like() -> None:
    table = pack(pattern_machine("/users/[^/]+/a|/[^/]+/b"))
    assert {column for row in map(partial(steps_of, table), filter(None, table.bases)) for column in row} >= {FALL}
    full = [row for row in map(partial(steps_of, table), filter(None, table.bases)) if FALL not in row]
    assert len(full) < table.state_count - 1


def test_rows_lie_in_the_gaps_of_others() -> None:
    table = pack(pattern_machine("|".join(f"{first}{second}x" for first in "abcdefgh" for second in "abcdefgh" if first != second)))
    own = sum(len(steps_of(table, base)) for base in table.bases if base)
    assert max(table.bases) < 1.5 * own


def test_a_dead_machine_packs_to_nothing() -> None:
    table = pack(machine(choice()))
    assert (not any(table.transitions), table.start, table.special_limit, table.state_count) == (True, 0, 1, 1)


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
    dfa = machine(marked(Literal(b"a" * 1000), 0))
    needed = len(pack(dfa).transitions)
    assert len(pack(dfa, max_entries=needed).transitions) == needed
    with pytest.raises(TableTooLarge) as caught:
        pack(dfa, max_entries=needed - 1)
    assert (caught.value.states, caught.value.limit) == (1002, needed - 1)


def test_bytes_may_not_be_told_apart_in_more_ways_than_an_entry_names() -> None:
    with pytest.raises(TableTooLarge):
        pack(machine(choice(*(marked(Literal(bytes([byte])), byte) for byte in range(256)))))


def test_what_an_entry_leads_to_lies_inside_the_table() -> None:
    table = pack(machine(marked(parse("[a-z]{400}"), 0)))
    assert max(entry & BASE_MASK for entry in table.transitions) + FALL < len(table.transitions) <= ENTRY_LIMIT
