"""Queues, stacks and Bloom filters."""

from __future__ import annotations

from typing import assert_type

from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.integers import u32
from pybpf.compiler.lang.maps import BloomFilter, Queue, Stack
from pybpf.compiler.lang.memory import Struct


class Job(Struct):
    """What waits."""

    number: u32


def drained(line: Queue[Job] | Stack[Job]) -> list[int]:
    """The numbers in the order they come out."""
    found, job = [], Job()
    while line.pop(job):
        found.append(job.number)
    return found


def test_a_queue_gives_the_oldest_first_and_a_stack_the_newest() -> None:
    queue, stack = Queue(Job, 4), Stack(Job, 4)
    for number in (1, 2, 3):
        assert queue.push(Job.of(number=number)) and stack.push(Job.of(number=number))
    assert drained(queue) == [1, 2, 3]
    assert drained(stack) == [3, 2, 1]


def test_a_full_queue_refuses_or_drops_the_oldest() -> None:
    queue, stack = Queue(Job, 2), Stack(Job, 2)
    for line in (queue, stack):
        assert line.push(Job.of(number=1)) and line.push(Job.of(number=2))
        assert not line.push(Job.of(number=3))
        assert line.push_over(Job.of(number=3))
    assert drained(queue) == [2, 3]
    assert drained(stack) == [3, 2]


def test_peek_leaves_the_value_where_it_is() -> None:
    queue, job = Queue(Job, 2), Job()
    queue.push(Job.of(number=7))
    assert queue.peek(job) and job.number == 7 and len(queue) == 1


def test_popping_nothing_zeroes_the_struct() -> None:
    job = Job.of(number=9)
    assert not Queue(Job, 1).pop(job)
    assert job.number == 0


def test_what_is_pushed_is_a_copy() -> None:
    queue, job = Queue(Job, 1), Job.of(number=1)
    queue.push(job)
    job.number = 2
    assert drained(queue) == [1]


@given(added=st.sets(st.integers(0, 0xFFFFFFFF)))
def test_a_filter_never_denies_what_was_added(added: set[int]) -> None:
    seen = BloomFilter(u32, 8)
    for number in added:
        assert seen.add(number)
    assert all(seen.contains(number) for number in added)


def test_a_filter_holds_structs_too() -> None:
    seen = BloomFilter(Job, 8)
    assert_type(BloomFilter(u32, 8), BloomFilter[Cell])
    seen.add(Job.of(number=1))
    assert seen.contains(Job.of(number=1)) and not seen.contains(Job.of(number=2))
