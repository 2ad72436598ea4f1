"""Clocks, random numbers, and which processor this is. No argument, no failure."""

from __future__ import annotations

import random
import time

from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s64, u32, u64


@row(5, "", "4.1")
def ktime_ns() -> u64:
    """Nanoseconds since boot, without time spent suspended (CLOCK_MONOTONIC)."""
    return time.monotonic_ns()


@row(125, "", "5.8")
def ktime_get_boot_ns() -> u64:
    """Nanoseconds since boot, with time spent suspended (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@row(160, "", "5.11")
def ktime_get_coarse_ns() -> u64:
    """As ktime_ns, but of the last timer tick: cheaper, and some milliseconds old (CLOCK_MONOTONIC_COARSE)."""
    return time.monotonic_ns()


@row(208, "", "6.1")
def ktime_get_tai_ns() -> u64:
    """Nanoseconds of International Atomic Time, which has no leap seconds (CLOCK_TAI). It can be set."""
    return time.clock_gettime_ns(time.CLOCK_TAI)


@row(118, "", "5.6")
def jiffies64() -> u64:
    """Timer ticks since boot: how long one is depends on the kernel's configuration (CONFIG_HZ)."""
    raise NoStandIn


@row(7, "", "4.1")
def get_prandom_u32() -> u32:
    """A pseudo-random number: good for sampling, not for secrets."""
    return random.getrandbits(32)


@row(8, "", "4.1")
def get_smp_processor_id() -> u32:
    """The CPU that runs the program; it stays there until the end. In CPython: 0."""
    return 0


@row(42, "", "4.10")
def get_numa_node_id() -> s64:
    """The memory node of the CPU that runs the program. In CPython: 0."""
    return 0
