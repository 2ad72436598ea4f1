"""The gap between two calls of sync(2), as a record through a perf event array. Only the kernel half: a reader puts perf
events of kind PERF_COUNT_SW_BPF_OUTPUT, one for each CPU, into `events`; sync_count.py is the same with a ring buffer."""

from __future__ import annotations

from pybpf.lang import *

SECOND_NS = 1_000_000_000


class Gap(Struct):
    """What user space is told."""

    time_ns: u64
    milliseconds: u64


last = HashMap(u32, u64, 1)
events = PerfEventArray(128)


@program("tracepoint/syscalls/sys_enter_sync")
def tell_sync(call: Tracepoint) -> int:
    """A record when the call before was less than a second ago."""
    gap = Gap()
    gap.time_ns = ktime_ns()
    before = last.lookup(0)
    if before is not None and before.value <= gap.time_ns < before.value + SECOND_NS:
        gap.milliseconds = (gap.time_ns - before.value) // 1_000_000
        events.output(call, gap)
        last.delete(0)
    else:
        last.update(0, gap.time_ns)
    return 0
