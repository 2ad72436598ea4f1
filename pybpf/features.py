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
from .kinds import AttachType, MapType, ProgramType

# bits of CapEff (include/uapi/linux/capability.h); CAP_SYS_ADMIN stands in for CAP_BPF and CAP_PERFMON
_NET_ADMIN, _SYS_ADMIN, _PERFMON, _BPF = 1 << 12, 1 << 21, 1 << 38, 1 << 39
_RETURN_0 = bytes.fromhex("b700000000000000" "9500000000000000")  # r0 = 0; exit
_NO_SUCH_INTERFACE = 0x7FFFFFFF
TCX = ("tcx links", "use Linux 6.6 or newer, built with CONFIG_NET_XGRESS")


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
    """Whether programs can be attached to tc hooks by links (kernel 6.6): one that knows them misses the interface, not the hook."""
    try:
        program = _load_classifier()
    except KernelError:
        return False
    try:
        os.close(syscalls.link_create(program, _NO_SUCH_INTERFACE, attach_type=AttachType.TCX_INGRESS))
    except KernelError as error:
        return error.errno == errno.ENODEV
    finally:
        os.close(program)
    return True


def _load_classifier() -> int:
    answer = syscalls.prog_load(b"probe", ProgramType.SCHED_CLS, instructions=_RETURN_0, license_name="GPL")
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
