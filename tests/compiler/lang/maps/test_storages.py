"""Storages, and the locks and timers in values."""

from __future__ import annotations

from typing import assert_type

import pytest

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.integers import u32, u64
from pybpf.compiler.lang.maps import (
    ArrayMap,
    CgroupStorage,
    Clock,
    HashMap,
    InodeStorage,
    LruHashMap,
    SocketStorage,
    SpinLock,
    TaskStorage,
    Timer,
)
from pybpf.compiler.lang.memory import Struct
from pybpf.compiler.lang.objects import Cgroup, Inode, Socket, Task


class Bucket(Struct):
    """A value with a lock."""

    lock: SpinLock
    tokens: u32


class Flow(Struct):
    """A value with a timer."""

    timer: Timer
    packets: u64


def test_a_value_belongs_to_its_owner() -> None:
    seen, one, two = SocketStorage(u64), Socket(), Socket()
    assert seen.get(one) is None
    made = seen.get_or_create(one)
    assert_type(made, Cell | None)
    assert made is not None and made.value == 0
    made.value = 5
    again = seen.get_or_create(one)
    assert again is not None and again.value == 5 and seen.get(two) is None
    assert one in seen and two not in seen and len(seen) == 1
    assert seen.delete(one) and not seen.delete(one)


def test_every_kind_of_owner_has_a_storage() -> None:
    tasks, inodes, groups = TaskStorage(Bucket), InodeStorage(u64), CgroupStorage(u64)
    assert_type(tasks.get(Task()), Bucket | None)
    assert tasks.get_or_create(Task()) is not None and tasks.get(Task()) is None, "each task is another one"
    assert inodes.get_or_create(Inode()) is not None
    assert groups.get_or_create(Cgroup()) is not None
    assert [len(each) for each in (tasks, inodes, groups)] == [1, 1, 1]


def test_a_lock_is_held_by_one() -> None:
    table = ArrayMap(Bucket, 2)
    first, second = table.lookup(0), table.lookup(1)
    assert first is not None and second is not None
    with first.lock:
        first.tokens += 1
        with second.lock:
            second.tokens += 1
        again = table.lookup(0)
        assert again is not None
        with pytest.raises(RuntimeError, match="held already"), again.lock:
            pass
    with first.lock:
        assert first.tokens == 1


def test_a_lock_that_is_in_no_map_cannot_be_held() -> None:
    bucket = Bucket()
    with pytest.raises(RuntimeError, match="does not lie in a map's value"), bucket.lock:
        pass


def test_an_update_does_not_touch_a_lock() -> None:
    table, value = ArrayMap(Bucket, 1), Bucket.of(tokens=5)
    value.lock.val = 9
    table.update(0, value)
    found = table.lookup(0)
    assert found is not None and (found.lock.val, found.tokens) == (0, 5)


def expiring(table: HashMap[int, Flow] | LruHashMap[int, Flow], key: int) -> Flow:
    """A new flow under `key`, with a timer that is ready."""
    table.update(key, Flow())
    flow = table.lookup(key)
    assert flow is not None and flow.timer.init(table, Clock.MONOTONIC)
    return flow


def ignore(_key: int, _flow: Flow) -> bool:
    """A timer's function that does nothing."""
    return False


def test_a_timer_calls_when_its_time_has_come() -> None:
    table = HashMap(u32, Flow, 4)

    def remove(key: int, _flow: Flow) -> bool:
        return not table.delete(key)

    for key, delay_ns in ((1, 100), (2, 50)):
        flow = expiring(table, key)
        assert flow.timer.set_callback(remove) and flow.timer.start(delay_ns)
    table.pass_time(60)
    assert list(table) == [1]
    table.pass_time(39)
    assert list(table) == [1]
    table.pass_time(1)
    assert list(table) == []


def test_a_timer_that_starts_itself_again_goes_on() -> None:
    table, rounds = HashMap(u32, Flow, 1), list[int]()

    def again(key: int, flow: Flow) -> bool:
        rounds.append(key)
        return not flow.timer.start(10)

    flow = expiring(table, 7)
    flow.timer.set_callback(again)
    flow.timer.start(10)
    table.pass_time(35)
    assert rounds == [7, 7, 7]


def test_a_timer_is_made_ready_once_then_told_what_to_call_then_started() -> None:
    table = LruHashMap(u32, Flow, 1)
    table.update(1, Flow())
    flow = table.lookup(1)
    assert flow is not None
    assert not flow.timer.set_callback(ignore) and not flow.timer.start(1) and flow.timer.cancel() < 0
    assert flow.timer.init(table, Clock.BOOTTIME) and not flow.timer.init(table, Clock.BOOTTIME)
    assert not flow.timer.start(1)


def test_a_cancelled_timer_does_not_call() -> None:
    table = HashMap(u32, Flow, 1)
    flow = expiring(table, 1)
    flow.timer.set_callback(ignore)
    assert flow.timer.cancel() == 0
    flow.timer.start(10)
    assert flow.timer.cancel() == 1
    table.pass_time(100)
    assert list(table) == [1]


def test_a_new_value_has_a_new_timer() -> None:
    table = HashMap(u32, Flow, 1)
    flow = expiring(table, 1)
    flow.timer.set_callback(ignore)
    flow.timer.start(10)
    table.update(1, Flow.of(packets=3))
    table.pass_time(100)
    assert list(table) == [1]
