"""How often each control group made system calls, read, wrote, received and sent, and how many bytes: container_monitor.py [SECONDS]"""

from __future__ import annotations

import sys
import time
from enum import IntEnum

import pybpf
from pybpf.lang import *

What = IntEnum("What", "CALLS READ WRITTEN RECEIVED SENT", start=0)

class Exit(Tracepoint):  # raw_syscalls/sys_exit
    number: s64  # 0 is read(2), 1 is write(2)
    result: s64

class Usage(Struct):
    times: Annotated[Array[u64], Count(5)]
    octets: Annotated[Array[u64], Count(5)]

by_group = PerCpuHashMap(u64, Usage, 1024)  # by the id of the group; no two CPUs share a counter

@function
def add(group: u64, what: What, octets: u64) -> None:
    fresh = Usage()
    by_group.update_if(group, fresh, UpdatePolicy.NOEXIST)
    if (usage := by_group.lookup(group)) is not None:
        usage.times[what] += 1
        usage.octets[what] += octets

@program("tracepoint/raw_syscalls/sys_exit")
def count_call(call: Exit) -> int:
    number, octets = call.number, call.result
    add(get_current_cgroup_id(), What.CALLS, 0)
    if 0 <= number <= 1 and octets > 0:
        add(get_current_cgroup_id(), What.WRITTEN if number == 1 else What.READ, octets)
    return 0

@program("cgroup_skb/ingress")
def count_received(packet: Skb) -> int:
    add(packet.cgroup_id(), What.RECEIVED, packet.length)  # of the socket: the task here is whichever was interrupted
    return 1

@program("cgroup_skb/egress")
def count_sent(packet: Skb) -> int:
    add(packet.cgroup_id(), What.SENT, packet.length)
    return 1

def main(seconds: str = "10") -> None:
    call, root = pybpf.Tracepoint("raw_syscalls", "sys_exit"), pybpf.Cgroup(pybpf.cgroup_root())
    with pybpf.load(pybpf.compile_programs(count_call, count_received, count_sent).elf) as loaded:
        with pybpf.attach(loaded, "count_call", call), pybpf.attach(loaded, "count_received", root), pybpf.attach(loaded, "count_sent", root):
            time.sleep(float(seconds))
        for folder in (root.path, *root.path.rglob("*/")):
            usages = [Usage.view(bytearray(value)) for value in loaded.maps["by_group"].lookup_per_cpu(folder.stat().st_ino.to_bytes(8, "little")) or []]
            print(folder, *(f"{what.name.lower()} {sum(each.times[what] for each in usages)} ({sum(each.octets[what] for each in usages)} bytes)" for what in What), flush=True)

if __name__ == "__main__":
    main(*sys.argv[1:])
