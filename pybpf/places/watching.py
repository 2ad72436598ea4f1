"""What may change where endpoints are: interfaces that come, go and change, and names of network namespaces.

A change is an occasion to look (find, is_there), never the answer itself: when it is read, things may have changed again.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

from pybpf.errors import KernelError
from pybpf.netlink import LINK_GROUP, Channel, Command

from .devices import Device, device_of, devices
from .finding import NAMES
from .place import Place

FOREVER_MS: Final = -1
# Names change seldom, and the kernel tells of the interfaces that follow: once a second is often enough without inotify.
NAMES_PERIOD_SECONDS: Final = 1.0
_MOST_AT_ONCE = 4096  # datagrams taken by one reading, so that a busy kernel cannot keep the reader


@dataclass(frozen=True, slots=True)
class Appeared:
    """An interface that was not there."""

    place: Place


@dataclass(frozen=True, slots=True)
class Removed:
    """An interface that is gone: removed, or moved to another namespace."""

    place: Place


@dataclass(frozen=True, slots=True)
class Changed:
    """An interface that was renamed (`before` is another place then), or whose other end was moved."""

    place: Place
    before: Place


@dataclass(frozen=True, slots=True)
class NamesChanged:
    """Names in /run/netns, sorted, that are new, gone, or mean another namespace than before."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overrun:
    """Changes were lost, because more came than the socket holds: look at everything again."""


Change: TypeAlias = Appeared | Removed | Changed | NamesChanged | Overrun


class Watch:
    """Tells of changes since it was made, in the network namespace that the calling thread was in then. Close it, or use `with`.

    Make it first and look at everything next: so nothing falls between. It may be read from any one thread.
    """

    __slots__ = ("_asking", "_known", "_listening", "_names", "_names_due", "_poll")

    def __init__(self) -> None:
        self._listening = Channel(LINK_GROUP)
        self._asking = Channel()
        self._poll = select.poll()
        self._poll.register(self._listening.fileno(), select.POLLIN)
        self._known = self._look()
        self._names = _names()
        self._names_due = time.monotonic() + NAMES_PERIOD_SECONDS

    def fileno(self) -> int:
        """An fd, still owned by this object, that is readable when there are changes of interfaces; names are seen by reading only."""
        return self._listening.fileno()

    def read(self, timeout_ms: int) -> list[Change]:
        """The changes since the last reading, oldest first; waits up to `timeout_ms` (FOREVER_MS: without end) for the first.

        Names are looked at once a second while this waits or is called. Raises KernelError.
        """
        end = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000
        while True:
            changes = self._interface_changes() + self._name_changes()
            now = time.monotonic()
            if changes or (end is not None and now >= end):
                return changes
            wake = self._names_due if end is None else min(end, self._names_due)
            self._poll.poll(max(0.0, wake - now) * 1000 + 1)  # a millisecond more, lest rounding make this spin

    def close(self) -> None:
        """Stop watching. Closing twice does nothing."""
        self._listening.close()
        self._asking.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _look(self) -> dict[int, Device]:
        return {device.place.interface_index: device for device in devices(self._asking)}

    def _interface_changes(self) -> list[Change]:
        changes: list[Change] = []
        for _ in range(_MOST_AT_ONCE):
            try:
                messages = self._listening.receive(socket.MSG_DONTWAIT)
            except KernelError as error:
                if error.errno == errno.EAGAIN:
                    break
                if error.errno != errno.ENOBUFS:
                    raise
                self._start_again()
                return [*changes, Overrun()]
            changes += [change for message in messages if (change := self._change(message.kind, message.body)) is not None]
        return changes

    def _start_again(self) -> None:
        """Forget what is queued, then see what is there.

        In this order: from an overrun on the kernel queues nothing until the queue is empty (netlink_rcv_wake, net/netlink/af_netlink.c).
        """
        while True:
            try:
                self._listening.receive(socket.MSG_DONTWAIT)
            except KernelError as error:
                if error.errno == errno.EAGAIN:
                    break
                if error.errno != errno.ENOBUFS:
                    raise
        self._known = self._look()

    def _change(self, kind: int, body: bytes) -> Change | None:
        """What a message says that was not known. The kernel tells of much else: flags, addresses, statistics."""
        device = device_of(body)
        if device is None or kind not in (Command.NEWLINK, Command.DELLINK):
            return None
        index = device.place.interface_index
        before = self._known.pop(index, None)
        if kind == Command.DELLINK:
            return Removed(before.place) if before else None
        self._known[index] = device
        if before is None:
            return Appeared(device.place)
        return Changed(device.place, before.place) if device != before else None

    def _name_changes(self) -> list[Change]:
        now = time.monotonic()
        if now < self._names_due:
            return []
        self._names_due = now + NAMES_PERIOD_SECONDS
        before, self._names = self._names, _names()
        differing = {name for name, _ in before.items() ^ self._names.items()}
        return [NamesChanged(tuple(sorted(differing)))] if differing else []


def _names() -> dict[str, int]:
    """Name -> inode number of its namespace. A name without one, which its maker is about to mount there, does not count yet.

    Not by the time of the folder's last change: that is of the file, which comes before the mount.
    """
    found: dict[str, int] = {}
    with suppress(FileNotFoundError):
        home = os.stat(NAMES).st_dev
        for name in os.listdir(NAMES):
            with suppress(FileNotFoundError):
                state = os.stat(NAMES / name)
                if state.st_dev != home:
                    found[name] = state.st_ino
    return found
