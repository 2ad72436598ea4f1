"""How long after the one before it every sync(2) came, if that was within a second: sync_timing.py [SECONDS]"""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *


class Enter(Tracepoint):
    """syscalls/sys_enter_sync has one field that every such tracepoint has."""

    number: s64


class Gap(Struct):
    """What user space is told."""

    milliseconds: u64
    calls: u64


last_ns = variable(u64)
calls = variable(u64)
gaps = RingBuffer(4096)


@program("tracepoint/syscalls/sys_enter_sync")
def time_sync(call: Enter) -> int:
    """Tell the gap to the call before, when it is short."""
    now = ktime_ns()
    before = last_ns.exchange("value", now)
    count = calls.fetch_add("value", 1)
    if before != 0 and now > before and now - before < 1_000_000_000:
        gap = Gap()
        gap.milliseconds = (now - before) // 1_000_000
        gap.calls = count + 1
        gaps.output(gap)
    return 0


def main(seconds: str = "10") -> None:
    """Print a line for each short gap."""
    place = pybpf.Tracepoint("syscalls", "sys_enter_sync")
    with pybpf.load(pybpf.compile_programs(time_sync).elf) as loaded, pybpf.attach(loaded, "time_sync", place):
        until = time.monotonic() + float(seconds)
        with pybpf.RingReader(loaded.maps["gaps"]) as reader:
            while time.monotonic() < until:
                for gap in map(Gap.view, map(bytearray, reader.read(timeout_ms=200))):
                    print(f"sync number {gap.calls} came {gap.milliseconds} ms after the one before", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
