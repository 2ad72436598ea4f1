"""The stand-ins of maps do what the kernel's maps do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.lang import (
    ArrayMap,
    HashMap,
    LpmTrie,
    LruHashMap,
    ProgramArray,
    RingBuffer,
    Skb,
    Struct,
    TailCall,
    be16,
    be32,
    run,
    u32,
)


class Value(Struct):
    """What maps hold here."""

    number: u32


class Prefix(Struct):
    """A key of a trie."""

    bits: u32
    address: be32


def test_a_lookup_is_a_view_on_the_value() -> None:
    table: HashMap[int, Value] = HashMap(u32, Value, 2)
    assert table.update(1, Value.of(number=5))
    found = table.lookup(1)
    assert found is not None
    found.number = 6
    again = table.lookup(1)
    assert again is not None and again.number == 6
    assert table.lookup(2) is None


def test_a_full_hash_takes_old_keys_only() -> None:
    table: HashMap[int, Value] = HashMap(u32, Value, 1)
    assert table.update(1, Value.of(number=5))
    assert not table.update(2, Value())
    assert table.update(1, Value.of(number=6))
    assert table.delete(1) and not table.delete(1)


def test_a_full_lru_hash_drops_the_oldest() -> None:
    table: LruHashMap[int, Value] = LruHashMap(u32, Value, 2)
    for key in (1, 2, 3):
        assert table.update(key, Value.of(number=key))
    assert table.lookup(1) is None and table.lookup(3) is not None


def test_an_array_is_full_of_zeroes_from_the_start() -> None:
    table = ArrayMap(Value, 2)
    found = table.lookup(1)
    assert found is not None and found.number == 0
    assert table.lookup(2) is None


def test_a_key_has_the_byte_order_of_its_type() -> None:
    table: HashMap[int, Value] = HashMap(be16, Value, 4)
    table.update(0x0102, Value.of(number=1))
    assert list(table._slots) == [b"\x01\x02"]


@given(prefixes=st.dictionaries(st.tuples(st.integers(0, 32), st.integers(0, 0xFFFFFFFF)), st.just(None), max_size=8), address=st.integers(0, 0xFFFFFFFF))
def test_the_longest_prefix_wins(prefixes: dict[tuple[int, int], None], address: int) -> None:
    table = LpmTrie(Prefix, Value, 16)
    best = -1
    for bits, network in prefixes:
        table.update(Prefix.of(bits=bits, address=network), Value.of(number=bits))
        if bits == 0 or network >> (32 - bits) == address >> (32 - bits):
            best = max(best, bits)
    found = table.lookup(Prefix.of(bits=32, address=address))
    assert (found.number if found is not None else -1) == best


def test_a_ring_keeps_copies_in_order() -> None:
    ring, value = RingBuffer(4096), Value.of(number=1)
    assert ring.output(value)
    value.number = 2
    ring.output(value)
    assert ring.records == [b"\x01\0\0\0", b"\x02\0\0\0"]


def test_a_tail_call_leaves_for_good_or_does_nothing() -> None:
    stages = ProgramArray(2)

    def second(packet: Skb) -> int:
        return 2

    def first(packet: Skb) -> int:
        stages.tail_call(packet, 1)
        return 1

    assert run(first, Skb(b"")) == 1
    stages.slots[1] = second
    assert run(first, Skb(b"")) == 2
    with pytest.raises(TailCall):
        stages.tail_call(Skb(b""), 1)


def test_more_than_33_tail_calls_are_an_error_in_python() -> None:
    stages = ProgramArray(1)

    def again(packet: Skb) -> int:
        stages.tail_call(packet, 0)
        return 1

    stages.slots[0] = again
    with pytest.raises(RecursionError):
        run(again, Skb(b""))


def test_only_kernel_types_can_be_keys() -> None:
    with pytest.raises(TypeError):
        HashMap(str, Value, 1)
