"""Kinds of programs: what an ELF section name says of the program in it. Tables.

Section names are libbpf's (section_defs in tools/lib/bpf/libbpf.c); a name that ends in `+` stands for itself and
for itself followed by `/` and the place to attach to. Numbers are those of include/uapi/linux/bpf.h, ranges of results
those of check_return_code in kernel/bpf/verifier.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ProgramType(IntEnum):
    """enum bpf_prog_type: the types that this language has contexts for."""

    SOCKET_FILTER = 1
    KPROBE = 2
    SCHED_CLS = 3
    TRACEPOINT = 5
    XDP = 6
    PERF_EVENT = 7
    CGROUP_SKB = 8
    CGROUP_SOCK = 9
    SOCK_OPS = 13
    SK_SKB = 14
    SK_MSG = 16
    RAW_TRACEPOINT = 17
    CGROUP_SOCK_ADDR = 18
    SK_LOOKUP = 30


class AttachType(IntEnum):
    """enum bpf_attach_type: the hooks of these types, and NONE for a section that names none, which the kernel's 0 does not
    tell from the ingress of a cgroup.
    """

    NONE = -1
    CGROUP_INET_INGRESS = 0
    CGROUP_INET_EGRESS = 1
    CGROUP_INET_SOCK_CREATE = 2
    CGROUP_SOCK_OPS = 3
    SK_SKB_STREAM_PARSER = 4
    SK_SKB_STREAM_VERDICT = 5
    SK_MSG_VERDICT = 7
    CGROUP_INET4_BIND = 8
    CGROUP_INET6_BIND = 9
    CGROUP_INET4_CONNECT = 10
    CGROUP_INET6_CONNECT = 11
    CGROUP_INET4_POST_BIND = 12
    CGROUP_INET6_POST_BIND = 13
    CGROUP_UDP4_SENDMSG = 14
    CGROUP_UDP6_SENDMSG = 15
    CGROUP_UDP4_RECVMSG = 19
    CGROUP_UDP6_RECVMSG = 20
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


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a type of program, whatever its section: the first kernel that has it."""

    since: str


@dataclass(frozen=True, slots=True)
class Section:
    """What the name of a section says of its programs: their type, their hook, the first kernel that has it.

    `returns` is the lowest and the highest number they may return, None for any.
    """

    type: ProgramType
    hook: AttachType
    since: str
    returns: tuple[int, int] | None = None

    @property
    def expected_attach_type(self) -> int:
        """The hook as BPF_PROG_LOAD takes it: 0 for none."""
        return max(self.hook, 0)


def row_of(section: str) -> str | None:
    """The row of SECTIONS that a section belongs to, None when no program goes there. A leading `?` (not loaded by itself) is no part of it."""
    name = section.removeprefix("?")
    prefix, _, place = name.partition("/")
    rows = (name, f"{name}+", f"{prefix}+" if place else "")
    return None if name.endswith("+") else next((row for row in rows if row in SECTIONS), None)


def section_of(section: str) -> Section | None:
    """What is known of a section, None when no program goes there."""
    row = row_of(section)
    return None if row is None else SECTIONS[row]


def program_type(section: str) -> ProgramType | None:
    """The type of the programs in a section, None for a name that has none."""
    found = section_of(section)
    return None if found is None else found.type


def returns_of(section: str) -> tuple[int, int] | None:
    """The lowest and the highest number that a program in this section may return, None for any. KeyError for an unknown section."""
    found = section_of(section)
    if found is None:
        raise KeyError(section)
    return found.returns


P, A = ProgramType, AttachType

KINDS: dict[ProgramType, Kind] = {
    P.SOCKET_FILTER: Kind("3.19"),
    P.KPROBE: Kind("4.1"),
    P.SCHED_CLS: Kind("4.1"),
    P.TRACEPOINT: Kind("4.7"),
    P.XDP: Kind("4.8"),
    P.PERF_EVENT: Kind("4.9"),
    P.CGROUP_SKB: Kind("4.10"),
    P.CGROUP_SOCK: Kind("4.10"),
    P.SOCK_OPS: Kind("4.13"),
    P.SK_SKB: Kind("4.14"),
    P.SK_MSG: Kind("4.17"),
    P.RAW_TRACEPOINT: Kind("4.17"),
    P.CGROUP_SOCK_ADDR: Kind("4.17"),
    P.SK_LOOKUP: Kind("5.9"),
}

