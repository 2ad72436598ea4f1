"""The lines of the kernel's trace as columns: hello_fields.py, until ^C. Needs tracefs, as hello_world.py does."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pybpf
from pybpf.lang import *


@program("tracepoint/syscalls/sys_enter_clone")
def hello_clone(call: Tracepoint) -> int:
    """A process or thread is about to be made."""
    printk("Hello, World!")
    return 0


class Line(NamedTuple):
    """What the kernel writes before the text of a printk."""

    command: str
    thread: int
    cpu: int
    flags: str
    seconds: float
    message: str


SHAPE = re.compile(r"\s*(?P<command>.+)-(?P<thread>\d+)\s+\[(?P<cpu>\d+)\]\s+(?P<flags>\S+)\s+(?P<seconds>[\d.]+): bpf_trace_printk: (?P<message>.*)")


def fields(text: str) -> Line | None:
    """A line of the trace in its parts; None for one that no program wrote."""
    found = SHAPE.match(text)
    if found is None:
        return None
    command, thread, cpu, flags, seconds, message = found.groups()
    return Line(command, int(thread), int(cpu), flags, float(seconds), message)


def main() -> None:
    """Print a row for each line that a program wrote."""
    place = pybpf.Tracepoint("syscalls", "sys_enter_clone")
    with (
        pybpf.load(pybpf.compile_programs(hello_clone).elf) as loaded,
        pybpf.attach(loaded, "hello_clone", place),
        Path("/sys/kernel/tracing/trace_pipe").open() as trace,
        suppress(KeyboardInterrupt),
    ):
        print(f"{'TIME':<18} {'COMMAND':<16} {'THREAD':<8} MESSAGE", flush=True)
        for line in filter(None, map(fields, trace)):
            print(f"{line.seconds:<18.6f} {line.command:<16} {line.thread:<8} {line.message}", flush=True)


if __name__ == "__main__":
    main()
