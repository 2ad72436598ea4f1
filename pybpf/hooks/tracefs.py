"""The kernel's list of tracepoints (tracefs): category and name -> the number that perf_event_open wants.

If nobody has mounted tracefs at its usual place, one is mounted for the length of a look-up, read-only and at no path: other
processes do not see it, and nothing is left behind however this process ends.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pybpf import features, syscalls
from pybpf.errors import KernelError, NotSupported

_USUAL = "/sys/kernel/tracing"
_TRACEFS_MAGIC = 0x74726163  # include/uapi/linux/magic.h
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def tracepoint_id(category: str, name: str) -> int:
    """The number of tracepoint `category`:`name`. Raises KernelError with the nearest names when there is none."""
    for each in (category, name):
        if not _NAME.fullmatch(each):
            raise ValueError(f"{each!r} is no part of a tracepoint's name: use names like 'sched', 'sched_process_exec'")
    with _root() as root:
        _check_there(root, "events", category, f"tracepoint category {category!r}")
        _check_there(root, f"events/{category}", name, f"tracepoint {category}:{name}")
        return int(_read(root, f"events/{category}/{name}/id"))


@contextmanager
def _root() -> Iterator[int]:
    fd = _open_root()
    try:
        yield fd
    finally:
        os.close(fd)


def _open_root() -> int:
    try:
        if syscalls.filesystem_type(_USUAL) == _TRACEFS_MAGIC:
            return os.open(_USUAL, os.O_PATH | os.O_CLOEXEC)
    except KernelError as error:
        if error.errno != errno.ENOENT:
            raise
    try:
        return syscalls.open_detached_filesystem("tracefs")
    except KernelError as error:
        if error.errno == errno.ENODEV:
            raise NotSupported(error.command, errno.ENODEV, *features.TRACEPOINTS) from error
        raise


def _check_there(root: int, folder: str, name: str, what: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    try:
        names = os.listdir(fd)
    finally:
        os.close(fd)
    if name not in names:
        near = difflib.get_close_matches(name, names)
        raise KernelError("tracefs", errno.ENOENT, f"no {what}" + (f": is it {' or '.join(near)}?" if near else ""))


def _read(root: int, path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
    try:
        return os.read(fd, 64)
    finally:
        os.close(fd)
