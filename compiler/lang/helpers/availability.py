"""Which helper may be called from which type of program: the answer of a 6.18 kernel, by number of enum bpf_func_id.

Facts only. The source is each type's get_func_proto (kernel/bpf/helpers.c, kernel/trace/bpf_trace.c, net/core/filter.c,
kernel/bpf/cgroup.c); a kernel test asks the running kernel and compares. `since` of a helper says when it came into
being: for some types of program it was allowed only later, which is not recorded here. What the verifier refuses
for every program of a type, whatever the arguments, is not available to it (check_get_func_ip).
"""

from __future__ import annotations

from pybpf.compiler.lang.kinds import ProgramType, program_type, row_of

# bpf_base_func_proto, and what perf and cgroup code give to all
_EVERYWHERE = frozenset({
    1, 2, 3, 5, 6, 7, 8, 12, 14, 15, 16, 17, 22, 25, 35, 37, 42, 55, 80, 87, 88, 89, 93, 94, 105, 106, 109, 112, 113, 114, 115, 117, 118,
    120, 123, 125, 130, 131, 132, 133, 134, 141, 148, 149, 153, 154, 156, 157, 158, 164, 165, 169, 170, 171, 172, 175, 176, 177, 180, 181,
    182, 191, 194, 195, 197, 198, 199, 200, 201, 202, 203, 208, 209, 210, 211,
})  # fmt: skip
_TRACING = _EVERYWHERE | {4, 27, 45, 67, 174}
_NETWORK = _EVERYWHERE | {160}
_CASTS = frozenset({136, 137, 138, 139, 140, 178, 196})  # bpf_skc_to_*
_LOOKUPS = frozenset({84, 85, 86, 99})
_RAW_COOKIES = frozenset({204, 205, 206, 207})

AVAILABLE: dict[ProgramType, frozenset[int]] = {
    ProgramType.SOCKET_FILTER: _NETWORK | _CASTS | {26, 46, 47, 68, 122},
    ProgramType.KPROBE: _TRACING | {173},
    ProgramType.SCHED_CLS: _NETWORK | _CASTS | _LOOKUPS | _RAW_COOKIES | {
        9, 10, 11, 13, 18, 19, 20, 21, 23, 24, 26, 28, 29, 30, 31, 32, 33, 34, 38, 39, 40, 41, 43, 46, 47, 48, 50, 66, 68, 69, 79, 83,
        95, 96, 97, 98, 100, 107, 108, 110, 122, 124, 135, 151, 152, 155, 163, 192,
    },
    ProgramType.TRACEPOINT: _TRACING,
    ProgramType.XDP: _NETWORK | _CASTS | _LOOKUPS | _RAW_COOKIES | {23, 28, 44, 51, 54, 65, 69, 100, 110, 163, 188, 189, 190},
    ProgramType.PERF_EVENT: _TRACING | {56, 119},
    ProgramType.CGROUP_SKB: _NETWORK | _CASTS | _LOOKUPS | {26, 46, 47, 68, 79, 81, 83, 95, 96, 97, 98, 107, 108, 122, 128, 129},
    ProgramType.CGROUP_SOCK: _NETWORK | {46, 81, 107, 122, 186, 187},
    ProgramType.SOCK_OPS: _NETWORK | _CASTS | {46, 49, 53, 57, 59, 70, 81, 96, 107, 108, 122, 142, 143, 144},
    ProgramType.SK_SKB: _NETWORK | _CASTS | _LOOKUPS | {9, 26, 38, 39, 43, 46, 47, 50, 52, 72},
    ProgramType.SK_MSG: _NETWORK | _CASTS | {60, 61, 62, 63, 71, 90, 91, 107, 108, 122},
    ProgramType.RAW_TRACEPOINT: _TRACING,
    ProgramType.CGROUP_SOCK_ADDR: _NETWORK | _CASTS | _LOOKUPS | {46, 49, 57, 64, 81, 107, 108, 122, 186, 187},
    ProgramType.SK_LOOKUP: _NETWORK | _CASTS | {86, 124},
}  # fmt: skip

# What a kernel may have or not, and what it takes: not in the table above.
CONFIGURED: dict[int, tuple[frozenset[ProgramType], str]] = {
    36: (
        frozenset({ProgramType.KPROBE, ProgramType.TRACEPOINT, ProgramType.PERF_EVENT, ProgramType.RAW_TRACEPOINT}),
        "a kernel that is not locked down (LOCKDOWN_BPF_WRITE_USER)",
    ),
    58: (frozenset({ProgramType.KPROBE}), "CONFIG_BPF_KPROBE_OVERRIDE"),
}

