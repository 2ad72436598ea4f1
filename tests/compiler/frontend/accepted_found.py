"""Accepted programs that once were not, or that did other things in the kernel than in Python. One fault each."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import (
    ArrayMap,
    Cell,
    HashMap,
    RingBuffer,
    Skb,
    Struct,
    UpdatePolicy,
    function,
    global_array,
    program,
    s16,
    subprogram,
    swap16,
    u8,
    u16,
    u32,
    u64,
    wrap,
)
from tests.compiler.frontend.accepted_sample import Sample, samples

numbers = global_array(u8, 256, ".rodata.numbers")
numbers.fill(bytes(each * 7 & 0xFF for each in range(256)))
noted: HashMap[int, Cell] = HashMap(u32, u64, 4)
records = RingBuffer(4096)
fixed: ArrayMap[Cell] = ArrayMap(u32, 1)
BELOW_ZERO: Final = -5


@program("tc")
def an_index_is_computed_before_the_value(packet: Skb) -> int:
    """It was computed again for the store, when the value had changed what it is made of."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    index = sample.small & 7
    sample.octets[index] ^= (index := sample.half & 15)
    sample.octets[sample.small & 15] += next_small(sample) & 0
    return index


@function
def next_small(sample: Sample) -> u64:
    """Changes what its caller's index is made of."""
    sample.small = (sample.small + 1) & 0xFF
    return 3


@program("tc")
def an_index_may_be_a_call(packet: Skb) -> int:
    """It was refused, for it would have been called twice."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.octets[next_small(sample) & 15] |= 0x80
    return sample.small


@program("tc")
def a_match_keeps_its_subject(packet: Skb) -> int:
    """A guard that set the subject's name changed what later cases saw."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    kind = sample.small & 7
    match kind:
        case 1 if (kind := 5) > 9:
            return 1
        case 5:
            return 2
        case _:
            return 3 + kind


@program("tc")
def a_bound_may_be_a_remainder(packet: Skb) -> int:
    """The verifier does not know how large a remainder is, so it does not know what is below one either."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    index = sample.small
    return sample.octets[index] if index < sample.wide % 13 else 77


@program("tc")
def a_mask_is_not_dropped(packet: Skb) -> int:
    """LLVM dropped masks that it knew to change nothing, and the verifier did not know."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    remainder, shifted, cut = (sample.wide % 7) & 15, (15 >> (sample.half & 63)) & 15, wrap_u8(sample.large % 13)
    sample.small = sample.large % 11
    return sample.octets[remainder] + sample.octets[shifted] + numbers[cut] + numbers[sample.small]


@function
def wrap_u8(number: u64) -> u8:
    """Eight bits of something smaller."""
    return wrap(u8, number)


@function
def small_one(number: u64) -> u8:
    """A result that fits, as the verifier does not know."""
    return number % 13


@subprogram
def small_other(number: u64) -> u8:
    """The same across a call."""
    return number % 17


@function
def numbered(index: u8) -> u64:
    """A parameter that fits, as the verifier does not know."""
    return numbers[index]


@program("tc")
def results_and_parameters_bound_an_index(packet: Skb) -> int:
    """Their types say more than the verifier finds."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    return numbers[small_one(sample.large)] + numbers[small_other(sample.large)] + numbered(sample.wide % 100)


@program("tc")
def swapped_bytes_bound_an_index(packet: Skb) -> int:
    """The verifier does not follow an exchange of bytes; a field in network order is one."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    return numbers[sample.order >> 8] + numbers[swap16(sample.half) >> 8]


@program("tc")
def a_range_may_end_below_zero(packet: Skb) -> int:
    """It was refused as if its end were large; and a limit that a remainder bounds was cut to 0."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    rounds = 0
    for i in range(sample.small & 7, BELOW_ZERO, -2):
        rounds += i + 5
    limit = sample.deep % 11 - 5
    for _ in range(-5, limit):
        rounds += 1
    for _ in range(3, limit, -2):
        rounds += 16
    return rounds & 0xFFFFFFFF


@program("tc")
def a_chain_says_something_of_its_middle(packet: Skb) -> int:
    """What it says was known of a copy only."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    index = sample.low
    return sample.octets[index] if 0 <= index < 16 else 99


@program("tc")
def a_comparison_may_be_rewritten(packet: Skb) -> int:
    """LLVM makes one comparison of `6 <= n < 10`, from which the verifier learns nothing of n."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    total = 0
    depth: s16 = sample.short
    for i in range(3):
        total += sample.octets[depth - 6] if 6 <= depth < 10 else 1
        depth = wrap(s16, depth * 3 + i)
    return total


@program("tc")
def an_update_asks_for_the_key(packet: Skb) -> int:
    """The interpreter set what EXIST was to leave alone."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    noted.delete(3)
    return 1 if noted.update_if(3, sample.wide, UpdatePolicy.EXIST) else 2


