"""How often each process called clone(2): clone_count.py [SECONDS]"""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *


class Enter(Tracepoint):
    """syscalls/sys_enter_clone, as far as it is read."""

    number: s64


counts = HashMap(u32, u64, 4096)


@program("tracepoint/syscalls/sys_enter_clone")
def count_clones(call: Enter) -> int:
    """One more for the process (not the thread) that calls."""
    process = get_current_pid_tgid() >> 32
    counts.update_if(process, 0, UpdatePolicy.NOEXIST)
    if (count := counts.lookup(process)) is not None:
        count.add_atomic("value", 1)
    return 0


def main(seconds: str = "10") -> None:
    """Count for some seconds, then print, the most first."""
    place = pybpf.Tracepoint("syscalls", "sys_enter_clone")
    with pybpf.load(pybpf.compile_programs(count_clones).elf) as loaded, pybpf.attach(loaded, "count_clones", place):
        time.sleep(float(seconds))
        found = {int.from_bytes(key, "little"): int.from_bytes(value, "little") for key, value in loaded.maps["counts"].items()}
    for process, calls in sorted(found.items(), key=lambda each: -each[1]):
        print(f"{process:>8} {calls}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