# `gpl_only` of struct bpf_func_proto: only for programs under a licence of GPL_COMPATIBLE. get_stackid (27) is not for perf events
# alone; probe_write_user (36) and override_return (58), which a kernel may not have, are so by kernel/trace/bpf_trace.c.
GPL_ONLY: frozenset[int] = frozenset({
    4, 6, 22, 25, 27, 35, 36, 45, 55, 56, 58, 67, 69, 100, 110, 112, 113, 114, 115, 119, 158, 163, 165, 169, 170, 171, 172, 173, 175,
    176, 177, 191, 204, 205, 206, 207,
})  # fmt: skip

# license_is_gpl_compatible (include/linux/license.h)
GPL_COMPATIBLE: frozenset[str] = frozenset({"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"})

# Helpers of a type that programs in one section of it may not call (the attach type decides).
_BIND = frozenset({64})
_BIND_AND_RESULT = frozenset({64, 186, 187})
_BUT: dict[str, frozenset[int]] = {
    **{f"cgroup/{hook}{family}": _BIND for hook, families in (("bind", "46"), ("sendmsg", "46")) for family in families},
    **{f"cgroup/{hook}{family}": _BIND_AND_RESULT for hook in ("recvmsg", "getpeername", "getsockname") for family in "46"},
    **{f"cgroup/{hook}_unix": _BIND for hook in ("connect", "sendmsg")},
    **{f"cgroup/{hook}_unix": _BIND_AND_RESULT for hook in ("recvmsg", "getpeername", "getsockname")},
}

# Numbers without a row of their own here: where the language has them, or why it does not.
ELSEWHERE: dict[int, str] = {
    1: "a method of maps: lookup",
    2: "a method of maps: update",
    3: "a method of maps: delete",
    6: "printk",
    12: "a method of maps: ProgramArray.tail_call",
    22: "no: PerfEventArray.read (55) tells an error from a count, this one does not",
    25: "a method of maps: PerfEventArray.output",
    27: "no: needs a declaration of stack trace maps; get_stack has the same frames",
    33: "a method of maps: CgroupArray.contains_packet",
    37: "a method of maps: CgroupArray.contains_current_task",
    51: "a method of maps: redirect",
    52: "a method of maps: SocketMap.redirect_packet",
    53: "a method of maps: SocketMap.update",
    55: "a method of maps: PerfEventArray.read",
    60: "a method of maps: SocketMap.redirect_message",
    70: "a method of maps: SocketHash.update",
    71: "a method of maps: SocketHash.redirect_message",
    72: "a method of maps: SocketHash.redirect_packet",
    81: "no: cgroup_storage maps are superseded by CgroupStorage",
    87: "a method of maps: push, add",
    88: "a method of maps: pop",
    89: "a method of maps: peek, contains",
    93: "with entry.lock",
    94: "with entry.lock",
    107: "a method of maps: SocketStorage.get",
    108: "a method of maps: SocketStorage.delete",
    130: "a method of maps: RingBuffer.output",
    131: "a method of maps: RingBuffer.reserve",
    132: "a method of maps: RingBuffer.submit",
    133: "a method of maps: RingBuffer.discard",
    134: "a method of maps: RingBuffer.query",
    149: "no: its argument names a type of the kernel's BTF",
    153: "no: takes the address of a per-CPU variable of the kernel",
    154: "no: takes the address of a per-CPU variable of the kernel",
    156: "a method of maps: TaskStorage.get",
    157: "a method of maps: TaskStorage.delete",
    164: "a method of maps: for_each",
    165: "no: its format must be a constant string in a map",
    169: "a method of Timer: init",
    170: "a method of Timer: set_callback",
    171: "a method of Timer: start",
    172: "a method of Timer: cancel",
    177: "printk",
    180: "no: calls back with an object of the kernel",
    181: "repeat",
    194: "no: needs pointers to objects of the kernel in map values",
    195: "a method of maps: lookup of another CPU's value",
    197: "no: needs dynptrs",
    198: "no: needs dynptrs",
    199: "no: needs dynptrs",
    200: "no: needs dynptrs",
    201: "no: needs dynptrs",
    202: "no: needs dynptrs",
    203: "no: needs dynptrs",
    209: "no: calls back with a dynptr",
    210: "a method of maps: CgroupStorage.get",
    211: "a method of maps: CgroupStorage.delete",
}


def callable_from(section: str) -> frozenset[int]:
    """The numbers of the helpers that a program in an ELF section may call, those of CONFIGURED among them; none for an unknown section."""
    kind = program_type(section)
    if kind is None:
        return frozenset()
    configured = {number for number, (kinds, _) in CONFIGURED.items() if kind in kinds}
    return (AVAILABLE[kind] | configured) - _BUT.get(row_of(section) or "", frozenset())
