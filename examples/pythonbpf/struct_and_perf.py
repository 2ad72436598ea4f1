"""A record of each clone(2) through a perf event array. Only the kernel half: `pybpf build struct_and_perf.py -o clones.o`.

Whoever loads it puts perf events of kind PERF_COUNT_SW_BPF_OUTPUT, one for each CPU, into `events` and reads them. Where a
ring buffer will do, it is simpler: hello_perf_output.py is the same with one, and with its user half.
"""

from __future__ import annotations

from typing import Annotated

from pybpf.lang import *


class Clone(Struct):
    """What user space is told. The name is all zeros: nothing of the stack leaves the kernel."""

    process: u64
    time_ns: u64
    command: Annotated[Array[u8], Count(16)]


events = PerfEventArray(128)


@program("tracepoint/syscalls/sys_enter_clone")
def tell_clone(call: Tracepoint) -> int:
    """One record, and a line in the trace."""
    clone = Clone()
    clone.process = get_current_pid_tgid() >> 32
    clone.time_ns = ktime_ns()
    printk("clone at %u by %u", clone.time_ns, clone.process)
    events.output(call, clone)
    return 0
