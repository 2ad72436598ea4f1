"""The kernel's numbers for kinds of maps, programs and hooks (include/uapi/linux/bpf.h), as enums. Facts only."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class MapType(IntEnum):
    """enum bpf_map_type."""

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


class MapFlag(IntFlag):
    """Flags of map creation that this loader sets or looks at."""

    NONE = 0
    NO_PREALLOC = 1 << 0
    RDONLY_PROG = 1 << 7
    MMAPABLE = 1 << 10


# a lookup in one of these gives one value per possible CPU
PER_CPU = frozenset({MapType.PERCPU_HASH, MapType.PERCPU_ARRAY, MapType.LRU_PERCPU_HASH, MapType.PERCPU_CGROUP_STORAGE})

# what the kernel takes key and value types for; others refuse BTF with ENOTSUPP (map_check_no_btf, kernel/bpf/syscall.c)
WITH_BTF = frozenset({
    MapType.HASH, MapType.ARRAY, MapType.PERCPU_HASH, MapType.PERCPU_ARRAY, MapType.LRU_HASH, MapType.LRU_PERCPU_HASH,
    MapType.LPM_TRIE, MapType.CGROUP_STORAGE, MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.TASK_STORAGE,
    MapType.CGRP_STORAGE,
})  # fmt: skip

# what holds a file descriptor per slot, and of what
HOLDS_PROGRAMS = frozenset({MapType.PROG_ARRAY})
HOLDS_MAPS = frozenset({MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS})


class ProgramType(IntEnum):
    """enum bpf_prog_type."""

    SOCKET_FILTER = 1
    KPROBE = 2
    SCHED_CLS = 3
    SCHED_ACT = 4
    TRACEPOINT = 5
    XDP = 6
    PERF_EVENT = 7
    CGROUP_SKB = 8
    CGROUP_SOCK = 9
    LWT_IN = 10
    LWT_OUT = 11
    LWT_XMIT = 12
    SOCK_OPS = 13
    SK_SKB = 14
    CGROUP_DEVICE = 15
    SK_MSG = 16
    RAW_TRACEPOINT = 17
    CGROUP_SOCK_ADDR = 18
    LWT_SEG6LOCAL = 19
    LIRC_MODE2 = 20
    SK_REUSEPORT = 21
    FLOW_DISSECTOR = 22
    CGROUP_SYSCTL = 23
    RAW_TRACEPOINT_WRITABLE = 24
    CGROUP_SOCKOPT = 25
    TRACING = 26
    STRUCT_OPS = 27
    EXT = 28
    LSM = 29
    SK_LOOKUP = 30
    SYSCALL = 31
    NETFILTER = 32


class AttachType(IntEnum):
    """enum bpf_attach_type, the network part. NONE is the 0 that a program without a required hook is loaded with."""

    NONE = 0
    CGROUP_INET_EGRESS = 1
    CGROUP_INET_SOCK_CREATE = 2
    CGROUP_SOCK_OPS = 3
    SK_SKB_STREAM_PARSER = 4
    SK_SKB_STREAM_VERDICT = 5
    CGROUP_DEVICE = 6
    SK_MSG_VERDICT = 7
    CGROUP_INET4_BIND = 8
    CGROUP_INET6_BIND = 9
    CGROUP_INET4_CONNECT = 10
    CGROUP_INET6_CONNECT = 11
    CGROUP_UDP4_SENDMSG = 14
    CGROUP_UDP6_SENDMSG = 15
    FLOW_DISSECTOR = 17
    CGROUP_UDP4_RECVMSG = 19
    CGROUP_UDP6_RECVMSG = 20
    SK_LOOKUP = 36
    XDP = 37
    TCX_INGRESS = 46
    TCX_EGRESS = 47


class LinkType(IntEnum):
    """enum bpf_link_type, the part this loader makes or reads."""

    CGROUP = 3
    NETNS = 5
    XDP = 6
    TCX = 11


# Loaded with hook 0 whatever their section says, as libbpf does: tail calls between programs that were loaded for different
# hooks are refused by newer kernels, and one classifier may serve both directions.
LOADED_WITHOUT_HOOK = frozenset({ProgramType.SCHED_CLS, ProgramType.SCHED_ACT})

P, A = ProgramType, AttachType

# section name -> what a program in it is (libbpf's conventions, Documentation/bpf/libbpf/program_types.rst)
SECTIONS: dict[str, tuple[ProgramType, AttachType]] = {
    "tc": (P.SCHED_CLS, A.NONE),
    "classifier": (P.SCHED_CLS, A.NONE),
    "tc/ingress": (P.SCHED_CLS, A.TCX_INGRESS),
    "tc/egress": (P.SCHED_CLS, A.TCX_EGRESS),
    "tcx/ingress": (P.SCHED_CLS, A.TCX_INGRESS),
    "tcx/egress": (P.SCHED_CLS, A.TCX_EGRESS),
    "action": (P.SCHED_ACT, A.NONE),
    "xdp": (P.XDP, A.XDP),
    "socket": (P.SOCKET_FILTER, A.NONE),
    "sockops": (P.SOCK_OPS, A.CGROUP_SOCK_OPS),
    "sk_msg": (P.SK_MSG, A.SK_MSG_VERDICT),
    "sk_skb": (P.SK_SKB, A.NONE),
    "sk_skb/stream_parser": (P.SK_SKB, A.SK_SKB_STREAM_PARSER),
    "sk_skb/stream_verdict": (P.SK_SKB, A.SK_SKB_STREAM_VERDICT),
    "sk_lookup": (P.SK_LOOKUP, A.SK_LOOKUP),
    "flow_dissector": (P.FLOW_DISSECTOR, A.FLOW_DISSECTOR),
    "lwt_in": (P.LWT_IN, A.NONE),
    "lwt_out": (P.LWT_OUT, A.NONE),
    "lwt_xmit": (P.LWT_XMIT, A.NONE),
    "cgroup_skb/ingress": (P.CGROUP_SKB, A.NONE),
    "cgroup_skb/egress": (P.CGROUP_SKB, A.CGROUP_INET_EGRESS),
    "cgroup/skb": (P.CGROUP_SKB, A.NONE),
    "cgroup/sock_create": (P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE),
    "cgroup/dev": (P.CGROUP_DEVICE, A.CGROUP_DEVICE),
    "cgroup/bind4": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_BIND),
    "cgroup/bind6": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_BIND),
    "cgroup/connect4": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_CONNECT),
    "cgroup/connect6": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_CONNECT),
    "cgroup/sendmsg4": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_SENDMSG),
    "cgroup/sendmsg6": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_SENDMSG),
    "cgroup/recvmsg4": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_RECVMSG),
    "cgroup/recvmsg6": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_RECVMSG),
    "syscall": (P.SYSCALL, A.NONE),
}