_DROP_OR_PASS = (0, 1)

SECTIONS: dict[str, Section] = {
    "socket": Section(P.SOCKET_FILTER, A.NONE, "3.19"),
    "kprobe+": Section(P.KPROBE, A.NONE, "4.1"),
    "kretprobe+": Section(P.KPROBE, A.NONE, "4.1"),
    "ksyscall+": Section(P.KPROBE, A.NONE, "4.1"),
    "kretsyscall+": Section(P.KPROBE, A.NONE, "4.1"),
    "kprobe.multi+": Section(P.KPROBE, A.TRACE_KPROBE_MULTI, "5.18"),
    "kretprobe.multi+": Section(P.KPROBE, A.TRACE_KPROBE_MULTI, "5.18"),
    "kprobe.session+": Section(P.KPROBE, A.TRACE_KPROBE_SESSION, "6.10", (0, 1)),
    "uprobe+": Section(P.KPROBE, A.NONE, "4.1"),
    "uretprobe+": Section(P.KPROBE, A.NONE, "4.1"),
    "uprobe.s+": Section(P.KPROBE, A.NONE, "6.0"),
    "uretprobe.s+": Section(P.KPROBE, A.NONE, "6.0"),
    "uprobe.multi+": Section(P.KPROBE, A.TRACE_UPROBE_MULTI, "6.6"),
    "uretprobe.multi+": Section(P.KPROBE, A.TRACE_UPROBE_MULTI, "6.6"),
    "uprobe.multi.s+": Section(P.KPROBE, A.TRACE_UPROBE_MULTI, "6.6"),
    "uretprobe.multi.s+": Section(P.KPROBE, A.TRACE_UPROBE_MULTI, "6.6"),
    "uprobe.session+": Section(P.KPROBE, A.TRACE_UPROBE_SESSION, "6.13", (0, 1)),
    "uprobe.session.s+": Section(P.KPROBE, A.TRACE_UPROBE_SESSION, "6.13", (0, 1)),
    "usdt+": Section(P.KPROBE, A.NONE, "4.1"),
    "usdt.s+": Section(P.KPROBE, A.NONE, "6.0"),
    "tc": Section(P.SCHED_CLS, A.NONE, "4.1"),
    "classifier": Section(P.SCHED_CLS, A.NONE, "4.1"),
    "tc/ingress": Section(P.SCHED_CLS, A.TCX_INGRESS, "6.6"),
    "tc/egress": Section(P.SCHED_CLS, A.TCX_EGRESS, "6.6"),
    "tcx/ingress": Section(P.SCHED_CLS, A.TCX_INGRESS, "6.6"),
    "tcx/egress": Section(P.SCHED_CLS, A.TCX_EGRESS, "6.6"),
    "netkit/primary": Section(P.SCHED_CLS, A.NETKIT_PRIMARY, "6.7"),
    "netkit/peer": Section(P.SCHED_CLS, A.NETKIT_PEER, "6.7"),
    "tracepoint+": Section(P.TRACEPOINT, A.NONE, "4.7"),
    "tp+": Section(P.TRACEPOINT, A.NONE, "4.7"),
    "raw_tracepoint+": Section(P.RAW_TRACEPOINT, A.NONE, "4.17"),
    "raw_tp+": Section(P.RAW_TRACEPOINT, A.NONE, "4.17"),
    "xdp": Section(P.XDP, A.XDP, "4.8"),
    "xdp/devmap": Section(P.XDP, A.XDP_DEVMAP, "5.8"),
    "xdp/cpumap": Section(P.XDP, A.XDP_CPUMAP, "5.9"),
    "xdp.frags": Section(P.XDP, A.XDP, "5.18"),
    "xdp.frags/devmap": Section(P.XDP, A.XDP_DEVMAP, "5.18"),
    "xdp.frags/cpumap": Section(P.XDP, A.XDP_CPUMAP, "5.18"),
    "perf_event": Section(P.PERF_EVENT, A.PERF_EVENT, "4.9"),
    "cgroup_skb/ingress": Section(P.CGROUP_SKB, A.CGROUP_INET_INGRESS, "4.10", _DROP_OR_PASS),
    "cgroup_skb/egress": Section(P.CGROUP_SKB, A.CGROUP_INET_EGRESS, "4.10", (0, 3)),
    "cgroup/skb": Section(P.CGROUP_SKB, A.NONE, "4.10", _DROP_OR_PASS),
    "cgroup/sock": Section(P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE, "4.10", _DROP_OR_PASS),
    "cgroup/sock_create": Section(P.CGROUP_SOCK, A.CGROUP_INET_SOCK_CREATE, "4.10", _DROP_OR_PASS),
    "cgroup/sock_release": Section(P.CGROUP_SOCK, A.CGROUP_INET_SOCK_RELEASE, "5.9", _DROP_OR_PASS),
    "cgroup/post_bind4": Section(P.CGROUP_SOCK, A.CGROUP_INET4_POST_BIND, "4.17", _DROP_OR_PASS),
    "cgroup/post_bind6": Section(P.CGROUP_SOCK, A.CGROUP_INET6_POST_BIND, "4.17", _DROP_OR_PASS),
    "cgroup/bind4": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_BIND, "4.17", (0, 3)),
    "cgroup/bind6": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_BIND, "4.17", (0, 3)),
    "cgroup/connect4": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_CONNECT, "4.17", _DROP_OR_PASS),
    "cgroup/connect6": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_CONNECT, "4.17", _DROP_OR_PASS),
    "cgroup/connect_unix": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_CONNECT, "6.7", _DROP_OR_PASS),
    "cgroup/sendmsg4": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_SENDMSG, "4.18", _DROP_OR_PASS),
    "cgroup/sendmsg6": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_SENDMSG, "4.18", _DROP_OR_PASS),
    "cgroup/sendmsg_unix": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_SENDMSG, "6.7", _DROP_OR_PASS),
    "cgroup/recvmsg4": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UDP4_RECVMSG, "5.2", (1, 1)),
    "cgroup/recvmsg6": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UDP6_RECVMSG, "5.2", (1, 1)),
    "cgroup/recvmsg_unix": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_RECVMSG, "6.7", (1, 1)),
    "cgroup/getpeername4": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETPEERNAME, "5.8", (1, 1)),
    "cgroup/getpeername6": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETPEERNAME, "5.8", (1, 1)),
    "cgroup/getpeername_unix": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETPEERNAME, "6.7", (1, 1)),
    "cgroup/getsockname4": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET4_GETSOCKNAME, "5.8", (1, 1)),
    "cgroup/getsockname6": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_INET6_GETSOCKNAME, "5.8", (1, 1)),
    "cgroup/getsockname_unix": Section(P.CGROUP_SOCK_ADDR, A.CGROUP_UNIX_GETSOCKNAME, "6.7", (1, 1)),
    "sockops": Section(P.SOCK_OPS, A.CGROUP_SOCK_OPS, "4.13", (0, 1)),
    "sk_skb": Section(P.SK_SKB, A.NONE, "4.14"),
    "sk_skb/stream_parser": Section(P.SK_SKB, A.SK_SKB_STREAM_PARSER, "4.14"),
    "sk_skb/stream_verdict": Section(P.SK_SKB, A.SK_SKB_STREAM_VERDICT, "4.14"),
    "sk_skb/verdict": Section(P.SK_SKB, A.SK_SKB_VERDICT, "5.13"),
    "sk_msg": Section(P.SK_MSG, A.SK_MSG_VERDICT, "4.17"),
    "sk_lookup": Section(P.SK_LOOKUP, A.SK_LOOKUP, "5.9", _DROP_OR_PASS),
}
