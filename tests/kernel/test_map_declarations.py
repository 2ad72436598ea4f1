"""The kernel takes every map that the language declares, and locks and timers exactly where the language does."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pybpf import syscalls
from pybpf.compiler.lang.integers import Width, be32, u32, u64
from pybpf.compiler.lang.maps import (
    ArrayMap,
    ArrayOfMaps,
    BloomFilter,
    CgroupArray,
    CgroupStorage,
    CpuMap,
    CpuValue,
    Declaration,
    DeviceHash,
    DeviceMap,
    DeviceValue,
    HashMap,
    HashOfMaps,
    InodeStorage,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    MapFlag,
    MapType,
    PerCpuArray,
    PerCpuHashMap,
    PerfEventArray,
    ProgramArray,
    Queue,
    RingBuffer,
    SocketHash,
    SocketMap,
    SocketStorage,
    SpinLock,
    Stack,
    TaskStorage,
    Timer,
    XskMap,
)
from pybpf.compiler.lang.maps.declaration import octets_of
from pybpf.compiler.lang.maps.facts import FLAGS_OF, SPECIAL_IN
from pybpf.compiler.lang.memory import Struct
from pybpf.errors import KernelError

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]


class Prefix(Struct):
    """A key of a trie."""

    bits: u32
    address: be32


class Pair(Struct):
    """A key or a value."""

    first: u32
    second: u32


class Locked(Struct):
    """A value with a lock."""

    lock: SpinLock
    number: u32


class Timed(Struct):
    """A value with a timer."""

    timer: Timer
    number: u64


DECLARED: dict[str, Declaration] = {
    "HashMap": HashMap(u32, u64, 8),
    "HashMap of locks": HashMap(Pair, Locked, 8),
    "HashMap of timers": HashMap(u32, Timed, 8),
    "LruHashMap": LruHashMap(u32, Pair, 8),
    "LruHashMap of timers": LruHashMap(u32, Timed, 8),
    "PerCpuHashMap": PerCpuHashMap(u32, u64, 8),
    "LruPerCpuHashMap": LruPerCpuHashMap(u32, u64, 64),
    "ArrayMap": ArrayMap(u64, 8),
    "ArrayMap of locks": ArrayMap(Locked, 8),
    "ArrayMap of timers": ArrayMap(Timed, 8),
    "PerCpuArray": PerCpuArray(Pair, 8),
    "LpmTrie": LpmTrie(Prefix, u64, 8),
    "ProgramArray": ProgramArray(8),
    "PerfEventArray": PerfEventArray(8),
    "RingBuffer": RingBuffer(4096),
    "Queue": Queue(Pair, 8),
    "Stack": Stack(Pair, 8),
    "BloomFilter": BloomFilter(u64, 8, hashes=3),
    "SocketMap": SocketMap(8),
    "SocketHash": SocketHash(Pair, 8),
    "DeviceMap": DeviceMap(8),
    "DeviceMap with programs": DeviceMap(8, DeviceValue),
    "DeviceHash": DeviceHash(8, DeviceValue),
    "CpuMap": CpuMap(1),
    "CpuMap with programs": CpuMap(1, CpuValue),
    "XskMap": XskMap(8),
    "CgroupArray": CgroupArray(8),
    "SocketStorage": SocketStorage(u64, flags=MapFlag.CLONE),
    "SocketStorage of locks": SocketStorage(Locked),
    "TaskStorage": TaskStorage(u64),
    "InodeStorage": InodeStorage(Pair),
    "CgroupStorage": CgroupStorage(u64),
    "CgroupStorage of locks": CgroupStorage(Locked),
    "ArrayOfMaps": ArrayOfMaps(HashMap(u32, u64, 8), 8),
    "HashOfMaps": HashOfMaps(Pair, RingBuffer(4096), 8),
}
WITH_BTF = {MapType.HASH, MapType.LRU_HASH, MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH, MapType.ARRAY, MapType.PERCPU_ARRAY, MapType.LPM_TRIE}
STORAGES = {MapType.SK_STORAGE, MapType.TASK_STORAGE, MapType.INODE_STORAGE, MapType.CGRP_STORAGE}
BY_TYPE = {each.type: each for each in DECLARED.values() if not each.special}
SPECIAL_VALUES = {"bpf_spin_lock": Locked, "bpf_timer": Timed}

# All types that a key or value here can have, numbered from 1: the one BTF that all maps share. Integers with their
# (size, encoding), then structs with their members: (name, type, offset in bits).
U32, U64, S32, ARRAY_OF_TWO, SPIN_LOCK, TIMER, LOCKED, TIMED, PAIR = range(1, 10)
_INTEGERS = {"u32": (4, 0), "u64": (8, 0), "s32": (4, 1)}
_STRUCTS = {
    "bpf_spin_lock": (4, [("val", U32, 0)]),
    "bpf_timer": (16, [("opaque", ARRAY_OF_TWO, 0)]),
    "Locked": (8, [("lock", SPIN_LOCK, 0), ("number", U32, 32)]),
    "Timed": (24, [("timer", TIMER, 0), ("number", U64, 128)]),
    "Pair": (8, [("first", U32, 0), ("second", U32, 32)]),
}
_NUMBERS: dict[object, int] = {Width(32): U32, Width(64): U64, Width(32, signed=True): S32, Locked: LOCKED, Timed: TIMED, Pair: PAIR, Prefix: PAIR}
_INT, _ARRAY, _STRUCT = 1 << 24, 3 << 24, 4 << 24


def btf() -> bytes:
    """The types above (Documentation/bpf/btf.rst)."""
    strings, types = bytearray(b"\0"), bytearray()

    def name(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text) - 1

    for text, (size, encoding) in _INTEGERS.items():
        types += struct.pack("<4I", name(text), _INT, size, encoding << 24 | 8 * size)
    types += struct.pack("<6I", 0, _ARRAY, 0, U64, U32, 2)
    for text, (size, members) in _STRUCTS.items():
        types += struct.pack("<3I", name(text), _STRUCT | len(members), size)
        for member, number, offset in members:
            types += struct.pack("<3I", name(member), number, offset)
    return struct.pack("<HBBI4I", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


@contextmanager
def closing(fd: int) -> Iterator[int]:
    """A file descriptor, closed afterwards."""
    try:
        yield fd
    finally:
        os.close(fd)


def create(each: Declaration, kind: MapType, value: object, *, flags: int) -> None:
    """Ask the kernel for a map, and give it back. Raises KernelError when it says no."""
    with closing(syscalls.btf_load(btf())) as btf_fd:
        typed = kind in WITH_BTF | STORAGES
        inner_fd = 0 if each.inner is None else made(each.inner)
        try:
            os.close(
                syscalls.map_create(
                    b"declared", kind, key_size=0 if each.key is None else octets_of(each.key),
                    value_size=value.size_bytes if isinstance(value, type) and issubclass(value, Struct) else value.octets if isinstance(value, Width) else 0,
                    max_entries=each.max_entries, flags=flags, extra=each.extra, inner_fd=inner_fd, btf_fd=btf_fd if typed else 0,
                    key_type_id=_NUMBERS[each.key] if typed else 0, value_type_id=_NUMBERS[value] if typed else 0,
                )
            )  # fmt: skip
        finally:
            if inner_fd:
                os.close(inner_fd)


def made(inner: Declaration) -> int:
    """The file descriptor of an inner map."""
    key, value = (0 if kind is None else octets_of(kind) for kind in (inner.key, inner.value))
    return syscalls.map_create(b"inner", inner.type, key_size=key, value_size=value, max_entries=inner.max_entries, flags=inner.flags)


@pytest.mark.parametrize("name", DECLARED)
def test_the_kernel_takes_what_the_language_declares(name: str) -> None:
    each = DECLARED[name]
    create(each, each.type, each.value, flags=each.flags)


@pytest.mark.parametrize("kind", sorted(WITH_BTF | STORAGES))
@pytest.mark.parametrize("special", SPECIAL_IN)
def test_the_kernel_takes_locks_and_timers_exactly_where_the_language_does(special: str, kind: MapType) -> None:
    each = BY_TYPE[kind]
    try:
        create(each, kind, SPECIAL_VALUES[special], flags=each.flags)
        takes = True
    except KernelError:
        takes = False
    assert takes is (kind in SPECIAL_IN[special])


@pytest.mark.parametrize("kind", sorted(FLAGS_OF))
def test_the_kernel_takes_the_flags_that_the_language_does(kind: MapType) -> None:
    each = BY_TYPE[kind]
    for flag in MapFlag:
        if flag & FLAGS_OF[kind]:
            create(each, kind, each.value, flags=each.flags | flag)


def test_every_declaration_was_tried() -> None:
    from pybpf.compiler.lang import maps

    classes = {kind for name in maps.__all__ if isinstance(kind := getattr(maps, name), type) and issubclass(kind, Declaration)}
    assert {type(each) for each in DECLARED.values()} == classes - {maps.Declaration, maps.Table}
