"""Places to attach to, and `attach`: a loaded program, and where -> what holds it there.

A place says only what user space knows (which interface, which cgroup); which hook of it is meant, the program's section says.
"""

from __future__ import annotations

import difflib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self, assert_never

from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.loading import Loaded
from pybpf.maps import Map
from pybpf.programs import Program

from .cgroup import attach_cgroup
from .interface import TcxHook, attach_tcx, attach_xdp
from .making import expect
from .netns import attach_netns
from .perf import attach_tracepoint
from .raw_tracepoint import attach_raw_tracepoint
from .sockets import MapAttachment, attach_to_map


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface, by its number in the calling thread's network namespace."""

    index: int

    @classmethod
    def named(cls, name: str) -> Self:
        """The interface of that name, which it may lose afterwards. Raises OSError when there is none."""
        return cls(socket.if_nametoindex(name))


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A cgroup (version 2), by its folder."""

    path: Path


@dataclass(frozen=True, slots=True)
class NetworkNamespace:
    """A network namespace, by its file: /run/netns/NAME or /proc/PID/ns/net."""

    path: Path = Path("/proc/thread-self/ns/net")


@dataclass(frozen=True, slots=True)
class Tracepoint:
    """A tracepoint, as in Tracepoint("sched", "sched_process_exec")."""

    category: str
    name: str


@dataclass(frozen=True, slots=True)
class RawTracepoint:
    """A tracepoint for raw_tp programs, as in RawTracepoint("sched_process_exec")."""

    name: str


Place = Interface | Cgroup | NetworkNamespace | Tracepoint | RawTracepoint | Map


def attach(loaded: Loaded, name: str, place: Place) -> Link | MapAttachment:
    """The program `name` of `loaded` at `place` (a Map is one of sockets). What comes back holds it there: close it, or use `with`.

    Raises ValueError for a program that does not belong there, or whose section leaves open which hook is meant: the
    functions named attach_... take it as an argument. XDP runs in the driver if that can, else generic.
    """
    program = _program(loaded, name)
    hook = loaded.attach_types[name]
    match place:
        case Interface(index):
            return _attach_interface(program, index, hook)
        case Cgroup(path):
            return attach_cgroup(program, path, hook)
        case NetworkNamespace(path):
            return attach_netns(program, path)
        case Tracepoint(category, point):
            return attach_tracepoint(program, category, point)
        case RawTracepoint(point):
            return attach_raw_tracepoint(program, point)
        case Map():
            return attach_to_map(program, place, hook)
        case _:
            assert_never(place)


def _program(loaded: Loaded, name: str) -> Program:
    if name not in loaded.programs:
        near = difflib.get_close_matches(name, loaded.programs) or sorted(loaded.programs)
        raise ValueError(f"no program {name!r}: the object has {', '.join(near)}")
    return loaded.programs[name]


def _attach_interface(program: Program, index: int, hook: AttachType) -> Link:
    expect(program, [ProgramType.SCHED_CLS, ProgramType.XDP])
    match hook:
        case AttachType.TCX_INGRESS | AttachType.TCX_EGRESS:
            return attach_tcx(program, index, TcxHook(hook))
        case AttachType.XDP:
            return attach_xdp(program, index)
        case _:
            hint = "compile it for section 'xdp', 'tcx/ingress' or 'tcx/egress', or call attach_tcx"
            raise ValueError(f"program {program.name!r}: its section names no hook of an interface that this loader attaches to ({hook.name}): {hint}")