@program("tc")
def a_number_that_fits_is_not_wrapped(packet: Skb) -> int:
    """`wrap` and a mask say nothing of a number that was compared: LLVM dropped both, and the verifier had seen neither."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    steps: s16 = sample.short
    if not (1 <= steps <= 2):
        return 4
    sample.octets[steps - 1] = sample.small
    few = steps & 15
    return numbers[wrap(u32, steps) % 256] + sample.octets[few] + sample.octets[wrap(u8, steps) & 15]


@program("tc")
def several_names_are_set_at_once(packet: Skb) -> int:
    """All values come first, then the targets, from left to right."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    low, high = sample.small, sample.half & 0xFF
    low, high = high, low
    sample.small, sample.octets[low & 15], at = high, 3, low & 7
    at, sample.octets[at] = at + 1, at
    return low * 3 + high + sample.octets[at] + sample.small


@program("tc")
def a_field_of_the_context_is_read_apart(packet: Skb) -> int:
    """LLVM made one load of both, from an address that is the context's or the map's; the verifier takes no such load."""
    sample = samples.lookup(0)
    cell = fixed.lookup(0)
    if sample is None or cell is None:
        return 0
    return packet.length if sample.small > 7 else cell.value


@program("tc")
def a_name_set_on_one_side_may_be_either(packet: Skb) -> int:
    """What the last side said was believed of all."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    x = 3
    one = (x := -100) if sample.small > 9 else 5
    if x < 0:
        return 2
    low = 1
    both = sample.half > 7 and (low := -9) < 0 and (low := 50) > sample.tiny
    if low < 0:
        return 4 + wrap(u8, one)
    last = 2
    if 10 < sample.wide < (last := -5) + (1 << 33) < (last := 7) + sample.large:
        return 6
    return 8 + wrap(u8, last) if both else 11


@program("tc")
def a_number_falls_below_zero_in_a_loop(packet: Skb) -> int:
    """It became a huge one: what is known of a number that changes was that it is not below zero, since it had not been."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    left = 10
    credit = 5
    for i in range(20):
        left -= 1
        if sample.octets[i & 15] > 100:
            credit += 2
        else:
            credit -= 1
    if left < 0:
        sample.count = 77
    return wrap(u32, left) ^ (1 if credit < 0 else 2)


@program("tc")
def a_number_that_is_compared_keeps_its_sign(packet: Skb) -> int:
    """It falls, but not below zero: what is compared first stays a number without one."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    tokens = 40
    for i in range(10):
        tokens += sample.octets[i]
        if tokens >= 50:
            tokens -= 50
    total: u64 = tokens
    return wrap(u32, total)


@program("tc")
def an_atomic_looks_for_its_struct_first(packet: Skb) -> int:
    """The number was computed first."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    sample.count = 9
    before = (again := sample).fetch_add("count", again.count & 0xFF)
    return before + sample.count + sample.fetch_add("count", counted(sample))


@function
def counted(sample: Sample) -> u32:
    """Changes what an atomic changes next."""
    sample.count = 70
    return 5


@program("tc")
def a_record_may_be_got_last(packet: Skb) -> int:
    """Where the condition holds, it is there; elsewhere, it never was."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    if (sample.small > 3 or sample.tiny < 0) and (told := records.reserve(Octets)) is not None:
        told.first = sample.small
        records.submit(told)
        return 1
    return 2


@program("tc")
def an_offset_may_move_the_packet(packet: Skb) -> int:
    """The packet's start was looked up before its offset had moved it."""
    octets = packet.header(Octets, pulled(packet) & 7)
    return 1 if octets is None else octets.first


@function
def pulled(packet: Skb) -> u32:
    """Moves the packet."""
    packet.pull(20)
    return 3


class Octets(Struct):
    """One byte."""

    first: u8


@program("tc")
def a_way_that_is_never_gone(packet: Skb) -> int:
    """LLVM saw that it is not and left a register unset there: a remainder by 0. The verifier goes that way."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    steps = wrap(s16, sample.large)
    if not (5 <= steps <= 20):
        return 1
    if wrap(u16, sample.large) == 0:
        return 3 + (sample.total % steps & 0xFF) + (sample.total >> steps & 7)
    return 2


@program("tc")
def an_address_is_added_to(packet: Skb) -> int:
    """An index below the alignment of what lies on the stack was added with `or`."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    mine = Sample()
    mine.octets[3] = sample.small
    mine.octets[5] = 9
    return mine.octets[(sample.tiny ^ 286) // 32 & 7] + mine.octets[sample.small >> 5]


@program("tc")
def a_name_set_last_is_set_where_all_holds(packet: Skb) -> int:
    """A comparison that says nothing new of it left it unknown."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    if (n := sample.half) > 5 and (m := n + 1) != 0 and sample.small + (low := m & 7) > 0:
        return n + m + sample.octets[low]
    return 3


@program("tc")
def a_divisor_that_the_verifier_does_not_know(packet: Skb) -> int:
    """It is 1 and passed as something that varies, so the verifier did not know that the index is 0."""
    sample = samples.lookup(0)
    if sample is None:
        return 0
    return sample.octets[(sample.large % ((0 << (sample.half & 63)) + 1)) // 32]
