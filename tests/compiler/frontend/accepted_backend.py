"""Accepted programs on what the back end makes of memory: places on the stack, their alignment, slices, results."""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    Array,
    Cell,
    Count,
    HashMap,
    Skb,
    Struct,
    callback,
    function,
    iterate,
    program,
    repeat,
    subprogram,
    u8,
    u16,
    u32,
    u64,
    wrap,
)
from tests.compiler.frontend.accepted_sample import Sample, samples

totals: HashMap[int, Cell] = HashMap(u32, u64, 64)


class Part(Struct):
    """A struct as the machine would have it."""

    low: u32
    high: u64


class Odd(Struct, packed=True):
    """Where it does not have it so."""

    kind: u8
    part: Part
    numbers: Annotated[Array[u32], Count(3)]
    octets: Annotated[Array[u8], Count(16)]


class Head(Struct, packed=True):
    """The first bytes of a packet."""

    first: u8
    second: u16
    rest: Annotated[Array[u8], Count(5)]


class Wide(Struct):
    """More than half of a stack."""

    words: Annotated[Array[u64], Count(36)]


@function
def set_part(part: Part, number: u32) -> u32:
    """What it is given may lie at any address."""
    part.low = number
    part.high = part.low + 1
    return wrap(u32, part.high)


@function
def set_number(numbers: Annotated[Array[u32], Count(3)], at: u32, number: u32) -> u32:
    """So may an array."""
    numbers[at % 3] = number
    return numbers[(at + 1) % 3]


@function
def any_word(octets: Annotated[Array[u8], Count(16)], at: u32) -> u32:
    """And eight bytes of one."""
    return wrap(u32, octets.word(at & 7) + octets.word(3))


@subprogram
def sum_part(part: Part) -> u32:
    """The same, with a frame of its own."""
    part.high = part.high + part.low & 0xFFFF
    return wrap(u32, part.high)


@callback
def add_round(number: u32, odd: Odd) -> bool:
    """The same, called by the kernel."""
    odd.part.low = number + odd.kind
    odd.numbers[number % 3] = number
    return False


@program("tc")
def parts_of_packed_structs_are_passed_on(packet: Skb) -> int:
    """Each access in the functions claimed that what they were given began where the machine would have it."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    odd = Odd()
    odd.kind = sample.small
    total = set_part(odd.part, sample.wide) ^ set_number(odd.numbers, sample.half, sample.count)
    total ^= any_word(odd.octets, sample.small) ^ sum_part(odd.part)
    repeat(5, add_round, odd)
    return wrap(u32, total + odd.part.low + odd.numbers[1])


@function
def count_in(sample: Sample) -> None:
    """What is passed begins at a multiple of eight."""
    sample.add_atomic("total", 3)


@program("tc")
def atomics_through_a_function(packet: Skb) -> int:
    """Atomics are refused where they may lie at an odd address, and only there."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    count_in(sample)
    sample.add_atomic("count", 1)
    return wrap(u32, sample.total + sample.count)


@program("tc")
def many_loops_over_an_iterator(packet: Skb) -> int:
    """One place on the stack after the other is enough for all, and two for those inside of each other."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    total = 0
    for i in iterate(0, 3):
        for j in iterate(0, 2):
            total = (total * 3 + i + j + sample.small) & 0xFFFF
        if total > 0x8000:
            break
    for i in iterate(0, 4):
        totals.update(i, total)
        total = (total + i) & 0xFFFF
    for i in iterate(0, 4):
        found = totals.lookup(i)
        if found is not None:
            total = (total + wrap(u16, found.value)) & 0xFFFF
    for i in iterate(0, 4):
        totals.delete(i)
    return total


@program("tc")
def slices_one_after_the_other(packet: Skb) -> int:
    """All in one buffer, the last of each round read in the next; the packet is written when no slice is left."""
    buffer = Head()
    total = 0
    part = packet.slice(Head, 0, buffer)
    if part is None:
        return 1
    for i in range(4):
        total = (total * 5 + read(part)) & 0xFFFF
        part = packet.slice(Head, i + 1, buffer)
        if part is None:
            return 2
    total ^= part.second
    head = packet.header(Head, 14)
    if head is None:
        return 3
    head.second = total
    part = packet.slice(Head, 14, buffer)
    if part is None:
        return 4
    head.rest[1] = part.rest[0]
    return total ^ head.second ^ head.rest[1]


@function
def read(head: Head) -> u32:
    """A slice is passed on to be read."""
    return head.second + head.rest[2]


@program("tc")
def a_slice_outlives_a_write_on_a_way_that_leaves(packet: Skb) -> int:
    """And a map's value that a function found by it is not of the packet."""
    buffer = Head()
    head = packet.header(Head, 0)
    part = packet.slice(Head, 2, buffer)
    if head is None or part is None:
        return 0
    if part.first > 200:
        head.first = 7
        return head.first
    sample = sample_of(part)
    if sample is None:
        return 1
    sample.count = part.second
    return wrap(u32, sample.count + part.first)


@function
def sample_of(head: Head) -> Sample | None:
    """The one there is."""
    return samples.lookup(head.first & 0)


@function
def wide_sum(number: u32, by: u32) -> u32:
    """It takes more than half of the stack, and gives it back."""
    wide = Wide()
    wide.words[number & 31] = by
    wide.words[35] = 7
    return wrap(u32, wide.words[by & 15] + wide.words[35])


@program("tc")
def functions_take_the_stack_in_turn(packet: Skb) -> int:
    """Two that are called one after the other lie in the same place."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    return wide_sum(sample.half, sample.count) ^ wide_sum(sample.wide, sample.small)
