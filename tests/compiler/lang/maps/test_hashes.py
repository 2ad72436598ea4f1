"""Hash maps and tries: keys, values, policies, and what happens when they are full."""

from __future__ import annotations

from typing import assert_type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.integers import be16, be32, s32, u8, u32, u64
from pybpf.compiler.lang.maps import (
    ArrayMap,
    HashMap,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    PerCpuArray,
    PerCpuHashMap,
    UpdatePolicy,
)
from pybpf.compiler.lang.memory import Struct


class Stats(Struct):
    """A value."""

    packets: u64


class Prefix(Struct):
    """A key of a trie."""

    bits: u32
    address: be32


def test_an_integer_value_is_set_as_a_number_and_seen_through_a_cell() -> None:
    counts = HashMap(u32, u64, max_entries=8)
    assert counts.update(1, 41)
    count = counts.lookup(1)
    assert_type(count, Cell | None)
    assert count is not None
    count.value += 1
    again = counts.lookup(1)
    assert again is not None and again.value == 42


def test_mypy_knows_keys_and_values_from_the_declaration() -> None:
    assert_type(HashMap(u32, u64, 8), HashMap[int, Cell])
    assert_type(HashMap(u32, Stats, 8), HashMap[int, Stats])
    assert_type(LruHashMap(Prefix, u64, 8), LruHashMap[Prefix, Cell])
    assert_type(PerCpuHashMap(Prefix, Stats, 8), PerCpuHashMap[Prefix, Stats])
    assert_type(ArrayMap(u64, 8), ArrayMap[Cell])
    assert_type(PerCpuArray(Stats, 8), PerCpuArray[Stats])
    assert_type(LpmTrie(Prefix, u64, 8), LpmTrie[Prefix, Cell])
    assert_type(HashMap(u32, Stats, 8).lookup(1), Stats | None)
    assert not HashMap(u32, Stats, 8).delete(1)


def test_walking_a_map_ends_when_the_callback_says_so() -> None:
    table, seen = HashMap(u32, u64, 4), list[tuple[int, int]]()
    for key in (1, 2, 3):
        table.update(key, 10 * key)

    def visit(key: int, cell: Cell) -> bool:
        seen.append((key, cell.value))
        return key == 2

    assert table.for_each(visit) == 2
    assert seen == [(1, 10), (2, 20)]
    assert ArrayMap(u64, 3).for_each(lambda _key, _cell: False) == 3
    assert not hasattr(LpmTrie(Prefix, u64, 4), "for_each")


def test_a_number_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(AssertionError, match="256 does not fit 8 bits"):
        HashMap(u32, u8, 8).update(1, 256)
    with pytest.raises(AssertionError, match="-1 does not fit 32 bits"):
        HashMap(u32, u8, 8).lookup(-1)


def test_a_value_of_another_struct_is_an_error() -> None:
    with pytest.raises(AssertionError, match="Stats is needed"):
        HashMap(u32, Stats, 8).update(1, Prefix())  # type: ignore[arg-type]


def test_noexist_sets_new_keys_only_and_exist_old_ones_only() -> None:
    table = HashMap(u32, u64, 8)
    assert not table.update_if(1, 5, UpdatePolicy.EXIST)
    assert table.update_if(1, 5, UpdatePolicy.NOEXIST)
    assert not table.update_if(1, 6, UpdatePolicy.NOEXIST)
    assert table.update_if(1, 7, UpdatePolicy.EXIST)
    assert {key: cell.value for key, cell in table.items()} == {1: 7}


def test_a_table_is_counted_searched_and_walked_as_a_dict_is() -> None:
    table = HashMap(s32, Stats, 4)
    assert len(table) == 0 and table, "an empty map is no None"
    table.update(-1, Stats.of(packets=1))
    table.update(7, Stats.of(packets=2))
    assert len(table) == 2 and -1 in table and 8 not in table
    assert list(table) == [-1, 7]
    assert [(key, value.packets) for key, value in table.items()] == [(-1, 1), (7, 2)]


def test_keys_come_back_as_what_they_were() -> None:
    table = HashMap(Prefix, u32, 4)
    table.update(Prefix.of(bits=8, address=0x0A000000), 1)
    (key,) = table
    assert_type(key, Prefix)
    assert (key.bits, key.address) == (8, 0x0A000000)
    ports = HashMap(be16, u32, 4)
    ports.update(443, 1)
    assert list(ports) == [443]


