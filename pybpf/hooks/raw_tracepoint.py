"""Raw tracepoints: the kernel's tracepoints with their arguments as they are, unpacked and unstable."""

from __future__ import annotations

import errno

from pybpf import syscalls
from pybpf.errors import KernelError
from pybpf.kinds import ProgramType
from pybpf.links import Link
from pybpf.programs import Program

from .making import expect


def attach_raw_tracepoint(program: Program, name: str) -> Link:
    """`program` (RAW_TRACEPOINT) at the tracepoint of that name (no category), on every CPU. Kernel 4.17.

    Its link cannot be updated or detached: closing it ends it.
    """
    expect(program, [ProgramType.RAW_TRACEPOINT])
    if "/" in name or ":" in name:
        raise ValueError(f"{name!r}: give the name alone, without its category")
    try:
        return Link(syscalls.raw_tracepoint_open(program.fileno(), name))
    except KernelError as error:
        if error.errno == errno.ENOENT:
            raise KernelError(error.command, errno.ENOENT, f"no tracepoint {name!r}") from error
        raise
