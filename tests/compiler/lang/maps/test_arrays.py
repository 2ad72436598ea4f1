"""Arrays: all values are there from the start."""

from __future__ import annotations

from pybpf.compiler.lang.integers import u32, u64
from pybpf.compiler.lang.maps import ArrayMap, PerCpuArray, UpdatePolicy
from pybpf.compiler.lang.memory import Struct


class Pair(Struct):
    """A value."""

    first: u32
    second: u32


def test_an_array_of_integers_counts() -> None:
    counts = ArrayMap(u64, 4)
    for _ in range(3):
        count = counts.lookup(2)
        assert count is not None
        count.value += 1
    assert [cell.value for _, cell in counts.items()] == [0, 0, 3, 0]


def test_an_array_is_always_full() -> None:
    table = ArrayMap(Pair, 3)
    assert len(table) == 3 and list(table) == [0, 1, 2] and 2 in table and 3 not in table
    assert not table.update(3, Pair())
    assert not table.update_if(0, Pair(), UpdatePolicy.NOEXIST)
    assert table.update_if(0, Pair.of(first=1, second=2), UpdatePolicy.EXIST)


def test_nothing_can_be_deleted_from_an_array() -> None:
    assert not hasattr(ArrayMap(u64, 1), "delete")


def test_an_update_of_an_array_is_seen_by_views_on_it() -> None:
    table = ArrayMap(u64, 1)
    seen = table.lookup(0)
    table.update(0, 9)
    assert seen is not None and seen.value == 9


def test_a_large_array_costs_nothing_until_it_is_used() -> None:
    assert ArrayMap(Pair, 1 << 30).lookup((1 << 30) - 1) is not None


def test_clearing_an_array_zeroes_it() -> None:
    table = ArrayMap(u64, 2)
    table.update(1, 5)
    table.clear()
    assert [cell.value for _, cell in table.items()] == [0, 0]


def test_each_cpu_has_its_own_array() -> None:
    scratch = PerCpuArray(Pair, 1)
    scratch.update(0, Pair.of(first=1, second=1))
    with scratch.on_cpu(3):
        scratch.update(0, Pair.of(first=3, second=3))
    assert [pair.first for pair in scratch.values_of(0)] == [1, 0, 0, 3]
    other = scratch.lookup_on(0, 3)
    assert other is not None and other.second == 3
