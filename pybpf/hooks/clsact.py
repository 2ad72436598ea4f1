"""The tc hooks by clsact, as kernels before tcx have them: a filter of traffic control that is one program.

Such a filter is no link. Nobody holds it: it outlives its maker, and stays until it is detached, or its qdisc or interface goes. What
is ours is known by its place and name, so that a later process finds it; what others put there is never changed or removed.

The hooks hang on the interface's clsact qdisc, of which there is one for all. The kernel cannot remove it on condition that it is
empty, so detaching leaves it: removing it could take along the filter of somebody who came in between.

A program that returns TC_ACT_UNSPEC (-1) hands the packet to the filters behind it; TC_ACT_OK (0) lets it pass at once. Programs
on tcx links of the same hook run before all filters. Sources: net/sched/cls_api.c, cls_bpf.c and sch_ingress.c.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from pybpf.errors import KernelError, NotSupported
from pybpf.kinds import ProgramType
from pybpf.netlink import (
    CREATE,
    EXCLUSIVE,
    REPLACE,
    Channel,
    Command,
    Message,
    attribute,
    attributes,
    text_attribute,
    text_of,
)
from pybpf.programs import Program

from .interface import TcxHook
from .making import check_index, expect

# Where ours is. Preference 1 is asked first: a filter before it could let packets pass that ours never sees.
PREFERENCE: Final = 1
HANDLE: Final = 1
NAME: Final = "pybpf"

_KIND, _QDISC = "bpf", "clsact"
# include/uapi/linux/pkt_sched.h
_QDISC_HANDLE: Final = 0xFFFF0000
_QDISC_PARENT: Final = 0xFFFFFFF1
_HOOK_PARENTS: Final = {TcxHook.INGRESS: 0xFFFFFFF2, TcxHook.EGRESS: 0xFFFFFFF3}
# include/uapi/linux/rtnetlink.h: TCA_*
_TCA_KIND, _TCA_OPTIONS, _TCA_CHAIN, _TCA_INGRESS_BLOCK, _TCA_EGRESS_BLOCK = 1, 2, 11, 13, 14
# include/uapi/linux/pkt_cls.h: TCA_BPF_*
_BPF_FD, _BPF_NAME, _BPF_FLAGS, _BPF_ID = 6, 7, 8, 11
_DIRECT_ACTION: Final = 1  # what the program returns is what becomes of the packet
_ETH_P_ALL: Final = 3
_INFO: Final = PREFERENCE << 16 | socket.htons(_ETH_P_ALL)
_MESSAGE: Final = struct.Struct("=B3xiIII")  # struct tcmsg: family, interface, handle, parent, info

_NO_QDISC = ("clsact qdisc", "use Linux 4.5 or newer, built with CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_ACT")
_NO_CLASSIFIER = ("BPF filters of traffic control", "use a kernel built with CONFIG_NET_CLS_BPF")
_NO_INTERFACE = "no such interface in this thread's network namespace"
_HINTS: Final = {
    ("RTM_NEWQDISC", errno.ENODEV): _NO_INTERFACE,
    ("RTM_NEWTFILTER", errno.ENODEV): _NO_INTERFACE,
    ("RTM_NEWQDISC", errno.EEXIST): "remove it (tc qdisc del dev INTERFACE ingress) or use a kernel with tcx links (6.6)",
    ("RTM_NEWTFILTER", errno.EEXIST): f"see `tc filter show dev INTERFACE ingress` (and egress); preference {PREFERENCE} must be free",
    ("RTM_NEWTFILTER", errno.EOPNOTSUPP): "the interface shares its filters with others (a shared block): give it a clsact qdisc of its own",
    ("RTM_NEWTFILTER", errno.EBUSY): "somebody else changes the filters of this interface: attach again",
}


@dataclass(frozen=True, slots=True)
class _Filter:
    """A filter of a hook, or (handle 0) the head of those of one preference. `program_id` is 0 where it is no BPF program."""

    handle: int
    info: int
    kind: str
    name: str
    program_id: int

    @property
    def preference(self) -> int:
        return self.info >> 16


@dataclass(frozen=True, slots=True)
class _Qdisc:
    kind: str
    shares_filters: bool


def attach_clsact(program: Program, interface_index: int, hook: TcxHook, channel: Channel | None = None) -> bool:
    """`program` (SCHED_CLS) as the first filter of that hook, in place of the one of ours that is there: each packet meets one of the two.

    The interface is one of the channel's network namespace (None: the calling thread's), here and below. Returns whether the clsact qdisc had to be made. The kernel holds the
    program until detach_clsact, also when this process is gone. Raises KernelError: EEXIST when a filter of others has preference 1 or
    an ingress qdisc has the place of clsact, ENODEV without the interface; NotSupported when the kernel lacks qdisc or filter.
    """
    expect(program, [ProgramType.SCHED_CLS])
    check_index(interface_index)
    with _opened(channel) as channel:
        made = _ensure_qdisc(channel, interface_index)
        _put(channel, program, interface_index, hook)
        _check_in_force(channel, program, interface_index, hook)
    return made


def detach_clsact(interface_index: int, hook: TcxHook, channel: Channel | None = None) -> bool:
    """Remove our filter, and nothing else; whether there was one. An interface that is not there has none."""
    check_index(interface_index)
    with _opened(channel) as channel:
        if _ours(channel, interface_index, hook) is None:
            return False
        body = _MESSAGE.pack(0, interface_index, HANDLE, _HOOK_PARENTS[hook], _INFO) + text_attribute(_TCA_KIND, _KIND)
        try:
            channel.ask(Command.DELTFILTER, body)
        except KernelError as error:
            if _ours(channel, interface_index, hook) is None:  # it went away by itself, perhaps with its interface
                return False
            raise _explained(error) from error
        return True


def clsact_program_id(interface_index: int, hook: TcxHook, channel: Channel | None = None) -> int | None:
    """The kernel's id of the program in our filter of that hook; None when there is no such filter, or no such interface."""
    check_index(interface_index)
    with _opened(channel) as channel:
        ours = _ours(channel, interface_index, hook)
        return ours.program_id if ours else None


