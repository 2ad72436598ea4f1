"""Who calls clone(2), and when, through a ring buffer: hello_perf_output.py [SECONDS]"""

from __future__ import annotations

import sys
import time
from typing import Annotated

import pybpf
from pybpf.lang import *


class Clone(Struct):
    """What user space is told."""

    process: u64
    time_ns: u64
    command: Annotated[Array[u8], Count(16)]


events = RingBuffer(1 << 16)


@program("tracepoint/syscalls/sys_enter_clone")
def tell_clone(call: Tracepoint) -> int:
    """One record for each call."""
    clone = Clone()
    clone.process, clone.time_ns = get_current_pid_tgid() >> 32, ktime_ns()
    get_current_comm(clone.command)
    events.output(clone)
    return 0


def main(seconds: str = "10") -> None:
    """Print a line for each call, with the time since the first."""
    place = pybpf.Tracepoint("syscalls", "sys_enter_clone")
    first_ns = 0
    with pybpf.load(pybpf.compile_programs(tell_clone).elf) as loaded, pybpf.attach(loaded, "tell_clone", place):
        until = time.monotonic() + float(seconds)
        with pybpf.RingReader(loaded.maps["events"]) as reader:
            while time.monotonic() < until:
                for clone in map(Clone.view, map(bytearray, reader.read(timeout_ms=200))):
                    first_ns = first_ns or clone.time_ns
                    command = bytes(clone.command).rstrip(bytes(1)).decode(errors="replace")
                    print(f"{(clone.time_ns - first_ns) / 1e9:<18.9f} {command:<16} {clone.process:<8} Hello, perf_output!", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
