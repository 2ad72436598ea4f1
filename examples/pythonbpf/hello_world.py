"""Hello at every execve(2) and clone(2), in the kernel's trace: hello_world.py, until ^C.

The trace is read from tracefs: `mount -t tracefs nodev /sys/kernel/tracing` where that is not done at boot.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pybpf
from pybpf.lang import *


@program("tracepoint/syscalls/sys_enter_execve")
def hello_execve(call: Tracepoint) -> int:
    """A program is about to be started."""
    printk("Hello, World!")
    return 0


@program("tracepoint/syscalls/sys_enter_clone")
def hello_clone(call: Tracepoint) -> int:
    """A process or thread is about to be made."""
    printk("Hello, clone!")
    return 0


def main() -> None:
    """Copy the trace to the terminal."""
    built = pybpf.compile_programs(hello_execve, hello_clone)
    with (
        pybpf.load(built.elf) as loaded,
        pybpf.attach(loaded, "hello_execve", pybpf.Tracepoint("syscalls", "sys_enter_execve")),
        pybpf.attach(loaded, "hello_clone", pybpf.Tracepoint("syscalls", "sys_enter_clone")),
        Path("/sys/kernel/tracing/trace_pipe").open() as trace,
        suppress(KeyboardInterrupt),
    ):
        for line in trace:
            print(line, end="", flush=True)


if __name__ == "__main__":
    main()
