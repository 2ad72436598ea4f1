"""Where the two programs of an endpoint hang: tcx links, or filters of clsact where the kernel has no tcx.

Ours run before all others: what one before them lets pass, they would never see. What they let pass is for the others to judge. Two
enforcements at one interface are refused, as each would take the other's answers for an endpoint's. Interfaces are those of the
calling thread's network namespace unless said otherwise. What outlives its process is in pinned.py.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from typing import Final

from pybpf import features
from pybpf.errors import KernelError
from pybpf.hooks import (
    TcxHook,
    TcxOrder,
    attach_clsact,
    attach_tcx,
    clsact_filters_before,
    clsact_program_id,
    detach_clsact,
    tcx_program_ids,
)
from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.netlink import Channel
from pybpf.programs import Program

# What goes to an endpoint leaves the host's end of its interface, and the other way round. "to" first: answers need what was asked.
HOOKS: Final = {"to": (TcxHook.EGRESS, "to_endpoint"), "from": (TcxHook.INGRESS, "from_endpoint")}


_OURS: Final = frozenset(name for _, name in HOOKS.values())


class Occupied(RuntimeError):
    """At an interface is what enforcement could not be sure beside."""

    def __init__(self, interface: str, message: str, hint: str) -> None:
        super().__init__(f"interface {interface}: {message}\n  hint: {hint}")


class Way(Enum):
    """How programs are attached: by TCX links (6.6) or CLSACT filters (4.5)."""

    TCX = "tcx"
    CLSACT = "clsact"


def best_way() -> Way:
    """The one that this kernel has."""
    return Way.TCX if features.has_link(ProgramType.SCHED_CLS, AttachType.TCX_INGRESS) else Way.CLSACT


@dataclass(frozen=True, slots=True)
class Filter:
    """Our clsact filter at a hook of an interface, of the channel's network namespace or (None) the calling thread's."""

    interface_index: int
    hook: TcxHook
    channel: Channel | None = None

    def update(self, program: Program) -> None:
        """Put `program` in the place of the one that is there; each packet meets one of the two."""
        attach_clsact(program, self.interface_index, self.hook, self.channel)

    def detach(self) -> None:
        """Take it away, if it is there."""
        detach_clsact(self.interface_index, self.hook, self.channel)

    def program_id(self) -> int:
        """The kernel's id of its program; 0 when it is not there."""
        return clsact_program_id(self.interface_index, self.hook, self.channel) or 0


class Held:
    """Attachments in the network namespace that the calling thread is in, which end with this object."""

    def __init__(self, way: Way) -> None:
        self._channel = Channel() if way is Way.CLSACT else None
        self._held: dict[int, list[Link | Filter]] = {}

    def interfaces(self) -> set[int]:
        """Those that have attachments."""
        return set(self._held)

    def attach(self, index: int, programs: Mapping[str, Program]) -> None:
        """Both hooks of an interface. Raises KernelError; then it has neither, or what it had."""
        if index in self._held:
            return
        with ExitStack() as undoing:
            made: list[Link | Filter] = []
            undoing.callback(_let_go, made)
            for hook, name in HOOKS.values():
                made.append(attach_first(programs[name], index, hook, self._channel))
            undoing.pop_all()
        self._held[index] = made

    def keep(self, indices: Collection[int]) -> None:
        """Take the others off."""
        for index in self._held.keys() - set(indices):
            _let_go(self._held.pop(index))

    def close(self) -> None:
        """Take all off."""
        self.keep(())
        if self._channel is not None:
            self._channel.close()


def attach_first(program: Program, index: int, hook: TcxHook, channel: Channel | None) -> Link | Filter:
    """`program` at that hook before those of others: by a link, or (with a channel) a filter. Raises Occupied, and KernelError when the
    kernel refuses."""
    check_free(index, hook, channel)
    if channel is None:
        return attach_tcx(program, index, hook, TcxOrder.FIRST)
    attach_clsact(program, index, hook, channel)
    return Filter(index, hook, channel)


def check_free(index: int, hook: TcxHook, channel: Channel | None) -> None:
    """Raise Occupied unless a program that is attached there, by a link or (with a channel) a filter, can be the first and only one of ours."""
    links = _link_names(index, hook)
    with Channel() if channel is None else nullcontext(channel) as asking:
        filters = clsact_program_id(index, hook, asking)
    if filters is not None or any(each in _OURS for each in links):
        remedy = "detach it first (pybpf detach --all --folder DIR), or remove a filter that was left behind: tc filter del dev INTERFACE ingress, and egress"
        raise Occupied(_named(index), "another enforcement is attached there", remedy)
    if links and channel is not None:
        raise Occupied(_named(index), f"the program {links[0]!r} on a tcx link runs before all filters", "attach by tcx")


def before(attached: Link | Filter, index: int, hook: TcxHook, program_id: int) -> list[str]:
    """The names of what runs at that hook before ours, which has that program."""
    if isinstance(attached, Filter):
        return [*_link_names(index, hook), *clsact_filters_before(index, hook, attached.channel)]
    return [name for each in takewhile(lambda each: each != program_id, tcx_program_ids(index, hook)) if (name := _program_name(each)) is not None]


def _link_names(index: int, hook: TcxHook) -> list[str]:
    """The names of the programs on tcx links of that hook, in the order in which they run; none where the kernel has no such links."""
    if not features.has_link(ProgramType.SCHED_CLS, AttachType.TCX_INGRESS):
        return []
    return [name for each in tcx_program_ids(index, hook) if (name := _program_name(each)) is not None]


def _program_name(identifier: int) -> str | None:
    """What a program is called; None when it is gone."""
    try:
        with Program.from_id(identifier) as program:
            return program.info().name
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def _named(index: int) -> str:
    """An interface's name."""
    with suppress(OSError):
        return socket.if_indextoname(index)
    return str(index)


def _let_go(held: list[Link | Filter]) -> None:
    for each in held:
        with suppress(KernelError):  # an interface that is gone has taken its attachments along
            each.detach()  # closing a link does not end it while a process that was forked has it, too
        if isinstance(each, Link):
            each.close()
