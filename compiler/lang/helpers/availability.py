"""Which kernel helpers each type of program may call, as Linux 6.18 has it (the kernel is asked again in tests).

A helper that only some of a type's hooks may call is in the type's set: bpf_bind is for connect hooks only.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang.kinds import ProgramType

COMMON: Final = frozenset(  # what all of them may call
    {
        *range(1, 4), *range(5, 9), 12, *range(14, 18), 22, 25, 35, 37, 42, 55, 80, *range(87, 90), 93, 94, 105,
        106, 109, *range(112, 116), 117, 118, 120, 123, 125, *range(130, 135), 141, 148, 149, 153, 154, *range(156,
        159), 164, 165, *range(169, 173), *range(175, 178), *range(180, 183), 191, 194, 195, *range(197, 204),
        *range(208, 212),
    }
)

AVAILABLE: Final[dict[ProgramType, frozenset[int]]] = {
    ProgramType.SOCKET_FILTER: COMMON
    | {
        26, 46, 47, 68, 122, *range(136, 141), 160, 178, 196,
    },
    ProgramType.KPROBE: COMMON
    | {
        4, 27, 45, 67, 173, 174,
    },
    ProgramType.SCHED_CLS: COMMON
    | {
        *range(9, 12), 13, *range(18, 22), 23, 24, 26, *range(28, 35), *range(38, 42), 43, *range(46, 49), 50, 66,
        68, 69, 79, *range(83, 87), *range(95, 101), 107, 108, 110, 122, 124, *range(135, 141), 151, 152, 155, 160,
        163, 178, 192, 196, *range(204, 208),
    },
    ProgramType.TRACEPOINT: COMMON
    | {
        4, 27, 45, 67, 174,
    },
    ProgramType.XDP: COMMON
    | {
        23, 28, 44, 51, 54, 65, 69, *range(84, 87), 99, 100, 110, *range(136, 141), 160, 163, 178, *range(188, 191),
        196, *range(204, 208),
    },
    ProgramType.PERF_EVENT: COMMON
    | {
        4, 27, 45, 56, 67, 119, 174,
    },
    ProgramType.CGROUP_SKB: COMMON
    | {
        26, 46, 47, 68, 79, 81, *range(83, 87), *range(95, 100), 107, 108, 122, 128, 129, *range(136, 141), 160,
        178, 196,
    },
    ProgramType.CGROUP_SOCK: COMMON
    | {
        46, 81, 107, 122, 160, 186, 187,
    },
    ProgramType.SOCK_OPS: COMMON
    | {
        46, 49, 53, 57, 59, 70, 81, 96, 107, 108, 122, *range(136, 141), *range(142, 145), 160, 178, 196,
    },
    ProgramType.SK_SKB: COMMON
    | {
        9, 26, 38, 39, 43, 46, 47, 50, 52, 72, *range(84, 87), 99, *range(136, 141), 160, 178, 196,
    },
    ProgramType.SK_MSG: COMMON
    | {
        *range(60, 64), 71, 90, 91, 107, 108, 122, *range(136, 141), 160, 178, 196,
    },
    ProgramType.RAW_TRACEPOINT: COMMON
    | {
        4, 27, 45, 67, 174,
    },
    ProgramType.CGROUP_SOCK_ADDR: COMMON
    | {
        46, 49, 57, 64, 81, *range(84, 87), 99, 107, 108, 122, *range(136, 141), 160, 178, 186, 187, 196,
    },
    ProgramType.SK_LOOKUP: COMMON
    | {
        86, 124, *range(136, 141), 160, 178, 196,
    },
}

# What the verifier refuses by type although the helper is in the table: locks and timers in programs that may run in
# any context (check_map_prog_compatibility and is_tracing_prog_type in kernel/bpf/verifier.c).
_SPIN_LOCKS, _TIMERS = frozenset({93, 94}), frozenset(range(169, 173))
_TRACING = (ProgramType.KPROBE, ProgramType.TRACEPOINT, ProgramType.PERF_EVENT, ProgramType.RAW_TRACEPOINT)


def may_call(kind: ProgramType, number: int) -> bool:
    """Whether programs of a type may call helper `number`."""
    if kind in _TRACING and number in _SPIN_LOCKS | _TIMERS:
        return False
    return number in AVAILABLE[kind] and not (kind is ProgramType.SOCKET_FILTER and number in _SPIN_LOCKS)
