"""How long after the one before it an execve(2) came, and a little arithmetic at its end: binops_demo.py, until ^C.

Both say so in the kernel's trace. Needs tracefs, as hello_world.py does.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pybpf
from pybpf.lang import *

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000

last = HashMap(u64, u64, 3)  # under 0: when the last call came, unless it has been told


@program("tracepoint/syscalls/sys_enter_execve")
def enter(call: Tracepoint) -> int:
    """Tell the time since the call before, and forget it; or remember this one."""
    now = ktime_ns()
    before = last.lookup(0)
    if before is None:
        last.update(0, now)
        return 0
    elapsed_ns = now - before.value
    if elapsed_ns < SECOND_NS:
        printk("execve again within a second: %u ms", elapsed_ns // MILLISECOND_NS)
    last.delete(0)
    return 0


@program("tracepoint/syscalls/sys_exit_execve")
def leave(call: Tracepoint) -> int:
    """8, and what is in one of 5 and 8 but not in both, and what is in both 6 and 3."""
    eight = 8
    either = 5 ^ eight
    both = 6 & 3
    printk("the sum is %u", either + both)
    return 0


def main() -> None:
    """Copy the trace to the terminal."""
    with (
        pybpf.load(pybpf.compile_programs(enter, leave).elf) as loaded,
        pybpf.attach(loaded, "enter", pybpf.Tracepoint("syscalls", "sys_enter_execve")),
        pybpf.attach(loaded, "leave", pybpf.Tracepoint("syscalls", "sys_exit_execve")),
        Path("/sys/kernel/tracing/trace_pipe").open() as trace,
        suppress(KeyboardInterrupt),
    ):
        for line in trace:
            print(line, end="", flush=True)


if __name__ == "__main__":
    main()
