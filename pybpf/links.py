"""Links: a program at a hook, held there by whoever holds the link. How one is made is hooks/'s business.

Not every hook of the kernel lets its links be updated or detached: tcx, XDP, cgroups and network namespaces do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from . import syscalls
from .descriptor import Descriptor, open_pin
from .infos import LinkInfo
from .kinds import LinkType
from .programs import Program
from .syscalls import ObjectKind


class Link(Descriptor):
    """An attachment. When nobody holds it (no process, no pin) the kernel takes the program off its hook."""

    __slots__ = ("type",)

    def __init__(self, fd: int) -> None:
        """Take ownership of `fd`, which is a link's."""
        super().__init__(fd)
        self.type = LinkType(syscalls.link_info(fd).type)

    @classmethod
    def from_pin(cls, path: Path) -> Self:
        """The link pinned at `path`."""
        return cls(open_pin(path, ObjectKind.LINK))

    @classmethod
    def from_id(cls, identifier: int) -> Self:
        """The link with that id."""
        return cls(syscalls.get_fd_by_id(ObjectKind.LINK, identifier))

    def info(self) -> LinkInfo:
        """What the kernel says of it now; a place (interface, cgroup, namespace) of 0 means that it is gone or the link was detached."""
        return syscalls.link_info(self.fileno())

    def update(self, program: Program) -> None:
        """Put `program` in the old one's place: each packet meets one of the two, none meets neither."""
        syscalls.link_update(self.fileno(), program.fileno())

    def detach(self) -> None:
        """Take the program off its hook now, whoever else holds the link. The link stays, defunct."""
        syscalls.link_detach(self.fileno())
