"""Kernel programs that are accepted, a construct or two each. Every one reads box 0, may change it, and returns a number."""

from __future__ import annotations

from typing import Annotated, Final

from pybpf.compiler.lang import (
    Array,
    ArrayMap,
    Count,
    HashMap,
    LruHashMap,
    RingBuffer,
    Skb,
    Struct,
    be16,
    be32,
    be64,
    callback,
    checksum_add,
    function,
    global_array,
    program,
    repeat,
    u8,
    u16,
    u32,
    u64,
    volatile_u16,
)


class Pair(Struct):
    """Two numbers in two byte orders."""

    left: be32
    right: u32


class Box(Struct):
    """A field of every kind."""

    total: u64
    far: be64
    pair: Pair
    tick: u32
    near: be16
    small: u8
    spare: u8
    octets: Annotated[Array[u8], Count(16)]
    halves: Annotated[Array[be16], Count(4)]
    row: volatile_u16
    flags: u16
    rest: u32


class Head(Struct, packed=True):
    """The first bytes of a packet, unaligned behind the first."""

    first: u8
    second: be32
    third: be16


boxes = ArrayMap(Box, 2)
pairs = LruHashMap(Pair, Pair, 8)
by_port: HashMap[int, Pair] = HashMap(be16, Pair, 8)
by_number: HashMap[int, Pair] = HashMap(u64, Pair, 8)
ring = RingBuffer(4096)
squares = global_array(u32, 16, ".data.squares")
GREETING: Final = b"hello, kernel"
LIMIT: Final = 7


@program("tc")
def reads_every_width(packet: Skb) -> int:
    """Fields of all widths and byte orders, and a nested struct."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    return (box.total ^ box.far ^ box.pair.left ^ box.pair.right ^ box.tick ^ box.near ^ box.small ^ box.flags) & 0xFFFFFFFF


@program("tc")
def writes_every_width(packet: Skb) -> int:
    """A store into each of them."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    box.far = box.total
    box.pair.left = box.tick
    box.near = box.total & 0xFFFF
    box.small = box.near & 0xFF
    box.flags = (box.far >> 48) & 0xFFFF
    box.octets[box.small & 15] = box.spare
    box.halves[3] = box.near
    return box.octets[5]


@program("tc")
def loops_and_leaves(packet: Skb) -> int:
    """break, continue, nested loops, a return out of a loop."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    total = 0
    for i in range(2, 10):
        if i == 4:
            continue
        if total > 900:
            break
        for j in range(3):
            if box.octets[(i + j) & 15] == 255:
                return 255
            total += box.octets[(i + j) & 15] * j
    return total


@program("tc")
def branches(packet: Skb) -> int:
    """elif, and, or, not, conditional expressions, bools in variables and fields."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    is_small = box.small < 100
    if is_small and not (box.tick == 0 or box.tick == 7):
        answer = 1
    elif box.near > 1000 or (box.flags != 3 and is_small):
        answer = 2 if box.total > box.far else 3
    else:
        answer = 4
    box.spare = 1 if is_small else 0
    return answer


@function
def larger(one: u64, other: u64) -> u64:
    """The larger of two."""
    return one if one > other else other


@function
def part(box: Box) -> Pair:
    """A view on a part."""
    return box.pair


@function
def bump(pair: Pair | None, by: u32) -> None:
    """Add, where there is something."""
    if pair is None:
        return
    pair.right = (pair.right + by) & 0xFFFFFFFF


@program("tc")
def calls_functions(packet: Skb) -> int:
    """Views as arguments and results, None as an argument, functions without result."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    bump(part(box), 3)
    bump(None, 4)
    bump(boxes_pair(1), 5)
    return larger(box.tick, box.pair.right) & 0xFFFFFFFF


@function
def boxes_pair(number: u32) -> Pair | None:
    """The pair of a box, if there is one."""
    box = boxes.lookup(number)
    if box is None:
        return None
    return box.pair


@program("tc")
def keeps_structs_on_the_stack(packet: Skb) -> int:
    """A struct of its own, copied to and from a map."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    mine = Pair()
    mine.left = box.tick
    other = Pair()
    other.copy_from(mine)
    other.right = checksum_add(mine, 0) % 65535
    box.pair.copy_from(other)
    return mine.right + other.left


@program("tc")
def uses_maps(packet: Skb) -> int:
    """update, lookup, delete; keys that are structs and numbers of other widths and orders."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    key = Pair()
    key.left = box.tick
    if not pairs.update(key, box.pair):
        return 1
    found = pairs.lookup(key)
    if found is None or found.right != box.pair.right:
        return 2
    if not by_port.update(box.near, key) or not by_number.update(box.total, key):
        return 3
    port = by_port.lookup(box.near)
    number = by_number.lookup(box.total)
    if port is None or number is None:
        return 4
    box.rest = port.left ^ number.left
    if not by_port.delete(box.near) or not by_number.delete(box.total) or not pairs.delete(key):
        return 5
    return 7 if pairs.lookup(key) is None and ring.output(box.pair) else 6


@program("tc")
def counts_atomically(packet: Skb) -> int:
    """add_atomic and compare_exchange."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    box.add_atomic("total", 5)
    box.add_atomic("tick", box.small)
    before = box.compare_exchange("rest", 0, 9)
    return before + box.compare_exchange("rest", 9, 10)


@callback
def add_one(number: u32) -> bool:
    """A round: stops after LIMIT of them."""
    box = boxes.lookup(0)
    if box is None:
        return True
    box.row = (box.row + number) & 0xFFFF
    return number >= LIMIT


@program("tc")
def repeats(packet: Skb) -> int:
    """A callback run by the kernel."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    box.row = 0
    repeat(100, add_one)
    return box.row


@program("tc")
def reads_globals(packet: Skb) -> int:
    """Global arrays, bytes constants, words at any byte, len."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    index = box.small & 15
    squares[index] = index * index
    total = squares[index] + GREETING[box.near % 8] + box.near % 7 + box.tick // 10 + len(squares)
    return (total + box.octets.word(box.spare & 7)) & 0xFFFFFFFF


@program("tc")
def reads_the_packet(packet: Skb) -> int:
    """Headers at constant and computed offsets; a view looked up again after the packet moved."""
    head = packet.header(Head, 0)
    if head is None:
        return 0
    skip: u32 = head.first & 7
    later = packet.header(Head, 14 + skip)
    if later is None:
        return 1
    later.third = later.third ^ 0x1234
    total = head.second + later.third
    if not packet.pull(21):
        return 2
    head = packet.header(Head, 0)
    if head is None:
        return 3
    return (total + head.third + packet.length) & 0xFFFFFFFF


@program("tc")
def copies_the_packet(packet: Skb) -> int:
    """load, load_bytes of a computed length, store."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    mine = Pair()
    if not packet.load(9, mine) or not packet.load_bytes(3, box.octets, (box.small & 15) + 1):
        return 1
    mine.left = mine.right
    if not packet.store(20, mine) or not packet.store(40, GREETING):
        return 2
    return 0 if packet.load(4000, mine) else mine.left


@program("tc")
def masks_what_needs_none(packet: Skb) -> int:
    """Masks that only the verifier needs: the numbers are small already."""
    box = boxes.lookup(0)
    if box is None:
        return 0
    return box.octets[(6 >> (box.small & 63)) & 15] + squares[(packet.length % 7) & 15] + box.octets[((box.tick // 1000000000) & 7) + 8]
