"""A line in the trace when a file is removed and when that is done: on kprobes, and the same on tracepoints where a kernel has none."""

from __future__ import annotations

from pybpf.lang import *


@program("kprobe/do_unlinkat")
def removal_begins(registers: Registers) -> int:
    """Before the function runs."""
    printk("removing a file, directory %d", registers.argument_1)
    return 0


@program("kretprobe/do_unlinkat")
def removal_ends(registers: Registers) -> int:
    """When it returns."""
    printk("removed: %d", registers.returned)
    return 0


calls = PerCpuArray(u64, 2)


@function
def count(which: u8) -> None:
    """One more beginning (0) or end (1)."""
    counted = calls.lookup(which)
    if counted is not None:
        counted.value += 1


@program("tracepoint/syscalls/sys_enter_unlinkat")
def call_begins(call: Tracepoint) -> int:
    """unlinkat(2), as rm calls it."""
    printk("removing a file")
    count(0)
    return 0


@program("tracepoint/syscalls/sys_exit_unlinkat")
def call_ends(call: Tracepoint) -> int:
    """The same call, done."""
    count(1)
    return 0
