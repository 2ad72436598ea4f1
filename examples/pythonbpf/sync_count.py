"""How many times sync(2) was called, and how soon after the one before, told within a second: sync_count.py [SECONDS]"""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *

SECOND_NS = 1_000_000_000


class Told(Struct):
    """What user space is told."""

    milliseconds: u64
    calls: u64


last = HashMap(u32, u64, 2)  # 0: when the last call was, 1: how many there were
tellings = RingBuffer(4096)


@program("tracepoint/syscalls/sys_enter_sync")
def count_sync(call: Tracepoint) -> int:
    """Count; tell when the call before was less than a second ago, and begin anew."""
    count = last.lookup(1)
    calls = 1 if count is None else count.value + 1
    last.update(1, calls)
    now = ktime_ns()
    before = last.lookup(0)
    if before is not None and before.value <= now < before.value + SECOND_NS:
        told = Told()
        told.milliseconds = (now - before.value) // 1_000_000
        told.calls = calls
        tellings.output(told)
        last.delete(0)
    else:
        last.update(0, now)
    return 0


def main(seconds: str = "10") -> None:
    """Print a line for each telling."""
    place = pybpf.Tracepoint("syscalls", "sys_enter_sync")
    with pybpf.load(pybpf.compile_programs(count_sync).elf) as loaded, pybpf.attach(loaded, "count_sync", place):
        until = time.monotonic() + float(seconds)
        with pybpf.RingReader(loaded.maps["tellings"]) as reader:
            while time.monotonic() < until:
                for told in map(Told.view, map(bytearray, reader.read(timeout_ms=200))):
                    print(f"{told.calls} syncs, the last two {told.milliseconds} ms apart", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