def test_a_view_outlives_the_deletion_of_its_key() -> None:
    table = HashMap(u32, u64, 1)
    table.update(1, 5)
    seen = table.lookup(1)
    table.update(1, 6)
    assert seen is not None and seen.value == 5, "a hash puts a new value in place of the old"


def test_a_lookup_keeps_a_key_in_a_full_lru_hash() -> None:
    table = LruHashMap(u32, u64, 2)
    table.update(1, 1)
    table.update(2, 2)
    table.lookup(1)
    table.update(3, 3)
    assert set(table) == {1, 3}


def test_updating_an_old_key_of_a_full_lru_hash_drops_nothing() -> None:
    table = LruHashMap(u32, u64, 2)
    for key in (1, 2, 1, 3):
        table.update(key, key)
    assert set(table) == {1, 3}


@pytest.mark.parametrize("kind", [PerCpuHashMap, LruPerCpuHashMap])
def test_each_cpu_has_a_value_of_its_own(kind: type[PerCpuHashMap[int, Cell]]) -> None:
    table = kind(u32, u64, 2)
    table.update(1, 10)
    with table.on_cpu(2):
        found = table.lookup(1)
        assert found is not None and found.value == 0, "a new key is zero on the others"
        table.update(1, 20)
    assert [cell.value for cell in table.values_of(1)] == [10, 0, 20, 0]
    other = table.lookup_on(1, 2)
    assert other is not None and other.value == 20
    assert table.lookup_on(1, 99) is None and table.lookup_on(5, 0) is None
    assert table.delete(1) and table.values_of(1) == []


def test_a_full_per_cpu_lru_hash_drops_the_oldest() -> None:
    table = LruPerCpuHashMap(u32, u64, 2)
    for key in (1, 2, 3):
        assert table.update(key, key)
    assert set(table) == {2, 3}


def test_bits_behind_the_prefix_mean_nothing() -> None:
    trie = LpmTrie(Prefix, u32, 4)
    assert trie.update(Prefix.of(bits=8, address=0x0A010203), 1)
    assert trie.update(Prefix.of(bits=8, address=0x0A0F0000), 2)
    assert len(trie) == 1 and Prefix.of(bits=8, address=0x0A000000) in trie
    assert trie.delete(Prefix.of(bits=8, address=0x0AFFFFFF)) and len(trie) == 0


def test_a_prefix_longer_than_its_key_is_refused_and_found_nowhere() -> None:
    trie = LpmTrie(Prefix, u32, 4)
    trie.update(Prefix.of(bits=0, address=0), 1)
    assert not trie.update(Prefix.of(bits=33, address=0), 1)
    assert trie.lookup(Prefix.of(bits=33, address=0)) is None
    assert trie.lookup(Prefix.of(bits=32, address=0)) is not None


def test_a_trie_deletes_exactly_the_prefix_named() -> None:
    trie = LpmTrie(Prefix, u32, 4)
    trie.update(Prefix.of(bits=8, address=0x0A000000), 1)
    assert not trie.delete(Prefix.of(bits=16, address=0x0A000000))
    assert trie.delete(Prefix.of(bits=8, address=0x0A000000))


def test_a_full_trie_takes_old_prefixes_only() -> None:
    trie = LpmTrie(Prefix, u32, 1)
    assert trie.update(Prefix.of(bits=8, address=0x0A000000), 1)
    assert not trie.update(Prefix.of(bits=8, address=0x0B000000), 1)
    assert trie.update(Prefix.of(bits=8, address=0x0A000001), 2)


KEYS = st.integers(0, 7)
STEPS = st.lists(st.tuples(st.sampled_from(["update", "delete", "noexist", "exist"]), KEYS, st.integers(0, 255)), max_size=60)


@given(steps=STEPS)
def test_a_hash_map_is_a_dict_that_can_be_full(steps: list[tuple[str, int, int]]) -> None:
    table, model = HashMap(u32, u8, 4), dict[int, int]()
    for verb, key, value in steps:
        may = {"update": key in model or len(model) < 4, "noexist": key not in model and len(model) < 4, "exist": key in model, "delete": key in model}[verb]
        match verb:
            case "update":
                done = table.update(key, value)
            case "delete":
                done = table.delete(key)
            case _:
                done = table.update_if(key, value, UpdatePolicy[verb.upper()])
        assert done is may
        if may and verb == "delete":
            del model[key]
        elif may:
            model[key] = value
        assert {each: cell.value for each, cell in table.items()} == model
