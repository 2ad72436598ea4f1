"""What this kernel and this process can do: each thing is tried, never concluded from a version number.

Asked only to explain a failure, or by a command that wants to say beforehand what is missing. Nothing is remembered: a probe
costs microseconds, and "not permitted now" is not "not there".
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import syscalls
from .btf import Btf, Kind, Type, emit
from .errors import KernelError
from .kinds import CGROUP_HOOKS, LOADED_WITHOUT_HOOK, AttachType, MapType, ProgramType

# bits of CapEff (include/uapi/linux/capability.h); CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON
_NET_ADMIN, _SYS_ADMIN, _PERFMON, _BPF = 1 << 12, 1 << 21, 1 << 38, 1 << 39
_RETURN_0 = bytes.fromhex("b700000000000000" "9500000000000000")  # r0 = 0; exit
_RETURN_1 = bytes.fromhex("b700000001000000" "9500000000000000")  # what every hook below takes
_NO_SUCH_TARGET = 0x7FFFFFFF  # neither an interface nor an fd

# what a kernel may lack, and where it is to be had
TCX = ("tcx links", "use Linux 6.6 or newer, built with CONFIG_NET_XGRESS")
TRACEPOINTS = ("tracepoints", "use a kernel built with CONFIG_EVENT_TRACING")
PROBES = {
    "uprobe": ("uprobes", "use a kernel built with CONFIG_UPROBE_EVENTS"),
    "kprobe": ("kprobes", "use a kernel built with CONFIG_KPROBE_EVENTS, or a tracepoint"),
}
_CGROUP = ("links to cgroups", "use Linux 5.7 or newer, built with CONFIG_CGROUP_BPF")
_NETNS = ("links to network namespaces", "use Linux 5.9 or newer, built with CONFIG_INET")
_PERF = ("links to perf events", "use Linux 5.15 or newer, built with CONFIG_PERF_EVENTS and CONFIG_BPF_EVENTS")
LINKS: dict[ProgramType, tuple[str, str]] = {
    ProgramType.SCHED_CLS: TCX,
    ProgramType.SK_LOOKUP: _NETNS,
    ProgramType.FLOW_DISSECTOR: _NETNS,
    ProgramType.TRACEPOINT: _PERF,
    ProgramType.KPROBE: _PERF,
    ProgramType.PERF_EVENT: _PERF,
    **dict.fromkeys(CGROUP_HOOKS.values(), _CGROUP),
}


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is not there, and where it is to be had."""

    what: str
    remedy: str


def missing() -> list[Missing]:
    """What enforcement needs and this machine lacks, in the order in which it is to be mended; empty when all is there.

    Without the capabilities the rest cannot be told from here, so it is not.
    """
    first = [Missing(*words) for has, words in ((has_bpf_syscall, SYSCALL), (has_capabilities, CAPABILITIES)) if not has()]
    return first or [Missing(*words) for has, words in _NEEDED if not has()]


def has_capabilities() -> bool:
    """Whether this process may load programs and attach them to interfaces."""
    status = Path("/proc/self/status").read_text()
    held = int(next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    return bool(held & _NET_ADMIN and (held & _SYS_ADMIN or (held & _BPF and held & _PERFMON)))


def has_bpf_syscall() -> bool:
    """Whether bpf(2) is there at all; being refused is an answer too."""
    return _succeeds(lambda: syscalls.map_create(b"probe", MapType.ARRAY, key_size=4, value_size=4, max_entries=1), besides=errno.EPERM)


def has_classifier() -> bool:
    """Whether programs at tc hooks can be loaded."""
    return _succeeds(_load_classifier)


def has_ring_buffer() -> bool:
    """Whether there are ring buffer maps (kernel 5.8)."""
    size = os.sysconf("SC_PAGE_SIZE")
    return _succeeds(lambda: syscalls.map_create(b"probe", MapType.RINGBUF, key_size=0, value_size=0, max_entries=size))


def has_btf() -> bool:
    """Whether the kernel takes types (BTF)."""
    integer = Type(Kind.INT, 1, False, 0, 4, ((32,),))
    return _succeeds(lambda: syscalls.btf_load(emit(Btf((None, integer), b"\0int\0"))))


def has_tcx() -> bool:
    """Whether programs can be attached to tc hooks by links (kernel 6.6)."""
    return has_link(ProgramType.SCHED_CLS, AttachType.TCX_INGRESS)


def has_link(program_type: ProgramType, hook: AttachType) -> bool:
    """Whether programs of that type can be loaded and linked to that hook: a kernel that can misses the target, not the hook.

    Not for XDP: there a missing interface gives the same answer as a missing hook.
    """
    expected = AttachType.NONE if program_type in LOADED_WITHOUT_HOOK or hook is AttachType.PERF_EVENT else hook
    try:
        program = _loaded(program_type, _RETURN_1, expected)
    except KernelError:
        return False
    try:
        os.close(syscalls.link_create(program, _NO_SUCH_TARGET, attach_type=hook))
    except KernelError as error:
        return error.errno in (errno.ENODEV, errno.EBADF)
    finally:
        os.close(program)
    return True


def _load_classifier() -> int:
    return _loaded(ProgramType.SCHED_CLS, _RETURN_0, AttachType.NONE)


def _loaded(program_type: ProgramType, instructions: bytes, expected: AttachType) -> int:
    answer = syscalls.prog_load(
        b"probe", program_type, instructions=instructions, license_name="GPL", expected_attach_type=expected
    )  # fmt: skip
    if isinstance(answer, syscalls.Rejected):
        raise KernelError("BPF_PROG_LOAD", answer.errno)
    return answer.fd


def _succeeds(make: Callable[[], int], besides: int = 0) -> bool:
    """Whether `make` gives an fd, or the one errno that also means yes."""
    try:
        fd = make()
    except KernelError as error:
        return error.errno == besides
    with suppress(OSError):
        os.close(fd)
    return True


SYSCALL = ("the bpf system call", "use a kernel built with CONFIG_BPF_SYSCALL")
CAPABILITIES = ("root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON", "run it with sudo")
_NEEDED: tuple[tuple[Callable[[], bool], tuple[str, str]], ...] = (
    (has_classifier, ("programs at tc hooks", "use a kernel built with CONFIG_NET_CLS_BPF and CONFIG_BPF_SYSCALL")),
    (has_ring_buffer, ("ring buffers", "use Linux 5.8 or newer")),
    (has_btf, ("BTF", "use a kernel built with CONFIG_DEBUG_INFO_BTF")),
    (has_tcx, TCX),
)
