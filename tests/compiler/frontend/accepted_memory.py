"""Accepted programs on memory: global variables, maps of integers, queues, locks, atomics."""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    ArrayMap,
    ArrayOfMaps,
    Cell,
    HashMap,
    Queue,
    Skb,
    SpinLock,
    Stack,
    Struct,
    UpdatePolicy,
    callback,
    constant,
    global_struct,
    program,
    s16,
    s32,
    s64,
    u32,
    u64,
    variable,
    wrap,
)
from tests.compiler.frontend.accepted_sample import samples


class Pack(Struct):
    """What queues hold."""

    weight: s64
    tag: u64


class Purse(Struct):
    """What a spin lock guards."""

    lock: SpinLock
    spent: u32
    coins: u64


most = constant(u32, 1000)
seen = variable(u64)
deepest = variable(s32, -5)
board = global_struct(Pack)
hits: HashMap[int, Cell] = HashMap(u32, u64, 4)
levels: HashMap[int, Cell] = HashMap(s16, s32, 4)
slots: ArrayMap[Cell] = ArrayMap(u32, 4)
waiting = Queue(Pack, 2)
piled = Stack(Pack, 2)
purses = ArrayMap(Purse, 1)
rooms: ArrayMap[Cell] = ArrayMap(u32, 4)
houses = ArrayOfMaps(rooms, 2)


@program("tc")
def keeps_global_variables(packet: Skb) -> int:
    """Variables, signed ones too, a constant, a struct."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    seen.value = sample.wide
    seen.value += 1
    deepest.value = -5
    if sample.tiny < deepest.value:
        deepest.value = sample.tiny
    board.weight = deepest.value * 2
    board.tag = seen.value
    if sample.half > most.value:
        return 1
    sample.result = board.weight
    return wrap(u32, board.tag)


@program("tc")
def keeps_integers_in_maps(packet: Skb) -> int:
    """Keys and values that are integers; what an update asks of the key."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    key = sample.small & 3
    hits.delete(key)
    if not hits.update_if(key, sample.large, UpdatePolicy.NOEXIST) or hits.update_if(key, 5, UpdatePolicy.NOEXIST):
        return 1
    if (hit := hits.lookup(key)) is not None:
        hit.value = wrap(u64, hit.value + 3)
        sample.total = hit.value
    if not hits.update_if(key, 9, UpdatePolicy.EXIST) or not hits.delete(key) or hits.delete(key):
        return 2
    if hits.update_if(key, 9, UpdatePolicy.EXIST):
        return 3
    levels.update(key - 2, sample.tiny)
    level = levels.lookup(key - 2)
    return 4 if level is None else level.value & 0xFF


@callback
def sum_up(key: u32, value: Annotated[Cell, u32]) -> bool:
    """Called for each slot, in order."""
    seen.value = wrap(u64, seen.value * 31 + value.value)
    return key == 2


@program("tc")
def walks_through_maps(packet: Skb) -> int:
    """`for_each`, until the callback says so."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    for i in range(4):
        slots.update(i, sample.octets[i * 4])
    seen.value = sample.half
    calls = slots.for_each(sum_up)
    sample.total = seen.value
    return calls & 0xFF


@program("tc")
def passes_through_queues(packet: Skb) -> int:
    """In the order of a queue, and of a stack; full, and empty."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    pack = Pack()
    for _ in range(2):
        waiting.pop(pack)
        piled.pop(pack)
    for i in range(3):
        pack.weight = sample.tiny - i
        pack.tag = 1 if waiting.push(pack) else 2
        piled.push_over(pack)
    if not waiting.peek(pack) or not waiting.pop(pack):
        return 1
    sample.result = pack.weight
    if not piled.pop(pack):
        return 2
    sample.deep = pack.weight
    left = 0
    while_left = waiting.pop(pack) and piled.pop(pack)
    left += 1 if while_left else 0
    return left + 4 if waiting.pop(pack) or piled.peek(pack) else left + 8


@program("tc")
def holds_a_lock(packet: Skb) -> int:
    """A block under a spin lock, and a way out of it."""
    sample = samples.lookup(0)
    purse = purses.lookup(0)
    if sample is None or purse is None:
        return 0
    with purse.lock:
        purse.coins = sample.half
        purse.spent = 0
    for i in range(3):
        with purse.lock:
            if purse.coins < i * 10000:
                return i + 1
            purse.coins -= i * 5000
            purse.spent += i
    return purse.spent + (purse.coins & 0xFFFF)


@program("tc")
def changes_atomically(packet: Skb) -> int:
    """Every atomic operation, with and without what was there."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.add_atomic("total", sample.wide)
    sample.and_atomic("count", 0xFFFFF0FF)
    sample.or_atomic("large", 1 << 63)
    sample.xor_atomic("wide", sample.half)
    before = sample.fetch_add("count", sample.small)
    before = before ^ sample.fetch_and("wide", 0xFFFF)
    before = before ^ sample.fetch_or("wide", 0x1000000)
    before = before ^ sample.fetch_xor("large", sample.total)
    before = before ^ sample.exchange("total", 17)
    return wrap(u32, before + sample.compare_exchange("total", 17, before))


@program("tc")
def looks_into_maps_of_maps(packet: Skb) -> int:
    """Nothing was put into them: there is no map, and nothing is looked up."""
    sample = samples.lookup(0)
    house = houses.lookup(1)
    if sample is None or house is None:
        return 5
    room = house.lookup(sample.small & 3)
    return 6 if room is None else room.value
