"""Accepted programs on numbers: signs, ranges, what wraps, what is known after a comparison."""

from __future__ import annotations

from pybpf.compiler.lang import (
    Skb,
    program,
    s8,
    s16,
    s32,
    s64,
    swap16,
    swap32,
    swap64,
    u8,
    u16,
    u32,
    u64,
    wrap,
)
from tests.compiler.frontend.accepted_sample import samples


@program("tc")
def reads_and_writes_signed_fields(packet: Skb) -> int:
    """Every width, extended with its sign; elements of arrays too."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.result = sample.deep // 2 + sample.low + sample.short + sample.tiny
    sample.low = -sample.short
    sample.depths[sample.small & 7] = sample.tiny
    return (sample.depths[3] + sample.low) & 0xFFFFFFFF


@program("tc")
def goes_below_zero(packet: Skb) -> int:
    """A difference of unsigned numbers is Python's."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.result = (sample.small - sample.half) * 3 - sample.wide
    return 1 if sample.result < -sample.half else 2


@program("tc")
def rounds_down(packet: Skb) -> int:
    """`//`, `%` and `>>` of numbers below zero."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.result = sample.deep // 7 + sample.low // 8 - sample.tiny % 5
    sample.large = sample.deep % 1000 + sample.short % 16
    return (sample.low >> 3) & 0xFFFF


@program("tc")
def divides_by_what_is_compared(packet: Skb) -> int:
    """A divisor is known to be above 0."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    divisor, other = sample.wide, sample.tiny
    if divisor != 0:
        sample.large = sample.large // divisor + sample.half % divisor
    sample.count = sample.wide // other if other > 0 else 7
    if other > 0 and sample.deep % other == 0:
        return 3
    return sample.half // (sample.small + 1)


@program("tc")
def wraps_to_every_type(packet: Skb) -> int:
    """The lower bits, whatever they then mean."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    product = wrap(u64, sample.large * 0x9E3779B97F4A7C15)
    sample.deep = wrap(s64, product) - wrap(s8, product)
    sample.low = wrap(s32, product) // 2 + wrap(s16, product)
    return wrap(u32, product) ^ wrap(u16, product) ^ wrap(u8, sample.deep)


@program("tc")
def swaps_bytes(packet: Skb) -> int:
    """Bytes in reverse order."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.large = swap64(sample.large)
    sample.half = swap16(sample.wide)
    return swap32(sample.deep) ^ swap16(sample.order)


@program("tc")
def compares_across_signs(packet: Skb) -> int:
    """A number that may be below zero with unsigned ones."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    score = 1 if sample.tiny < sample.small else 0
    score += 2 if sample.low >= sample.wide else 0
    score += 4 if sample.deep != sample.half else 0
    return score + (8 if sample.short >= -5 else 0)


@program("tc")
def compares_in_chains(packet: Skb) -> int:
    """Every operand is evaluated once, and a name in the middle is known on both sides."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    index, depth = sample.wide, sample.low
    if 2 <= index < 18:
        return sample.octets[index - 2]
    if -4 < depth <= 3 != sample.small:
        return sample.octets[depth + 4]
    return 99 if 10 < sample.fetch_add("count", 1) <= 1 << 31 < sample.wide else 98


@program("tc")
def narrows_by_comparing(packet: Skb) -> int:
    """An index that a comparison, an early return, or another number bounds."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    index = sample.small
    if index < 16:
        return sample.octets[index]
    other = sample.half % 11
    if index - 16 < other:
        return other
    depth = sample.tiny
    if depth < -8 or depth > 7:
        return 1
    sample.octets[depth + 8] = 3
    return sample.octets[other] + (sample.octets[depth] if depth >= 0 else 0)


@program("tc")
def binds_in_conditions(packet: Skb) -> int:
    """`:=` in a test, a chain, an expression."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    if (low := sample.small) < 16 and (high := sample.octets[low]) > low:
        return high - low
    return (twice := sample.half * 2) + (twice if twice > 9 else low)


@program("tc")
def chooses_values(packet: Skb) -> int:
    """Conditional expressions of numbers and bools, inside of one another."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    is_small = sample.small < 9 if sample.tiny > 0 else sample.half > 999
    sample.low = sample.tiny if is_small else -7 if sample.wide & 1 == 0 else sample.short
    return (1 if is_small else 2) if is_small == (sample.deep > 0) else 3


@program("tc")
def declares_variables(packet: Skb) -> int:
    """A declared variable keeps its range through every round."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    index: u8 = sample.small & 15
    depth: s16 = sample.tiny
    total: u32 = 0
    for _ in range(6):
        total = (total + sample.octets[index & 15]) & 0xFFFFFFFF
        index = (index * 5 + 1) & 0xFF
        depth = wrap(s16, depth - index)
    sample.short = depth
    return total


@program("tc")
def assigns_in_place(packet: Skb) -> int:
    """Augmented assignments of variables, fields and elements."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    value = sample.low
    value += 5
    value -= sample.wide
    value *= 3
    value //= 2
    value >>= 1
    sample.result = value
    sample.half |= 0x11
    sample.half &= 0xFFF0
    sample.octets[sample.small & 15] ^= 0x55
    sample.small %= 7
    sample.deep //= 3
    first = second = sample.small
    first <<= 3
    return first + second


@program("tc")
def shifts_and_inverts(packet: Skb) -> int:
    """Shifts by what is known to be below 64; `~` and `-`."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.large = (1 << (sample.small & 63)) | (sample.large >> (sample.half & 63))
    sample.result = ~sample.low + -sample.short
    sample.count = ~sample.wide & 0xFFFFFFFF
    return (sample.tiny << 4) & 0xFFFF
