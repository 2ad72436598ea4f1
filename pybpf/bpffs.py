"""The BPF file system: where maps, programs and links are given names that outlive a process (Documentation/bpf/, "pinning")."""

from __future__ import annotations

import errno
from pathlib import Path

from . import syscalls
from .errors import KernelError

DEFAULT = Path("/sys/fs/bpf")
_BPF_FS_MAGIC = 0xCAFE4A11  # include/uapi/linux/magic.h


def is_bpffs(path: Path) -> bool:
    """Whether `path` exists and lies in a BPF file system."""
    try:
        return syscalls.filesystem_type(str(path)) == _BPF_FS_MAGIC
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return False
        raise


def ensure_mounted(path: Path = DEFAULT) -> Path:
    """`path`, a folder in a BPF file system: one is mounted there if it is not. Raises KernelError when that is not possible."""
    if not is_bpffs(path):
        syscalls.mount_bpf_filesystem(str(path))
    return path


def check_pin_path(path: Path) -> Path:
    """`path`, if an object can be pinned there: its folder lies in a BPF file system, its name has no dot (bpf_lookup refuses dots).

    Raises ValueError with what to do otherwise.
    """
    if "." in path.name:
        raise ValueError(f"{path}: names in a BPF file system have no dot: use '_' instead")
    if not is_bpffs(path.parent):
        raise ValueError(f"{path.parent} is no folder of a BPF file system: call bpffs.ensure_mounted and make the folder first")
    return path
