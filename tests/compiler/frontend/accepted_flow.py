"""Accepted programs on ways: match, loops of every kind, subprograms, callbacks."""

from __future__ import annotations

from enum import IntEnum

from pybpf.compiler.lang import (
    Rounds,
    Skb,
    Struct,
    callback,
    function,
    iterate,
    program,
    repeat,
    s16,
    s64,
    subprogram,
    u8,
    u32,
    u64,
    wrap,
)
from tests.compiler.frontend.accepted_sample import Sample, samples


class Protocol(IntEnum):
    """Numbers with names."""

    ICMP = 1
    TCP = 6
    UDP = 17


class Sums(Struct):
    """What a callback keeps from round to round."""

    depth: s64
    seen: u64


@program("tc")
def matches_numbers(packet: Skb) -> int:
    """Numbers, enums, several at once, guards, anything."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    kind = sample.small & 31
    score = 0
    match kind:
        case Protocol.ICMP | Protocol.UDP:
            score = 10
        case 6 if sample.wide > 1 << 31:
            score = 20
        case Protocol.TCP:
            score = 30
        case 7 | 8 | 9:
            score = 40
        case _:
            score = 50
    match sample.tiny % 3:
        case 0:
            score += 1
        case 1 if score > 20:
            return 2
    return score + kind


@program("tc")
def loops_to_variable_limits(packet: Skb) -> int:
    """Starts and stops that are known to be near, and steps up and down."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    few, depth = sample.small & 7, sample.half % 9 - 4
    total = 0
    for i in range(few):
        total += sample.octets[i]
    for i in range(few, few + 4):
        total += sample.octets[i] * 2
    for i in range(few, 12, 3):
        total += i
    for i in range(15, few, -2):
        total += sample.octets[i]
    for i in range(depth, 5):
        total += sample.octets[i + 4]
    for _ in range(3, depth, -1):
        total = total * 2 & 0xFFFF
    return total & 0xFFFFFFFF


@program("tc")
def loops_while_rounds_are_left(packet: Skb) -> int:
    """`while` with its Rounds; its condition is known inside."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    rounds = Rounds(12)
    number, steps, index = sample.half, 0, 0
    while rounds.more() and number > 1:
        number = number // 2 if number % 2 == 0 else wrap(u64, 3 * number + 1)
        steps += 1
    again = Rounds(10)
    while again.more() and index < 16:
        if sample.octets[index] > 200:
            break
        index += 3
        if steps == 2:
            continue
        steps += 1
    only = Rounds(3)
    while only.more():
        steps += 1
    return steps + index


@program("tc")
def loops_in_loops(packet: Skb) -> int:
    """What a round changes is known only as far as every round leaves it."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    largest, at = 0, 0
    for i in range(4):
        for j in range(i, 4):
            if sample.octets[i * 4 + j] > largest:
                largest = sample.octets[i * 4 + j]
                at = i + j
        if largest == 255:
            break
    i = 7
    return largest * 8 + at + i


@program("tc")
def iterates(packet: Skb) -> int:
    """The kernel's own iterator: as many rounds as there are."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.total = 0
    for i in iterate(0, sample.half & 0xFFF):
        sample.total = wrap(u64, sample.total * 31 + i)
        if i == 3000:
            break
    return 1


@subprogram
def scaled(number: u32, by: s16) -> s64:
    """Called BPF to BPF, with a signed parameter and a signed result."""
    return number * by if by > -9 else by - number


@subprogram
def raised(sample: Sample, by: u8) -> None:
    """A view as a parameter, and no result."""
    if by > 7:
        sample.count = sample.count | by
        return
    sample.count = 1


@subprogram
def found(sample: Sample, wanted: u8) -> bool:
    """A loop and a bool."""
    for i in range(16):  # noqa: SIM110
        if sample.octets[i] == wanted:
            return True
    return False


@program("tc")
def calls_subprograms(packet: Skb) -> int:
    """The same one from two places; one as a condition."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.result = scaled(sample.wide, sample.short) - scaled(sample.half, sample.tiny)
    raised(sample, sample.small)
    return 5 if found(sample, sample.small) or not found(sample, 7) else 6


@callback
def step(number: u32, state: Sums) -> bool:
    """A round of `repeat`."""
    state.depth -= number * 3
    state.seen += 1
    return state.depth < -50


@program("tc")
def repeats_with_state(packet: Skb) -> int:
    """A struct goes from round to round."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    state = Sums()
    state.depth = sample.tiny
    repeat(sample.half & 1023, step, state)
    sample.result = state.depth
    return state.seen & 0xFFFF


@function
def either(one: Sample | None, other: Sample) -> Sample:
    """A view, whichever is there."""
    return other if one is None else one


@program("tc")
def chooses_views(packet: Skb) -> int:
    """A conditional expression of a view or None."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    some = sample if sample.small > 99 else None
    either(some, sample).count = 4
    return 1 if some is None else some.half
