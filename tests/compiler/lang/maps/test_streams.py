"""Ring buffers and perf events: records to user space."""

from __future__ import annotations

import pytest

from pybpf.compiler.lang.integers import u32, u64
from pybpf.compiler.lang.maps import CounterValue, PerfEventArray, RingBuffer, RingQuery
from pybpf.compiler.lang.memory import Struct
from pybpf.compiler.lang.skb import Skb


class Event(Struct):
    """A record: 16 bytes, with 24 in the ring."""

    kind: u32
    count: u32
    at: u64


def test_a_reserved_record_is_seen_once_it_is_submitted() -> None:
    ring = RingBuffer(4096)
    event = ring.reserve(Event)
    assert event is not None and ring.records == [] and ring.reserved == 1
    event.kind, event.count, event.at = 1, 2, 3
    ring.submit(event)
    assert [Event.view(bytearray(record)).at for record in ring.records] == [3] and ring.reserved == 0


def test_reserved_memory_is_not_zeroed() -> None:
    event = RingBuffer(4096).reserve(Event)
    assert event is not None and event.at != 0


def test_records_wait_for_those_reserved_before_them() -> None:
    ring = RingBuffer(4096)
    first = ring.reserve(Event)
    assert first is not None and ring.output(Event.of(kind=2)) and ring.records == []
    first.kind = 1
    ring.submit(first)
    assert [record[0] for record in ring.records] == [1, 2]


def test_a_discarded_record_is_never_seen() -> None:
    ring = RingBuffer(4096)
    event = ring.reserve(Event)
    assert event is not None
    ring.discard(event)
    assert ring.records == [] and ring.reserved == 0


def test_a_submitted_view_is_dead() -> None:
    ring = RingBuffer(4096)
    event = ring.reserve(Event)
    assert event is not None
    ring.submit(event)
    with pytest.raises(ValueError, match="released"):
        event.kind = 1


def test_only_what_was_reserved_can_be_submitted() -> None:
    with pytest.raises(AssertionError, match="only what `reserve` gave"):
        RingBuffer(4096).submit(Event())


def test_a_full_ring_refuses_until_user_space_reads() -> None:
    ring = RingBuffer(4096)
    while ring.output(Event()):
        pass
    assert len(ring.records) == 4095 // 24 and ring.reserve(Event) is None
    ring.records.pop(0)
    assert ring.output(Event())


def test_a_ring_says_how_much_of_it_is_used() -> None:
    ring = RingBuffer(4096)
    ring.output(Event())
    ring.output(Event())
    ring.records.pop(0)
    asked = [ring.query(what) for what in RingQuery]
    assert asked == [24, 4096, 24, 48]


def test_a_perf_event_takes_copies_with_the_context() -> None:
    events, event = PerfEventArray(2), Event.of(kind=1)
    assert events.output(Skb(b""), event)
    event.kind = 2
    events.output(Skb(b""), event)
    assert [record[0] for record in events.records] == [1, 2]


def test_a_counter_is_read_or_zeroed() -> None:
    events, value = PerfEventArray(2), CounterValue()
    events.counters[1] = (100, 20, 10)
    assert events.read(1, value) and (value.counter, value.enabled, value.running) == (100, 20, 10)
    assert not events.read(0, value) and value.counter == 0
