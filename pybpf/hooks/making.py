"""A program and a place -> Link: what all hooks have in common.

The files beside this one have the same parts in the same order: what cannot be is refused (ValueError) with the name of what can,
one system call is made, and only when that fails the kernel is asked what it lacks (NotSupported).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pybpf import features, syscalls
from pybpf.errors import KernelError, NotSupported
from pybpf.kinds import CGROUP_HOOKS, SOCKET_MAP_HOOKS, AttachType, ProgramType
from pybpf.links import Link
from pybpf.programs import Program

# type of program -> the function that attaches it
WAYS: dict[ProgramType, str] = {
    ProgramType.SCHED_CLS: "attach_tcx",
    ProgramType.XDP: "attach_xdp",
    ProgramType.SK_LOOKUP: "attach_netns",
    ProgramType.FLOW_DISSECTOR: "attach_netns",
    ProgramType.TRACEPOINT: "attach_tracepoint",
    ProgramType.RAW_TRACEPOINT: "attach_raw_tracepoint",
    ProgramType.PERF_EVENT: "attach_cpu_clock",
    ProgramType.KPROBE: "attach_uprobe or attach_kprobe",
    ProgramType.SOCKET_FILTER: "attach_socket",
    **dict.fromkeys(CGROUP_HOOKS.values(), "attach_cgroup"),
    **dict.fromkeys(SOCKET_MAP_HOOKS.values(), "attach_to_map"),
}
# what a kernel says to a link of a kind it does not know (bpf_link_create, kernel/bpf/syscall.c)
_UNKNOWN = frozenset({errno.EINVAL, errno.EOPNOTSUPP})


def expect(program: Program, types: Iterable[ProgramType]) -> None:
    """Raise ValueError, with the name of the right function, unless the program is of one of `types`."""
    if program.type not in types:
        way = WAYS.get(program.type)
        hint = f"use {way}" if way else "this loader has no hook for it"
        raise ValueError(f"program {program.name!r} is of type {program.type.name}, which does not attach here: {hint}")


def check_index(interface_index: int) -> None:
    """Raise ValueError unless it can be the number of an interface."""
    if not 0 < interface_index < 1 << 31:
        raise ValueError(f"{interface_index} is no interface number: use socket.if_nametoindex")


def create_link(program: Program, target: int, attach_type: AttachType, flags: int = 0) -> Link:
    """A link at `target`, an interface's number or an fd, as the hook has it. Raises NotSupported when the kernel has no such links."""
    try:
        return Link(syscalls.link_create(program.fileno(), target, attach_type=attach_type, flags=flags))
    except KernelError as error:
        raise explained(error, program.type, attach_type) from error


def explained(error: KernelError, program_type: ProgramType, attach_type: AttachType) -> KernelError:
    """`error`, or what is behind it: that this kernel makes no links for such programs at that hook."""
    words = features.LINKS.get(program_type)
    if error.errno not in _UNKNOWN or words is None or features.has_link(program_type, attach_type):
        return error
    return NotSupported(error.command, error.errno, *words)


@contextmanager
def opened(place: Path | int, magic: int, what: str) -> Iterator[int]:
    """An fd of `place`, closed afterwards unless it was given. Raises ValueError when it does not lie in a file system of that magic number."""
    fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC) if isinstance(place, Path) else place
    try:
        if syscalls.filesystem_type(f"/proc/self/fd/{fd}") != magic:
            raise ValueError(f"{place} is no {what}")
        yield fd
    finally:
        if isinstance(place, Path):
            os.close(fd)
