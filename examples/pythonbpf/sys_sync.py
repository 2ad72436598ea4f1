"""A line in the kernel's trace at every sync(2): sys_sync.py, until ^C. Needs tracefs, as hello_world.py does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pybpf
from pybpf.lang import *


@program("tracepoint/syscalls/sys_enter_sync")
def say_sync(call: Tracepoint) -> int:
    """Everything that is not on disk yet is about to be written."""
    printk("sys_sync() called")
    return 0


def main() -> None:
    """Copy the trace to the terminal."""
    place = pybpf.Tracepoint("syscalls", "sys_enter_sync")
    with (
        pybpf.load(pybpf.compile_programs(say_sync).elf) as loaded,
        pybpf.attach(loaded, "say_sync", place),
        Path("/sys/kernel/tracing/trace_pipe").open() as trace,
        suppress(KeyboardInterrupt),
    ):
        for line in trace:
            print(line, end="", flush=True)


if __name__ == "__main__":
    main()
