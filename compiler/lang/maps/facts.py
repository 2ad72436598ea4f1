"""Facts about maps: the kernel's numbers, first kernels, and which types take what. Tables only.

Numbers are those of include/uapi/linux/bpf.h. What a type takes is its `map_alloc_check` (kernel/bpf, net/core,
net/xdp) and map_check_btf in kernel/bpf/syscall.c, as of 6.18.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class MapType(IntEnum):
    """enum bpf_map_type. Not all of them have a declaration in this language."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERF_EVENT_ARRAY = 4
    PERCPU_HASH = 5
    PERCPU_ARRAY = 6
    STACK_TRACE = 7
    CGROUP_ARRAY = 8
    LRU_HASH = 9
    LRU_PERCPU_HASH = 10
    LPM_TRIE = 11
    ARRAY_OF_MAPS = 12
    HASH_OF_MAPS = 13
    DEVMAP = 14
    SOCKMAP = 15
    CPUMAP = 16
    XSKMAP = 17
    SOCKHASH = 18
    CGROUP_STORAGE = 19
    REUSEPORT_SOCKARRAY = 20
    PERCPU_CGROUP_STORAGE = 21
    QUEUE = 22
    STACK = 23
    SK_STORAGE = 24
    DEVMAP_HASH = 25
    STRUCT_OPS = 26
    RINGBUF = 27
    INODE_STORAGE = 28
    TASK_STORAGE = 29
    BLOOM_FILTER = 30
    USER_RINGBUF = 31
    CGRP_STORAGE = 32
    ARENA = 33


MAP_SINCE: dict[MapType, str] = {
    MapType.HASH: "3.19",
    MapType.ARRAY: "3.19",
    MapType.PROG_ARRAY: "4.2",
    MapType.PERF_EVENT_ARRAY: "4.3",
    MapType.PERCPU_HASH: "4.6",
    MapType.PERCPU_ARRAY: "4.6",
    MapType.STACK_TRACE: "4.6",
    MapType.CGROUP_ARRAY: "4.8",
    MapType.LRU_HASH: "4.10",
    MapType.LRU_PERCPU_HASH: "4.10",
    MapType.LPM_TRIE: "4.11",
    MapType.ARRAY_OF_MAPS: "4.12",
    MapType.HASH_OF_MAPS: "4.12",
    MapType.DEVMAP: "4.14",
    MapType.SOCKMAP: "4.14",
    MapType.CPUMAP: "4.15",
    MapType.XSKMAP: "4.18",
    MapType.SOCKHASH: "4.18",
    MapType.CGROUP_STORAGE: "4.19",
    MapType.REUSEPORT_SOCKARRAY: "4.19",
    MapType.PERCPU_CGROUP_STORAGE: "4.20",
    MapType.QUEUE: "4.20",
    MapType.STACK: "4.20",
    MapType.SK_STORAGE: "5.2",
    MapType.DEVMAP_HASH: "5.4",
    MapType.STRUCT_OPS: "5.6",
    MapType.RINGBUF: "5.8",
    MapType.INODE_STORAGE: "5.10",
    MapType.TASK_STORAGE: "5.11",
    MapType.BLOOM_FILTER: "5.16",
    MapType.USER_RINGBUF: "6.1",
    MapType.CGRP_STORAGE: "6.2",
    MapType.ARENA: "6.9",
}


class MapFlag(IntFlag):
    """Flags of BPF_MAP_CREATE that a declaration may carry."""

    NONE = 0
    NO_PREALLOC = 1 << 0  # memory for an entry when it is made, not for all of them at once
    NO_COMMON_LRU = 1 << 1  # each CPU has a list of its own of what was used: quicker, less exact
    RDONLY_PROG = 1 << 7  # programs only read it
    WRONLY_PROG = 1 << 8  # programs only write it
    CLONE = 1 << 9  # a socket accepted from a listening one starts with a copy of its value
    MMAPABLE = 1 << 10  # user space may map it into its memory
    INNER_MAP = 1 << 12  # an array whose max_entries may differ from its template's in a map of maps


class UpdatePolicy(IntEnum):
    """What `update_if` asks of the key first."""

    ANY = 0
    NOEXIST = 1  # it must not be there yet
    EXIST = 2  # it must be there


class Direction(IntEnum):
    """Which way a packet or message goes on at the socket it is redirected to (BPF_F_INGRESS)."""

    EGRESS = 0
    INGRESS = 1


class Clock(IntEnum):
    """What a timer counts (include/uapi/linux/time.h)."""

    REALTIME = 0
    MONOTONIC = 1
    BOOTTIME = 7


_ACCESS = MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG
_HASH = MapFlag.NO_PREALLOC | _ACCESS
_LRU = MapFlag.NO_COMMON_LRU | _ACCESS
FLAGS_OF: dict[MapType, MapFlag] = {  # what a declaration may add; types that are missing take none
    MapType.HASH: _HASH,
    MapType.PERCPU_HASH: _HASH,
    MapType.LRU_HASH: _LRU,
    MapType.LRU_PERCPU_HASH: _LRU,
    MapType.ARRAY: _ACCESS | MapFlag.MMAPABLE | MapFlag.INNER_MAP,
    MapType.PERCPU_ARRAY: _ACCESS,
    MapType.LPM_TRIE: MapFlag.NO_PREALLOC | _ACCESS,
    MapType.HASH_OF_MAPS: MapFlag.NO_PREALLOC,
    MapType.SK_STORAGE: MapFlag.NO_PREALLOC | MapFlag.CLONE,
    MapType.TASK_STORAGE: MapFlag.NO_PREALLOC,
    MapType.INODE_STORAGE: MapFlag.NO_PREALLOC,
    MapType.CGRP_STORAGE: MapFlag.NO_PREALLOC,
}

_STORAGES = frozenset({MapType.SK_STORAGE, MapType.TASK_STORAGE, MapType.INODE_STORAGE, MapType.CGRP_STORAGE})
SPECIAL_IN: dict[str, frozenset[MapType]] = {  # struct that only the kernel writes -> whose values may have one (map_check_btf)
    "bpf_spin_lock": frozenset({MapType.HASH, MapType.ARRAY}) | _STORAGES,
    "bpf_timer": frozenset({MapType.HASH, MapType.LRU_HASH, MapType.ARRAY}),
}
WITHOUT_ENTRIES = _STORAGES  # they grow with what they belong to: max_entries is 0
PER_CPU = frozenset({MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH, MapType.PERCPU_ARRAY})

MAX_KEY_OCTETS = 512  # MAX_BPF_STACK: a key must fit the stack of a program
MAX_VALUE_OCTETS = (1 << 22) - 1024  # KMALLOC_MAX_SIZE, less the kernel's own part of an entry
MAX_PER_CPU_OCTETS = 32 << 10  # PCPU_MIN_UNIT_SIZE
MAX_ENTRIES = 0xFFFFFFFF
