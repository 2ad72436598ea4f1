"""How a process's system calls change: anomaly_detection.py PROCESS [INTERVALS [SECONDS-EACH]]; process 0 is all of them.

The kernel counts the calls by their numbers. Each interval is compared with the one before, and the largest changes are printed.
"""

from __future__ import annotations

import sys
import time

import pybpf
from pybpf.lang import *

CALLS, SHOWN = 548, 3  # more than there are numbers; how many changes are told


class Enter(Tracepoint):
    """raw_syscalls/sys_enter, as far as it is read."""

    number: s64


target = constant(u32)
histogram = ArrayMap(u64, CALLS)


@program("tracepoint/raw_syscalls/sys_enter")
def count_call(call: Enter) -> int:
    """One more of this number, when it is the process that is watched."""
    if target.value != 0 and target.value != get_current_pid_tgid() >> 32:
        return 0
    number = call.number
    if 0 <= number < CALLS and (count := histogram.lookup(number)) is not None:
        count.add_atomic("value", 1)
    return 0


def counts(loaded: pybpf.Loaded) -> list[int]:
    """How often each call was made until now."""
    found = {int.from_bytes(key, "little"): int.from_bytes(value, "little") for key, value in loaded.maps["histogram"].items()}
    return [found[number] for number in range(CALLS)]


def main(process: str, intervals: str = "10", seconds: str = "1") -> None:
    """Print a line for each interval: calls a second, and which rates rose or fell most."""
    constants, place = {"target": int(process)}, pybpf.Tracepoint("raw_syscalls", "sys_enter")
    with pybpf.load(pybpf.compile_programs(count_call).elf, constants=constants) as loaded, pybpf.attach(loaded, "count_call", place):
        now, rates = counts(loaded), [0.0] * CALLS
        for _ in range(int(intervals)):
            time.sleep(float(seconds))
            before, previous, now = now, rates, counts(loaded)
            rates = [(new - old) / float(seconds) for new, old in zip(now, before, strict=True)]
            change = [new - old for new, old in zip(rates, previous, strict=True)]
            most = sorted((number for number in range(CALLS) if change[number]), key=lambda number: -abs(change[number]))[:SHOWN]
            told = ", ".join(f"call {number}: {rates[number]:.0f} ({change[number]:+.0f})" for number in most)
            print(f"{sum(rates):>8.0f} calls a second; {told or 'no change'}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
