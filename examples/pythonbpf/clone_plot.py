"""How many processes called clone(2) how often, as a histogram: clone_plot.py [SECONDS [MANY]]; those with more than MANY are named."""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *

BINS = 20
WIDTH = 40  # of the longest bar

hist = HashMap(u32, u64, 4096)


@program("tracepoint/syscalls/sys_enter_clone")
def count_clones(call: Tracepoint) -> int:
    """One more for the process (not the thread) that calls."""
    process = get_current_pid_tgid() >> 32
    hist.update_if(process, 0, UpdatePolicy.NOEXIST)
    if (count := hist.lookup(process)) is not None:
        count.add_atomic("value", 1)
        printk("count: %u with %u", count.value, process)
    return 0


def picture(counts: list[int]) -> str:
    """A bar for each of at most BINS ranges of equal width, from the smallest count to the largest."""
    low, high = min(counts), max(counts)
    width = (high - low) // BINS + 1
    heights = [0] * ((high - low) // width + 1)
    for count in counts:
        heights[(count - low) // width] += 1
    return "\n".join(
        f"{low + width * index:>8} to {low + width * (index + 1) - 1:<8} | {'#' * -(-WIDTH * height // max(heights)):<{WIDTH}} {height}"
        for index, height in enumerate(heights)
    )


def main(seconds: str = "10", many: str = "40") -> None:
    """Count for some seconds, then draw: calls of a process down, number of such processes across."""
    calls = ("sys_enter_clone", "sys_enter_clone3")  # the C library has used both
    with pybpf.load(pybpf.compile_programs(count_clones).elf) as loaded:
        links = [pybpf.attach(loaded, "count_clones", pybpf.Tracepoint("syscalls", call)) for call in calls]
        time.sleep(float(seconds))
        for link in links:
            link.close()
        found = {int.from_bytes(key, "little"): int.from_bytes(value, "little") for key, value in loaded.maps["hist"].items()}
    print(picture(list(found.values())) if found else "nobody called", flush=True)
    for process, count in found.items():
        if count > int(many):
            print(f"{process} called {count} times", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
