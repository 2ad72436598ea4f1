"""What every CPU is doing, sampled: process, stack in the kernel, stack of its own: stack_traces.py [SECONDS]"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from typing import Annotated

import pybpf
from pybpf.hooks.perf import attach_cpu_clock
from pybpf.lang import *

PERIOD_NS = 10_000_000


class Sample(Struct):
    """One sample: sixteen addresses of each stack at most, sizes in bytes (or a negative errno)."""

    process: u32
    cpu: u32
    time_ns: u64
    kernel_octets: s64
    user_octets: s64
    command: Annotated[Array[u8], Count(16)]
    kernel_stack: Annotated[Array[u64], Count(16)]
    user_stack: Annotated[Array[u64], Count(16)]


samples = RingBuffer(1 << 20)


@program("perf_event")
def sampled(event: PerfEvent) -> int:
    """Fill a record where user space will read it."""
    sample = samples.reserve(Sample)
    if sample is None:
        return 0
    sample.process = get_current_pid_tgid() >> 32
    sample.cpu = get_smp_processor_id()
    sample.time_ns = ktime_ns()
    get_current_comm(sample.command)
    sample.kernel_octets = event.get_stack(sample.kernel_stack, 0)
    sample.user_octets = event.get_stack(sample.user_stack, StackFlag.USER)
    samples.submit(sample)
    return 0


def main(seconds: str = "2") -> None:
    """A line for each sample."""
    with pybpf.load(pybpf.compile_programs(sampled).elf) as loaded, ExitStack() as links, pybpf.RingReader(loaded.maps["samples"]) as reader:
        for cpu in range(os.cpu_count() or 1):
            links.enter_context(attach_cpu_clock(loaded.programs["sampled"], cpu, PERIOD_NS))
        until = time.monotonic() + float(seconds)
        while time.monotonic() < until:
            for sample in map(Sample.view, map(bytearray, reader.read(timeout_ms=200))):
                name = bytes(sample.command).rstrip(b"\0").decode(errors="replace")
                print(f"{sample.process:7} {name:16} cpu {sample.cpu}, {max(sample.kernel_octets, 0) // 8} frames of the kernel, {max(sample.user_octets, 0) // 8} of its own", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
