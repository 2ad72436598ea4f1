"""sock_ops: a histogram of TCP round-trip times of a control group, as a picture in the terminal.

rtt_histogram.py CGROUP-FOLDER [SECONDS-TO-MEASURE]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pybpf
from pybpf.lang import *

BUCKETS = 32
histogram = ArrayMap(u64, BUCKETS)  # bucket n: from 2^n to 2^(n+1) - 1 microseconds

@program("sockops")
def measure_rtt(socket: SockOps) -> int:
    """Ask for a call with every round-trip time that is measured, and count it by its size."""
    if socket.event == SockOpsEvent.ACTIVE_ESTABLISHED or socket.event == SockOpsEvent.PASSIVE_ESTABLISHED:
        socket.set_callback_flags(SockOpsFlag.RTT)
    if socket.event == SockOpsEvent.RTT:
        microseconds = socket.smoothed_rtt >> 3  # the kernel keeps eighths
        for bucket in range(BUCKETS):
            if microseconds >> bucket <= 1:
                if (count := histogram.lookup(bucket)) is not None:
                    count.add_atomic("value", 1)
                break
    return 1

def picture(counts: list[int]) -> str:
    """One line for each size that was seen, and those between."""
    seen = [index for index, count in enumerate(counts) if count] or [0]
    rows = range(seen[0], seen[-1] + 1)
    return "\n".join(f"{1 << row:>10} us | {'#' * -(-40 * counts[row] // max(counts[0], *counts, 1)):<40} {counts[row]}" for row in rows)

def main(cgroup: str, seconds: str = "10") -> None:
    """Measure for some seconds, then draw."""
    with pybpf.load(pybpf.compile_programs(measure_rtt).elf) as loaded, pybpf.attach(loaded, "measure_rtt", pybpf.Cgroup(Path(cgroup))):
        time.sleep(float(seconds))
        print(picture([int.from_bytes(value, "little") for _, value in sorted(loaded.maps["histogram"].items())]), flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
