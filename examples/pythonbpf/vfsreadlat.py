"""How long read(2) takes, as a histogram of powers of two: vfsreadlat.py [SECONDS]"""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *

BUCKETS = 32
began_ns = HashMap(u64, u64, 10240)  # thread -> when its read began
counts = ArrayMap(u64, BUCKETS)  # bucket n: from 2^(n-1) to 2^n microseconds


@program("tracepoint/syscalls/sys_enter_read")
def read_begins(call: Tracepoint) -> int:
    """Remember when."""
    began_ns.update(get_current_pid_tgid(), ktime_ns())
    return 0


@program("tracepoint/syscalls/sys_exit_read")
def read_ends(call: Tracepoint) -> int:
    """Count it in the bucket of its time."""
    thread = get_current_pid_tgid()
    start = began_ns.lookup(thread)
    if start is None:
        return 0
    left = (ktime_ns() - start.value) // 1000
    bucket: u8 = 0
    rounds = Rounds(BUCKETS - 1)
    while rounds.more() and left > 0:
        left >>= 1
        bucket = (bucket + 1) & (BUCKETS - 1)
    count = counts.lookup(bucket)
    if count is not None:
        count.add_atomic("value", 1)
    began_ns.delete(thread)
    return 0


def main(seconds: str = "5") -> None:
    """Draw it."""
    with pybpf.load(pybpf.compile_programs(read_begins, read_ends).elf) as loaded:
        with pybpf.attach(loaded, "read_begins", pybpf.Tracepoint("syscalls", "sys_enter_read")), pybpf.attach(loaded, "read_ends", pybpf.Tracepoint("syscalls", "sys_exit_read")):
            time.sleep(float(seconds))
        found = [int.from_bytes(loaded.maps["counts"].lookup(each.to_bytes(4, "little")) or b"", "little") for each in range(BUCKETS)]
    for each, number in enumerate(found):
        if number:
            print(f"below {1 << each:10} us  {number:8}  {'#' * max(1, 40 * number // max(found))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