def clsact_filters_before(interface_index: int, hook: TcxHook, channel: Channel | None = None) -> list[str]:
    """The filters of others that are asked before ours, by kind and name; all that are there when ours is not."""
    check_index(interface_index)
    with _opened(channel) as channel:
        found = [each for each in _filters(channel, interface_index, hook) if each.handle]
    return [f"{each.kind} {each.name}".rstrip() for each in takewhile(lambda each: not _is_ours(each), found)]


def remove_empty_clsact(interface_index: int, channel: Channel | None = None) -> bool:
    """Remove the interface's clsact qdisc if it has no filter, of anybody, at either hook; whether it was removed.

    Only for who knows that nobody else puts filters there now: one that comes between the look and the removal would go with it.
    """
    check_index(interface_index)
    with _opened(channel) as channel:
        found = _qdisc(channel, interface_index)
        if found is None or found.kind != _QDISC or found.shares_filters:
            return False
        if any(_listed(channel, interface_index, hook) for hook in TcxHook):
            return False
        try:
            channel.ask(Command.DELQDISC, _qdisc_message(interface_index))
        except KernelError as error:
            if _qdisc(channel, interface_index) is None:
                return False
            raise _explained(error) from error
        return True


@contextmanager
def _opened(channel: Channel | None) -> Iterator[Channel]:
    """The channel, or one for now."""
    if channel is not None:
        yield channel
        return
    with Channel() as made:
        yield made


def _ensure_qdisc(channel: Channel, interface_index: int) -> bool:
    """Have a clsact qdisc there; whether it had to be made. Raises KernelError when its place is taken by another kind."""
    made = False
    if _qdisc(channel, interface_index) is None:
        try:
            channel.ask(Command.NEWQDISC, _qdisc_message(interface_index), CREATE | EXCLUSIVE)
            made = True
        except KernelError as error:
            if error.errno == errno.ENOENT:
                raise NotSupported(error.command, errno.ENOENT, *_NO_QDISC) from error
            if error.errno != errno.EEXIST:  # there is one by now
                raise _explained(error) from error
    found = _qdisc(channel, interface_index)
    if found is not None and found.kind != _QDISC:
        # At an ingress qdisc the kernel would take a filter for EGRESS, and run it on what comes in (ingress_tcf_block).
        raise _refusal(Command.NEWQDISC, errno.EEXIST, f"interface {interface_index} has the qdisc {found.kind!r} in the place of {_QDISC}")
    return made


