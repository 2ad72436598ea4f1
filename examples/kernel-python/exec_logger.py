"""tracepoint: every program that is started, through a ring buffer.

exec_logger.py [SECONDS-TO-RUN]
"""

from __future__ import annotations

import sys
import time
from typing import Annotated

import pybpf
from pybpf.lang import *


class Exec(Tracepoint):
    """sched_process_exec, as its `format` file has it."""

    filename: data_loc
    pid: s32
    old_pid: s32

class Event(Struct):
    """What user space is told."""

    pid: s32
    user: u32
    command: Annotated[Array[u8], Count(16)]

events = RingBuffer(1 << 16)

@program("tracepoint/sched/sched_process_exec")
def log_exec(started: Exec) -> int:
    """One record for each exec; one that finds no room is lost."""
    event = events.reserve(Event)
    if event is not None:
        event.pid = started.pid
        event.user = get_current_uid_gid() & 0xFFFFFFFF
        get_current_comm(event.command)
        events.submit(event)
    return 0

def main(seconds: str = "3600") -> None:
    """Print a line for each program started."""
    place = pybpf.Tracepoint("sched", "sched_process_exec")
    with pybpf.load(pybpf.compile_programs(log_exec).elf) as loaded, pybpf.attach(loaded, "log_exec", place), pybpf.RingReader(loaded.maps["events"]) as reader:
        until = time.monotonic() + float(seconds)
        while time.monotonic() < until:
            for event in map(Event.view, map(bytearray, reader.read(timeout_ms=200))):
                print(f"{event.pid:>8} uid={event.user:<6} {bytes(event.command).rstrip(bytes(1)).decode(errors='replace')}", flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
