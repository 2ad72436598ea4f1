"""How long each request to a disk took, how much it moved and how: disksnoop.py [SECONDS]"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import pybpf
from pybpf.lang import *


class Issued(Tracepoint):
    """block/block_rq_issue: its record begins as block_rq_complete's does."""

    device: u32
    sector: u64


class Completed(Tracepoint):
    """block/block_rq_complete."""

    device: u32
    sector: u64
    sectors: u32
    error: s32


class Request(Struct):
    """Which request it is: what both records have."""

    sector: u64
    device: u32
    pad: u32


class Done(Struct):
    """What user space is told."""

    octets: u64
    microseconds: u64
    device: u32
    error: s32


began = HashMap(Request, u64, 10240)
finished = RingBuffer(1 << 16)


@program("tracepoint/block/block_rq_issue")
def issued(request: Issued) -> int:
    """Remember when."""
    key = Request()
    key.sector, key.device = request.sector, request.device
    began.update(key, ktime_ns())
    return 0


@program("tracepoint/block/block_rq_complete")
def completed(request: Completed) -> int:
    """Tell how long it took."""
    key = Request()
    key.sector, key.device = request.sector, request.device
    start = began.lookup(key)
    if start is not None:
        done = Done()
        done.octets, done.microseconds = request.sectors * 512, (ktime_ns() - start.value) // 1000
        done.device, done.error = request.device, request.error
        finished.output(done)
        began.delete(key)
    return 0


def main(seconds: str = "10") -> None:
    """A line for each request."""
    with ExitStack() as stack:
        loaded = stack.enter_context(pybpf.load(pybpf.compile_programs(issued, completed).elf))
        stack.enter_context(pybpf.attach(loaded, "issued", pybpf.Tracepoint("block", "block_rq_issue")))
        stack.enter_context(pybpf.attach(loaded, "completed", pybpf.Tracepoint("block", "block_rq_complete")))
        reader = stack.enter_context(pybpf.RingReader(loaded.maps["finished"]))
        until = time.monotonic() + float(seconds)
        while time.monotonic() < until:
            for done in map(Done.view, map(bytearray, reader.read(timeout_ms=200))):
                print(f"{done.device >> 20}:{done.device & 0xFFFFF}  {done.octets:8} bytes  {done.microseconds:8} us  {'failed' if done.error else ''}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