def _put(channel: Channel, program: Program, interface_index: int, hook: TcxHook) -> None:
    """Make our filter, or give ours that is there the program."""
    present = [each for each in _filters(channel, interface_index, hook) if each.preference == PREFERENCE]
    strangers = [each for each in present if not _is_ours(each) and not _is_head(each)]
    if strangers:
        named = ", ".join(f"{each.kind} {each.name}".rstrip() for each in strangers)
        raise _refusal(Command.NEWTFILTER, errno.EEXIST, f"preference {PREFERENCE} of interface {interface_index} is taken: {named}")
    options = (
        attribute(_BPF_FD, struct.pack("=I", program.fileno()))
        + text_attribute(_BPF_NAME, NAME)
        + attribute(_BPF_FLAGS, struct.pack("=I", _DIRECT_ACTION))
    )
    body = (
        _MESSAGE.pack(0, interface_index, HANDLE, _HOOK_PARENTS[hook], _INFO)
        + text_attribute(_TCA_KIND, _KIND)
        + attribute(_TCA_OPTIONS, options)
    )
    # Without CREATE the kernel changes a filter that is there, in one step (list_replace_rcu); with EXCLUSIVE it never changes one.
    flags = REPLACE if any(_is_ours(each) for each in present) else CREATE | EXCLUSIVE
    try:
        channel.ask(Command.NEWTFILTER, body, flags)
    except KernelError as error:
        if error.errno == errno.ENOENT and not present:
            raise NotSupported(error.command, errno.ENOENT, *_NO_CLASSIFIER) from error
        raise _explained(error) from error


def _check_in_force(channel: Channel, program: Program, interface_index: int, hook: TcxHook) -> None:
    """Raise KernelError (EBUSY) unless our filter is at that hook with that program: qdisc or filter may have been exchanged meanwhile."""
    found, ours = _qdisc(channel, interface_index), _ours(channel, interface_index, hook)
    if found is None or found.kind != _QDISC or ours is None or ours.program_id != program.info().id:
        raise _refusal(Command.NEWTFILTER, errno.EBUSY, f"the filter was attached to interface {interface_index} and is not there")


def _ours(channel: Channel, interface_index: int, hook: TcxHook) -> _Filter | None:
    return next((each for each in _filters(channel, interface_index, hook) if _is_ours(each)), None)


def _is_ours(found: _Filter) -> bool:
    return (found.kind, found.handle, found.info, found.name) == (_KIND, HANDLE, _INFO, NAME)


def _is_head(found: _Filter) -> bool:
    """Whether it is what the kernel lists before the BPF filters of our preference and protocol; it decides nothing."""
    return (found.kind, found.handle, found.info) == (_KIND, 0, _INFO)


def _filters(channel: Channel, interface_index: int, hook: TcxHook) -> list[_Filter]:
    """What is at that hook, in the chain where every packet begins."""
    return [found for message in _listed(channel, interface_index, hook) if (found := _filter_of(message)) is not None]


def _listed(channel: Channel, interface_index: int, hook: TcxHook) -> list[Message]:
    """All filters of that hook; none where there is no qdisc or no interface."""
    return channel.list_all(Command.GETTFILTER, _MESSAGE.pack(0, interface_index, 0, _HOOK_PARENTS[hook], 0))


def _filter_of(message: Message) -> _Filter | None:
    """The filter that the message tells of; None for one of a chain that only a filter of the first leads to."""
    _, _, handle, _, info = _MESSAGE.unpack_from(message.body)
    found = attributes(message.body[_MESSAGE.size :])
    if any(found.get(_TCA_CHAIN, b"")):
        return None
    kind = text_of(found.get(_TCA_KIND, b""))
    options = attributes(found.get(_TCA_OPTIONS, b"")) if kind == _KIND else {}
    (identifier,) = struct.unpack("=I", options.get(_BPF_ID, bytes(4)))
    return _Filter(handle, info, kind, text_of(options.get(_BPF_NAME, b"")), identifier)


def _qdisc(channel: Channel, interface_index: int) -> _Qdisc | None:
    """What has the place of clsact. The kernel lists the qdiscs of all interfaces, whichever is asked for."""
    for message in channel.list_all(Command.GETQDISC, _MESSAGE.pack(0, interface_index, 0, 0, 0)):
        _, index, _, parent, _ = _MESSAGE.unpack_from(message.body)
        if (index, parent) == (interface_index, _QDISC_PARENT):
            found = attributes(message.body[_MESSAGE.size :])
            return _Qdisc(text_of(found.get(_TCA_KIND, b"")), bool(found.keys() & {_TCA_INGRESS_BLOCK, _TCA_EGRESS_BLOCK}))
    return None


def _qdisc_message(interface_index: int) -> bytes:
    return _MESSAGE.pack(0, interface_index, _QDISC_HANDLE, _QDISC_PARENT, 0) + text_attribute(_TCA_KIND, _QDISC)


def _refusal(command: Command, code: int, detail: str) -> KernelError:
    return _explained(KernelError(f"RTM_{command.name}", code, detail))


def _explained(error: KernelError) -> KernelError:
    error.hint = _HINTS.get((error.command, error.errno or 0), error.hint)
    return error
