"""The kernel's numbers for kinds of maps, programs and hooks (include/uapi/linux/bpf.h), as enums. Facts only."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Command(IntEnum):
    """enum bpf_cmd, the commands used here."""

    BPF_MAP_CREATE = 0
    BPF_MAP_LOOKUP_ELEM = 1
    BPF_MAP_UPDATE_ELEM = 2
    BPF_MAP_DELETE_ELEM = 3
    BPF_MAP_GET_NEXT_KEY = 4
    BPF_PROG_LOAD = 5
    BPF_OBJ_PIN = 6
    BPF_OBJ_GET = 7
    BPF_PROG_ATTACH = 8
    BPF_PROG_DETACH = 9
    BPF_PROG_TEST_RUN = 10
    BPF_PROG_GET_NEXT_ID = 11
    BPF_MAP_GET_NEXT_ID = 12
    BPF_PROG_GET_FD_BY_ID = 13
    BPF_MAP_GET_FD_BY_ID = 14
    BPF_OBJ_GET_INFO_BY_FD = 15
    BPF_PROG_QUERY = 16
    BPF_RAW_TRACEPOINT_OPEN = 17
    BPF_BTF_LOAD = 18
    BPF_MAP_LOOKUP_AND_DELETE_ELEM = 21
    BPF_MAP_FREEZE = 22
    BPF_MAP_LOOKUP_BATCH = 24
    BPF_LINK_CREATE = 28
    BPF_LINK_UPDATE = 29
    BPF_LINK_GET_FD_BY_ID = 30
    BPF_LINK_GET_NEXT_ID = 31
    BPF_LINK_DETACH = 34


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
HOLDS_FILES = frozenset({
    MapType.SOCKMAP, MapType.SOCKHASH, MapType.REUSEPORT_SOCKARRAY, MapType.XSKMAP, MapType.CGROUP_ARRAY, MapType.PERF_EVENT_ARRAY,
})  # fmt: skip
# what is asked by a file descriptor: of a socket, an inode's file, a process (pidfd), a cgroup's folder
KEYED_BY_FILES = frozenset({MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.TASK_STORAGE, MapType.CGRP_STORAGE})

# what has no keys: values go in and come out
KEYLESS = frozenset({MapType.QUEUE, MapType.STACK, MapType.BLOOM_FILTER})


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
    """enum bpf_attach_type, and NONE for a program whose section names no hook. BPF_PROG_LOAD takes 0 for that, which is also ingress
    of a cgroup: kept apart here, so that a program that was told neither direction is not taken for one that filters one.
    """

    NONE = -1
    CGROUP_INET_INGRESS = 0
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
    CGROUP_INET4_POST_BIND = 12
    CGROUP_INET6_POST_BIND = 13
    CGROUP_UDP4_SENDMSG = 14
    CGROUP_UDP6_SENDMSG = 15
    FLOW_DISSECTOR = 17
    CGROUP_SYSCTL = 18
    CGROUP_UDP4_RECVMSG = 19
    CGROUP_UDP6_RECVMSG = 20
    CGROUP_GETSOCKOPT = 21
    CGROUP_SETSOCKOPT = 22
    CGROUP_INET4_GETPEERNAME = 29
    CGROUP_INET6_GETPEERNAME = 30
    CGROUP_INET4_GETSOCKNAME = 31
    CGROUP_INET6_GETSOCKNAME = 32
    XDP_DEVMAP = 33
    CGROUP_INET_SOCK_RELEASE = 34
    XDP_CPUMAP = 35
    SK_LOOKUP = 36
    XDP = 37
    SK_SKB_VERDICT = 38
    SK_REUSEPORT_SELECT = 39
    SK_REUSEPORT_SELECT_OR_MIGRATE = 40
    PERF_EVENT = 41
    TRACE_KPROBE_MULTI = 42
    TCX_INGRESS = 46
    TCX_EGRESS = 47
    TRACE_UPROBE_MULTI = 48
    CGROUP_UNIX_CONNECT = 49
    CGROUP_UNIX_SENDMSG = 50
    CGROUP_UNIX_RECVMSG = 51
    CGROUP_UNIX_GETPEERNAME = 52
    CGROUP_UNIX_GETSOCKNAME = 53
    NETKIT_PRIMARY = 54
    NETKIT_PEER = 55
    TRACE_KPROBE_SESSION = 56
    TRACE_UPROBE_SESSION = 57


class LoadFlag(IntFlag):
    """Flags of BPF_PROG_LOAD that a section stands for (BPF_F_...)."""

    NONE = 0
    SLEEPABLE = 1 << 4
    XDP_HAS_FRAGS = 1 << 5


class LinkType(IntEnum):
    """enum bpf_link_type."""

    RAW_TRACEPOINT = 1
    TRACING = 2
    CGROUP = 3
    ITER = 4
    NETNS = 5
    XDP = 6
    PERF_EVENT = 7
    KPROBE_MULTI = 8
    STRUCT_OPS = 9
    NETFILTER = 10
    TCX = 11
    UPROBE_MULTI = 12
    NETKIT = 13
    SOCKMAP = 14


# Loaded with hook 0 whatever their section says, as libbpf does: tail calls between programs that were loaded for different
# hooks are refused by newer kernels, and one classifier may serve both directions.
LOADED_WITHOUT_HOOK = frozenset({ProgramType.SCHED_CLS, ProgramType.SCHED_ACT})

P, A = ProgramType, AttachType

# the hooks of cgroups, and the one type of program that each takes (attach_type_to_prog_type, kernel/bpf/syscall.c)
CGROUP_HOOKS: dict[AttachType, ProgramType] = {
    A.CGROUP_INET_INGRESS: P.CGROUP_SKB,
    A.CGROUP_INET_EGRESS: P.CGROUP_SKB,
    A.CGROUP_INET_SOCK_CREATE: P.CGROUP_SOCK,
    A.CGROUP_INET_SOCK_RELEASE: P.CGROUP_SOCK,
    A.CGROUP_INET4_POST_BIND: P.CGROUP_SOCK,
    A.CGROUP_INET6_POST_BIND: P.CGROUP_SOCK,
    A.CGROUP_INET4_BIND: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET6_BIND: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET4_CONNECT: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET6_CONNECT: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UDP4_SENDMSG: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UDP6_SENDMSG: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UDP4_RECVMSG: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UDP6_RECVMSG: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET4_GETPEERNAME: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET6_GETPEERNAME: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET4_GETSOCKNAME: P.CGROUP_SOCK_ADDR,
    A.CGROUP_INET6_GETSOCKNAME: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UNIX_CONNECT: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UNIX_SENDMSG: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UNIX_RECVMSG: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UNIX_GETPEERNAME: P.CGROUP_SOCK_ADDR,
    A.CGROUP_UNIX_GETSOCKNAME: P.CGROUP_SOCK_ADDR,
    A.CGROUP_SOCK_OPS: P.SOCK_OPS,
    A.CGROUP_DEVICE: P.CGROUP_DEVICE,
    A.CGROUP_SYSCTL: P.CGROUP_SYSCTL,
    A.CGROUP_GETSOCKOPT: P.CGROUP_SOCKOPT,
    A.CGROUP_SETSOCKOPT: P.CGROUP_SOCKOPT,
}

# likewise for maps of sockets (sock_map_prog_lookup, net/core/sock_map.c)
SOCKET_MAP_HOOKS: dict[AttachType, ProgramType] = {
    A.SK_SKB_STREAM_PARSER: P.SK_SKB,
    A.SK_SKB_STREAM_VERDICT: P.SK_SKB,
    A.SK_SKB_VERDICT: P.SK_SKB,
    A.SK_MSG_VERDICT: P.SK_MSG,
}

# section name -> what a program in it is (libbpf's conventions, Documentation/bpf/libbpf/program_types.rst)
SECTIONS: dict[str, tuple[ProgramType, AttachType]] = {
    "tc": (P.SCHED_CLS, A.NONE),
    "classifier": (P.SCHED_CLS, A.NONE),
    "tc/ingress": (P.SCHED_CLS, A.TCX_INGRESS),
    "tc/egress": (P.SCHED_CLS, A.TCX_EGRESS),
    "tcx/ingress": (P.SCHED_CLS, A.TCX_INGRESS),
    "tcx/egress": (P.SCHED_CLS, A.TCX_EGRESS),
    "netkit/primary": (P.SCHED_CLS, A.NETKIT_PRIMARY),
    "netkit/peer": (P.SCHED_CLS, A.NETKIT_PEER),
    "action": (P.SCHED_ACT, A.NONE),
    "xdp": (P.XDP, A.XDP),
    "xdp/devmap": (P.XDP, A.XDP_DEVMAP),
    "xdp/cpumap": (P.XDP, A.XDP_CPUMAP),
    "xdp.frags": (P.XDP, A.XDP),
    "xdp.frags/devmap": (P.XDP, A.XDP_DEVMAP),
    "xdp.frags/cpumap": (P.XDP, A.XDP_CPUMAP),
    "socket": (P.SOCKET_FILTER, A.NONE),
    "sockops": (P.SOCK_OPS, A.CGROUP_SOCK_OPS),
    "sk_msg": (P.SK_MSG, A.SK_MSG_VERDICT),
    "sk_skb": (P.SK_SKB, A.NONE),
    "sk_skb/stream_parser": (P.SK_SKB, A.SK_SKB_STREAM_PARSER),
    "sk_skb/stream_verdict": (P.SK_SKB, A.SK_SKB_STREAM_VERDICT),
    "sk_skb/verdict": (P.SK_SKB, A.SK_SKB_VERDICT),
    "sk_reuseport": (P.SK_REUSEPORT, A.SK_REUSEPORT_SELECT),
    "sk_reuseport/migrate": (P.SK_REUSEPORT, A.SK_REUSEPORT_SELECT_OR_MIGRATE),
    "sk_lookup": (P.SK_LOOKUP, A.SK_LOOKUP),
    "flow_dissector": (P.FLOW_DISSECTOR, A.FLOW_DISSECTOR),
    "lwt_in": (P.LWT_IN, A.NONE),
    "lwt_out": (P.LWT_OUT, A.NONE),
    "lwt_xmit": (P.LWT_XMIT, A.NONE),
    "cgroup_skb/ingress": (P.CGROUP_SKB, A.CGROUP_INET_INGRESS),
    "cgroup_skb/egress": (P.CGROUP_SKB, A.CGROUP_INET_EGRESS),
    "cgroup/skb": (P.CGROUP_SKB, A.NONE),
    "cgroup/sock": (P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE),
    "cgroup/sock_create": (P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE),
    "cgroup/sock_release": (P.CGROUP_SOCK, A.CGROUP_INET_SOCK_RELEASE),
    "cgroup/post_bind4": (P.CGROUP_SOCK, A.CGROUP_INET4_POST_BIND),
    "cgroup/post_bind6": (P.CGROUP_SOCK, A.CGROUP_INET6_POST_BIND),
    "cgroup/dev": (P.CGROUP_DEVICE, A.CGROUP_DEVICE),
    "cgroup/bind4": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_BIND),
    "cgroup/bind6": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_BIND),
    "cgroup/connect4": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_CONNECT),
    "cgroup/connect6": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_CONNECT),
    "cgroup/sendmsg4": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_SENDMSG),
    "cgroup/sendmsg6": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_SENDMSG),
    "cgroup/recvmsg4": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_RECVMSG),
    "cgroup/recvmsg6": (P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_RECVMSG),
    "cgroup/getpeername4": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETPEERNAME),
    "cgroup/getpeername6": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETPEERNAME),
    "cgroup/getsockname4": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETSOCKNAME),
    "cgroup/getsockname6": (P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETSOCKNAME),
    "cgroup/connect_unix": (P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_CONNECT),
    "cgroup/sendmsg_unix": (P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_SENDMSG),
    "cgroup/recvmsg_unix": (P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_RECVMSG),
    "cgroup/getpeername_unix": (P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETPEERNAME),
    "cgroup/getsockname_unix": (P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETSOCKNAME),
    "cgroup/sysctl": (P.CGROUP_SYSCTL, A.CGROUP_SYSCTL),
    "cgroup/getsockopt": (P.CGROUP_SOCKOPT, A.CGROUP_GETSOCKOPT),
    "cgroup/setsockopt": (P.CGROUP_SOCKOPT, A.CGROUP_SETSOCKOPT),
    "perf_event": (P.PERF_EVENT, A.PERF_EVENT),
    "syscall": (P.SYSCALL, A.NONE),
}

# likewise for sections that may go on with '/' and the place to attach to, as in "tracepoint/sched/sched_process_exec"
SECTIONS_WITH_PLACE: dict[str, tuple[ProgramType, AttachType]] = {
    "kprobe": (P.KPROBE, A.NONE),
    "kretprobe": (P.KPROBE, A.NONE),
    "uprobe": (P.KPROBE, A.NONE),
    "uretprobe": (P.KPROBE, A.NONE),
    "uprobe.s": (P.KPROBE, A.NONE),
    "uretprobe.s": (P.KPROBE, A.NONE),
    "ksyscall": (P.KPROBE, A.NONE),
    "kretsyscall": (P.KPROBE, A.NONE),
    "kprobe.multi": (P.KPROBE, A.TRACE_KPROBE_MULTI),
    "kretprobe.multi": (P.KPROBE, A.TRACE_KPROBE_MULTI),
    "kprobe.session": (P.KPROBE, A.TRACE_KPROBE_SESSION),
    "uprobe.multi": (P.KPROBE, A.TRACE_UPROBE_MULTI),
    "uretprobe.multi": (P.KPROBE, A.TRACE_UPROBE_MULTI),
    "uprobe.multi.s": (P.KPROBE, A.TRACE_UPROBE_MULTI),
    "uretprobe.multi.s": (P.KPROBE, A.TRACE_UPROBE_MULTI),
    "uprobe.session": (P.KPROBE, A.TRACE_UPROBE_SESSION),
    "uprobe.session.s": (P.KPROBE, A.TRACE_UPROBE_SESSION),
    "usdt": (P.KPROBE, A.NONE),
    "usdt.s": (P.KPROBE, A.NONE),
    "tracepoint": (P.TRACEPOINT, A.NONE),
    "tp": (P.TRACEPOINT, A.NONE),
    "raw_tracepoint": (P.RAW_TRACEPOINT, A.NONE),
    "raw_tp": (P.RAW_TRACEPOINT, A.NONE),
}


_SLEEPABLE = frozenset({"uprobe.s", "uretprobe.s", "uprobe.multi.s", "uretprobe.multi.s", "uprobe.session.s", "usdt.s"})


def section_kind(name: str) -> tuple[ProgramType, AttachType] | None:
    """What a program in the section is, None when the section is not for programs."""
    return SECTIONS.get(name) or SECTIONS_WITH_PLACE.get(name.partition("/")[0])


def load_flags(section: str) -> LoadFlag:
    """What a program in the section is loaded with: for packets in several pieces, or allowed to sleep (SEC_XDP_FRAGS and SEC_SLEEPABLE of libbpf)."""
    name, _, _ = section.partition("/")
    if name == "xdp.frags":
        return LoadFlag.XDP_HAS_FRAGS
    return LoadFlag.SLEEPABLE if name in _SLEEPABLE else LoadFlag.NONE
