"""Internet checksums (RFC 1071) of memory. To change one in a packet: replace_l3_checksum and replace_l4_checksum of Skb."""

from __future__ import annotations

from pybpf.compiler.lang.helpers.stand_in import row
from pybpf.compiler.lang.integers import s64, u32
from pybpf.compiler.lang.memory import Array, Struct


@row(28, "0 0 memory #memory seed", "4.6", takes_packet=True)
def checksum_add(memory: Struct, seed: u32) -> u32:
    """The one's-complement sum of a struct (a multiple of 4 bytes) and `seed`. Fold it before use.

    It has up to 32 bits before 6.13 and 16 bits since: only what it is after folding means something.
    """
    return _sum(bytes(memory), seed)


@row(28, "old #old new #new seed", "4.6", takes_packet=True)
def checksum_difference(old: Struct | Array[int], new: Struct | Array[int], seed: u32) -> s64:
    """What to add to a checksum when `old` becomes `new` (both a multiple of 4 bytes); as checksum_add, fold it before use."""
    return _sum(bytes(each ^ 0xFF for each in bytes(old)), _sum(bytes(new), seed))


def _sum(content: bytes, seed: int) -> int:
    assert len(content) % 4 == 0, "bpf_csum_diff takes multiples of four bytes"
    total = seed
    for at in range(0, len(content), 4):
        total += int.from_bytes(content[at : at + 4], "little")
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
