"""Accepted programs on calls: lengths, fields of the context, where memory lies that helpers, locks and `repeat` take."""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    Array,
    ArrayMap,
    Clock,
    Count,
    HashMap,
    Skb,
    SpinLock,
    Struct,
    Timer,
    callback,
    function,
    iterate,
    ktime_ns,
    program,
    repeat,
    s32,
    subprogram,
    u8,
    u32,
    u64,
)
from tests.compiler.frontend.accepted_sample import samples


class Parcel(Struct):
    """An array that is no power of two long."""

    content: Annotated[Array[u8], Count(24)]


class Broad(Struct):
    """As long as a struct can be behind an offset of 15 bits."""

    octets: Annotated[Array[u8], Count(0x8000)]


class Till(Struct):
    """What a lock guards."""

    lock: SpinLock
    spent: u32
    coins: u64


class Visit(Struct):
    """What a timer ends."""

    timer: Timer
    count: u64


class Running(Struct):
    """What rounds of `repeat` add to."""

    total: u64
    rounds: u32


tills = ArrayMap(Till, 2)
visits: HashMap[int, Visit] = HashMap(u32, Visit, 4)


@program("tc")
def loads_lengths_within_bounds(packet: Skb) -> int:
    """A constant length, a masked one, a compared one: what lies beyond them stays as it was."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    parcel = Parcel()
    if not packet.load_bytes(0, parcel.content, 16):
        return 1
    sample.total = parcel.content.word(8)
    if not packet.load_bytes(20, parcel.content, (sample.small & 15) + 1):
        return 2
    sample.large = parcel.content.word(0)
    length: u32 = sample.half
    if length == 0 or length > 16:
        return 3
    packet.load_bytes(sample.wide & 63, parcel.content, length)
    sample.result = parcel.content[length - 1]
    return parcel.content[16]


@program("tc")
def keeps_sixteen_bits_in_the_context(packet: Skb) -> int:
    """Fields that the kernel has in 16 bits; a call in between makes LLVM read them again."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    packet.tc_index = sample.half
    packet.tc_class = sample.wide & 0xFFFF
    packet.queue_mapping = sample.half & 0x7FFF
    ktime_ns()
    sample.total = packet.tc_index * 3 + packet.tc_class
    return packet.queue_mapping + packet.vlan_tag


@program("tc")
def iterates_from_where_to_where(packet: Skb) -> int:
    """Rounds from a number that may be above the one where they stop: then there are none."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    start: s32 = sample.short
    for i in iterate(start & 31, sample.small & 31):
        sample.total = i
    return 1


@program("tc")
def looks_at_as_much_as_the_verifier_follows(packet: Skb) -> int:
    """A struct whose end is 0xFFFF bytes into the packet at most."""
    broad = packet.header(Broad, packet.mark & 0x7FFE)
    return 0 if broad is None else broad.octets[0x7FFF]


@callback
def adds_up(number: u32, running: Running) -> bool:
    """A round: stops behind the ninth."""
    running.total += number * 5
    running.rounds += 1
    return number == 8


@function
def goes_round(running: Running, times: u32) -> u64:
    """Lets `repeat` have a struct of its caller's."""
    repeat(times & 15, adds_up, running)
    return running.total


@subprogram
def goes_round_apart(running: Running) -> u32:
    """The same from a frame of its own."""
    repeat(6, adds_up, running)
    return running.rounds


@program("tc")
def repeats_on_the_stack(packet: Skb) -> int:
    """The state is the stack's, through a function and through a subprogram too."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    running = Running()
    sample.total = goes_round(running, sample.count)
    sample.count = goes_round_apart(running)
    return running.rounds


@function
def spends(till: Till, coins: u64) -> u32:
    """Takes the lock of what it is given."""
    with till.lock:
        till.spent = coins & 0xFF
        till.coins = coins
    return till.spent


@program("tc")
def locks_what_a_map_has(packet: Skb) -> int:
    """A value with a lock is made on the stack, and locked in the map, in a function too."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    made = Till()
    made.coins = 7
    tills.update(1, made)
    first = tills.lookup(0)
    other = tills.lookup(1)
    if first is None or other is None:
        return 1
    sample.total = spends(first, sample.large) + spends(other, sample.wide)
    with other.lock:
        left = other.coins
    return left & 0xFFFF


@program("tc")
def names_the_map_of_a_timer(packet: Skb) -> int:
    """The timer lies in the map that is named, whichever name leads there."""
    fresh = Visit()
    visits.update(1, fresh)
    visit = visits.lookup(1)
    if visit is None:
        return 1
    if packet.length > 60:
        visit = visits.lookup(2)
        if visit is None:
            return 2
    visit.count += 1
    return 3 if visit.timer.init(visits, Clock.MONOTONIC) else 4
