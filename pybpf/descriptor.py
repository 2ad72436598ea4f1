"""A kernel object that this process holds by a file descriptor: what Map, Program and Link have in common."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from types import TracebackType
from typing import Self

from . import syscalls
from .bpffs import check_pin_path
from .errors import KernelError
from .syscalls import ObjectKind

# what /proc/self/fd calls each kind; links have had both spellings
_INODES = {ObjectKind.PROGRAM: "bpf-prog", ObjectKind.MAP: "bpf-map", ObjectKind.LINK: "bpf-link"}


class Descriptor:
    """Owns one fd: closed by close(), at the end of a `with`, or when the object goes. Use after closing raises ValueError."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """The fd, still owned by this object."""
        if self._fd < 0:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._fd

    def close(self) -> None:
        """Let go of the object; the kernel frees it when nobody holds it. Closing twice does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def pin(self, path: Path) -> None:
        """Give the object a name in a BPF file system; it lives until that is unlinked. ValueError for a path where that cannot be."""
        syscalls.obj_pin(self.fileno(), str(check_pin_path(path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()


def open_pin(path: Path, kind: ObjectKind) -> int:
    """A new fd of the object pinned at `path`. Raises KernelError when there is none or it is of another kind."""
    fd = syscalls.obj_get(str(path))
    found = os.readlink(f"/proc/self/fd/{fd}").removeprefix("anon_inode:").replace("_", "-")
    if found != _INODES[kind]:
        os.close(fd)
        raise KernelError("BPF_OBJ_GET", errno.EINVAL, f"{path} is a {found}, not a {kind.name.lower()}")
    return fd


def kernel_name(name: str) -> bytes:
    """`name` as the kernel keeps it: its first 15 bytes, with '_' for what is not a letter, digit, '_' or '.'."""
    return re.sub(rb"[^A-Za-z0-9_.]", b"_", name.encode())[:15]
