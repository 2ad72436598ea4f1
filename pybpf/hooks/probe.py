"""Probes: a function of a user-space program (uprobe) or of the kernel (kprobe), where it begins or where it returns.

What runs sees is the registers (struct pt_regs); a function that moves or is inlined is not there to be probed. Tracepoints are
the steadier choice where there is one.
"""

from __future__ import annotations

import errno
import os
from enum import Enum
from pathlib import Path

from pybpf import features, syscalls
from pybpf.errors import KernelError, NotSupported
from pybpf.executables import function_offset
from pybpf.kinds import ProgramType
from pybpf.links import Link
from pybpf.programs import Program

from .making import expect
from .perf import ANY_CPU, link_to_event

_PERF_DEVICES = Path("/sys/bus/event_source/devices")


class ProbePoint(Enum):
    """Before the function's first instruction, or after its last. The values are the bit `retprobe` of perf_event_attr.config."""

    ENTRY = 0
    RETURN = 1


def attach_uprobe(program: Program, binary: Path, function: str | int, point: ProbePoint = ProbePoint.ENTRY, *, cookie: int = 0) -> Link:
    """`program` (KPROBE) at a function of an executable or library, in every process that runs it. Kernel 5.15.

    The function is a name of the binary's symbol tables, else the offset of an instruction in the file, in bytes.
    """
    expect(program, [ProgramType.KPROBE])
    offset = function_offset(binary, function) if isinstance(function, str) else function
    if offset < 0:
        raise ValueError(f"{offset} is no offset in {binary}")
    return _attach("uprobe", program, (os.fsencode(binary), offset), point, cookie)


def attach_kprobe(program: Program, function: str, point: ProbePoint = ProbePoint.ENTRY, *, cookie: int = 0) -> Link:
    """`program` (KPROBE) at a function of the kernel, on every CPU. Kernel 5.15; raises NotSupported where that has no kprobes."""
    expect(program, [ProgramType.KPROBE])
    if not function.isascii() or not function:
        raise ValueError(f"{function!r} is no function: /proc/kallsyms lists them")
    return _attach("kprobe", program, (function.encode(), 0), point, cookie)


def _attach(kind: str, program: Program, place: tuple[bytes, int], point: ProbePoint, cookie: int) -> Link:
    """A link to a probe at `place`: (name of function or file, offset)."""
    name, offset = place
    event_type = _event_type(kind)
    try:
        event = syscalls.perf_event_open(event_type, point.value, cpu=ANY_CPU, sample_period=1, path=name, number=offset)
    except KernelError as error:
        raise KernelError(error.command, error.errno or 0, f"{kind} at {os.fsdecode(name)}+{offset:#x}") from error
    return link_to_event(program, event, cookie)


def _event_type(kind: str) -> int:
    try:
        return int((_PERF_DEVICES / kind / "type").read_text())
    except FileNotFoundError:
        raise NotSupported("perf_event_open", errno.ENOENT, *features.PROBES[kind]) from None
