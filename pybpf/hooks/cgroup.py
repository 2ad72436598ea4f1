"""Cgroups (version 2): what the processes of one cgroup and all below it do with sockets, devices and settings."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pybpf.kinds import CGROUP_HOOKS, AttachType
from pybpf.links import Link
from pybpf.programs import Program

from .making import create_link, expect, opened

_CGROUP2_MAGIC = 0x63677270  # include/uapi/linux/magic.h
_MOUNTS = Path("/proc/self/mounts")


def attach_cgroup(program: Program, cgroup: Path | int, hook: AttachType) -> Link:
    """`program` at that hook of a cgroup, given as its folder or an fd of it, after those that are there. Kernel 5.7.

    The hook is the one the program was loaded for, as its section says (Loaded.attach_types). Programs of several levels all run, and
    one that says no is enough, unless a later one calls set_retval(0) and allows.
    """
    expect(program, CGROUP_HOOKS.values())
    if CGROUP_HOOKS.get(hook) is not program.type:
        known = ", ".join(each.name for each, kind in CGROUP_HOOKS.items() if kind is program.type)
        raise ValueError(f"{hook.name} is no hook of a cgroup for {program.type.name} programs: use one of {known}")
    with opened(cgroup, _CGROUP2_MAGIC, "cgroup of version 2: see hooks.cgroup_root") as fd:
        return create_link(program, fd, hook)


def cgroup_root() -> Path:
    """Where the tree of cgroups (version 2) is mounted. Raises FileNotFoundError with the remedy when it is not."""
    for line in _MOUNTS.read_bytes().splitlines():
        _, place, kind, *_ = line.split(b" ")
        if kind == b"cgroup2":
            # blanks and the like are octal there: "\\040"
            return Path(os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), place)))
    raise FileNotFoundError("no cgroup2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup")
