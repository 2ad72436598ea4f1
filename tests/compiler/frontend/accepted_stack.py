"""Accepted programs on what lies on the stack, and on what LLVM would make calls of memcpy and memset of."""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    Array,
    Cell,
    Count,
    HashMap,
    Skb,
    Struct,
    global_array,
    program,
    u8,
    u32,
    u64,
    wrap,
)
from tests.compiler.frontend.accepted_sample import samples

many: HashMap[int, Cell] = HashMap(u64, u64, 64)
words = global_array(u64, 512, ".data.words")
more = global_array(u64, 512, ".data.more")


class Inside(Struct):
    """A struct that lies at an odd address, in Tight."""

    low: u32
    high: u64


class Tight(Struct, packed=True):
    """As on the wire: nothing is where the machine would have it."""

    kind: u8
    inner: Inside
    numbers: Annotated[Array[u32], Count(3)]


@program("tc")
def a_packed_struct_lies_on_the_stack(packet: Skb) -> int:
    """Each access claimed that the struct inside began where the machine would have it."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    one = Tight()
    two = Tight()
    one.inner.low = sample.wide
    one.inner.high = sample.large
    one.numbers[sample.small % 3] = sample.count
    two.inner.copy_from(one.inner)
    two.kind = 3
    return wrap(u32, two.inner.low + two.inner.high + one.numbers[1] + two.kind)


@program("tc")
def eight_bytes_lie_anywhere_on_the_stack(packet: Skb) -> int:
    """The verifier reads the stack at multiples of eight only."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    mine = Tight()
    mine.inner.high = sample.large
    mine.numbers[0] = sample.wide
    octets = Octets()
    octets.octets[sample.small & 15] = 77
    octets.octets[5] = sample.small
    return wrap(u32, octets.octets.word(sample.half & 7) + octets.octets.word(8))


class Octets(Struct):
    """Bytes."""

    octets: Annotated[Array[u8], Count(16)]


@program("tc")
def forty_updates_need_few_places(packet: Skb) -> int:
    """Each had places of its own for key and value on the stack."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    base = sample.small
    many.update(base, 1)
    many.update(base + 1, 2)
    for _ in range(2):
        many.update(base + 2, 3)
        many.update(base + 3, base + 4)
    done = many.update(1, 1) and many.update(2, 2) and many.update(3, 3) and many.update(4, 4) and many.update(5, 5)
    done = done and many.update(6, 1) and many.update(7, 2) and many.update(8, 3) and many.update(9, 4) and many.update(10, 5)
    done = done and many.update(11, 1) and many.update(12, 2) and many.update(13, 3) and many.update(14, 4) and many.update(15, 5)
    done = done and many.update(16, 1) and many.update(17, 2) and many.update(18, 3) and many.update(19, 4) and many.update(20, 5)
    done = done and many.update(21, 1) and many.update(22, 2) and many.update(23, 3) and many.update(24, 4) and many.update(25, 5)
    found = many.lookup(17)
    for each in range(40):
        many.delete(each)
    for each in range(4):
        many.delete(base + each)
    return 0 if found is None or not done else wrap(u32, found.value)


@program("tc")
def loops_copy_and_clear(packet: Skb) -> int:
    """LLVM made calls of memset and memcpy of them."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    for i in range(sample.small & 15):
        sample.octets[i] = 0
    words[sample.half & 511] = sample.large
    for i in range(512):
        more[i] = words[i]
    for i in range(512):
        words[i] = 0
    return wrap(u32, more[sample.half & 511] + words[7])
