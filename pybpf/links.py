"""Links: a program at a hook, held there by whoever holds the link. Here: tcx, the tc hooks of one network interface (kernel 6.6).

An interface number means the interface of that number in the calling thread's network namespace; entering another one is the
caller's business.
"""

from __future__ import annotations

import errno
from enum import Enum
from pathlib import Path
from typing import Self

from . import features, syscalls
from .descriptor import Descriptor, open_pin
from .errors import KernelError, NotSupported
from .kinds import AttachType, LinkType
from .programs import Program
from .syscalls import LinkInfo, ObjectKind


class TcxHook(Enum):
    """Which way through the interface: INGRESS is what arrives from its wire, EGRESS what is sent to it."""

    INGRESS = AttachType.TCX_INGRESS
    EGRESS = AttachType.TCX_EGRESS


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
        """What the kernel says of it now; interface 0 means that its interface is gone or it was detached."""
        return syscalls.link_info(self.fileno())

    def update(self, program: Program) -> None:
        """Put `program` in the old one's place: each packet meets one of the two, none meets neither."""
        syscalls.link_update(self.fileno(), program.fileno())

    def detach(self) -> None:
        """Take the program off its hook now, whoever else holds the link. The link stays, defunct."""
        syscalls.link_detach(self.fileno())


def attach_tcx(program: Program, interface_index: int, hook: TcxHook) -> Link:
    """`program` (SCHED_CLS) at the end of the interface's chain of that hook. Raises NotSupported on kernels without tcx."""
    if interface_index <= 0:
        raise ValueError(f"{interface_index} is no interface number: use socket.if_nametoindex")
    try:
        return Link(syscalls.link_create(program.fileno(), interface_index, attach_type=hook.value))
    except KernelError as error:
        if error.errno == errno.EINVAL and not features.has_tcx():
            raise NotSupported(error.command, errno.EINVAL, *features.TCX) from error
        raise
