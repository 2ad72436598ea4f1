"""The verifier takes a call of each method of each map, its registers filled as the method's row says.

Timers and walks are not here: their functions need BTF, and are tried as compiled programs.
"""

from __future__ import annotations

import os
import struct

import pytest

from pybpf import syscalls
from pybpf.compiler.lang.helper import Helper, Pass, helper_of
from pybpf.compiler.lang.integers import be32, u32, u64
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.maps import (
    ArrayMap,
    BloomFilter,
    CgroupArray,
    CounterValue,
    CpuMap,
    Declaration,
    DeviceHash,
    DeviceMap,
    HashMap,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    PerCpuArray,
    PerCpuHashMap,
    PerfEventArray,
    ProgramArray,
    Queue,
    RingBuffer,
    SocketHash,
    SocketMap,
    Stack,
    XskMap,
)
from pybpf.compiler.lang.maps.declaration import octets_of
from pybpf.compiler.lang.memory import Struct
from pybpf.syscalls import Accepted, LogSpace

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]


class Prefix(Struct):
    """A key of a trie."""

    bits: u32
    address: be32


class Pair(Struct):
    """A key, a value, or a record."""

    first: u32
    second: u32


P = ProgramType
CALLS: list[tuple[Declaration, str, ProgramType]] = [
    *((table, name, P.SCHED_CLS) for table in (HashMap(u32, u64, 8), LruHashMap(Pair, Pair, 8), LpmTrie(Prefix, u64, 8)) for name in ("lookup", "update", "update_if", "delete")),
    *((table, name, P.XDP) for table in (PerCpuHashMap(u32, u64, 8), LruPerCpuHashMap(u32, Pair, 64)) for name in ("lookup", "lookup_on", "update", "update_if", "delete")),
    *((ArrayMap(Pair, 8), name, P.SCHED_CLS) for name in ("lookup", "update", "update_if")),
    *((PerCpuArray(u64, 8), name, P.SCHED_CLS) for name in ("lookup", "lookup_on", "update", "update_if")),
    (ProgramArray(8), "tail_call", P.SCHED_CLS),
    (PerfEventArray(8), "output", P.SCHED_CLS),
    (PerfEventArray(8), "output", P.XDP),
    (PerfEventArray(8), "output", P.KPROBE),
    (PerfEventArray(8), "read", P.KPROBE),
    (RingBuffer(4096), "output", P.SCHED_CLS),
    (RingBuffer(4096), "reserve", P.SCHED_CLS),
    (RingBuffer(4096), "query", P.SCHED_CLS),
    *((line, name, P.SCHED_CLS) for line in (Queue(Pair, 8), Stack(Pair, 8)) for name in ("push", "push_over", "pop", "peek")),
    (BloomFilter(u64, 8), "add", P.SCHED_CLS),
    (BloomFilter(u64, 8), "contains", P.SCHED_CLS),
    *((targets, "redirect", P.XDP) for targets in (DeviceMap(8), DeviceHash(8), CpuMap(1), XskMap(8))),
    *((targets, name, P.XDP) for targets in (DeviceMap(8), DeviceHash(8)) for name in ("broadcast", "broadcast_onward")),
    *((sockets, "redirect_packet", P.SK_SKB) for sockets in (SocketMap(8), SocketHash(Pair, 8))),
    *((sockets, "redirect_message", P.SK_MSG) for sockets in (SocketMap(8), SocketHash(Pair, 8))),
    *((sockets, name, P.SOCK_OPS) for sockets in (SocketMap(8), SocketHash(Pair, 8)) for name in ("update", "update_if")),
    *((sockets, "lookup", P.SK_SKB) for sockets in (SocketMap(8), SocketHash(Pair, 8))),
    *((sockets, "delete", kind) for sockets in (SocketMap(8), SocketHash(Pair, 8)) for kind in (P.SCHED_CLS, P.SOCK_OPS)),
    (CgroupArray(8), "contains_current_task", P.KPROBE),
    (CgroupArray(8), "contains_packet", P.SCHED_CLS),
]
RELEASE = {"lookup": (86, 0), "reserve": (133, 0)}  # of what must be given back: sk_release(R1), ringbuf_discard(R1, R2)
SLOT_OCTETS = 32  # of the stack, for each parameter


def instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """One word: | code 8 | target 4 | source 4 | offset 16 | immediate 32 |."""
    return struct.pack("<BBhi", code, source << 4 | target, offset, immediate)


def number(register: int, value: int) -> bytes:
    """register = value, 64 bits."""
    low = struct.unpack("<i", struct.pack("<I", value))[0]
    return instruction(0x18, register, immediate=low) + instruction(0)


def call(helper: Helper, map_fd: int) -> bytes:
    """A program that makes this call once, on a zeroed stack, and gives back what it got."""
    kinds = dict(helper.signature.parameters)
    depth = {name: -SLOT_OCTETS * (place + 1) for place, name in enumerate(kinds)}
    code = instruction(0xBF, 6, 1)  # r6 = the context
    for at in range(-SLOT_OCTETS * len(kinds), 0, 8):
        code += instruction(0x7A, 10, offset=at)  # *(u64 *)(fp + at) = 0
    for register, token in enumerate(helper.registers, 1):
        code += filled(register, token, kinds, depth, helper, map_fd)
    code += instruction(0x85, immediate=helper.number)
    if helper.acquires:
        released, flags = RELEASE[helper.name.rpartition(".")[2]]
        code += instruction(0x15, 0, offset=3) + instruction(0xBF, 1, 0) + instruction(0xB7, 2, immediate=flags) + instruction(0x85, immediate=released)
    return code + instruction(0xB7, 0) + instruction(0x95)


def filled(register: int, token: str, kinds: dict[str, Pass], depth: dict[str, int], helper: Helper, map_fd: int) -> bytes:
    """One register, as its token of the row says."""
    if token == "self":
        return instruction(0x18, register, source=1, immediate=map_fd) + instruction(0)
    if token.isdigit():
        return number(register, int(token))
    if token.startswith("#"):
        struct_of = helper.signature.struct(token[1:]) or Pair
        return number(register, struct_of.size_bytes)
    match kinds[token]:
        case Pass.CONTEXT:
            return instruction(0xBF, register, 6)
        case Pass.SCALAR:
            return number(register, 0)
        case _:
            return instruction(0xBF, register, 10) + instruction(0x07, register, immediate=depth[token])


def row(table: Declaration, name: str) -> Helper:
    """The helper that a method of this map stands in for."""
    found = next((helper for kind in type(table).__mro__ if (helper := helper_of(vars(kind).get(name)))), None)
    assert found is not None
    return found


@pytest.mark.parametrize(("table", "name", "kind"), CALLS, ids=[f"{type(table).__name__}.{name} in {kind.name}" for table, name, kind in CALLS])
def test_the_verifier_takes_the_call(table: Declaration, name: str, kind: ProgramType) -> None:
    key, value = (0 if each is None else octets_of(each) for each in (table.key, table.value))
    map_fd = syscalls.map_create(b"tried", table.type, key_size=key, value_size=value, max_entries=table.max_entries, flags=table.flags, extra=table.extra)
    try:
        outcome = syscalls.prog_load(b"tried", kind, instructions=call(row(table, name), map_fd), license_name="GPL", log=LogSpace(1, 1 << 16))
    finally:
        os.close(map_fd)
    assert isinstance(outcome, Accepted), outcome.log.decode()
    os.close(outcome.fd)


def test_a_counter_has_the_size_that_the_kernel_wants() -> None:
    assert CounterValue.size_bytes == 24
