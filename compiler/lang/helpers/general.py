"""Helpers that need nothing but their arguments."""

from __future__ import annotations

import time

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import u32, u64
from pybpf.compiler.lang.memory import Struct


@helper(28, "0 0 memory #memory seed", "4.6", takes_packet=True)
def checksum_add(memory: Struct, seed: u32) -> u32:
    """The 32-bit one's-complement sum of a struct (a multiple of 4 bytes) and `seed`, not folded to 16 bits."""
    content = bytes(memory)
    assert len(content) % 4 == 0, "bpf_csum_diff takes multiples of four bytes"
    total = seed
    for at in range(0, len(content), 4):
        total += int.from_bytes(content[at : at + 4], "little")
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


@helper(5, "", "4.1")
def ktime_ns() -> u64:
    """Nanoseconds since boot, without time spent suspended (CLOCK_MONOTONIC)."""
    return time.monotonic_ns()
