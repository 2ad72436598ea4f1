"""Where enforcement lives when no process does: a folder in the BPF file system.

    lasting/        maps that know flows and counts
    N/              generation N: the maps of policy and the programs at the hooks
    links/          INTERFACE_to, INTERFACE_from: the attachments, by interface number
    state           what is enforced, and what the maps hold: one value of an array map

The state is a pickle. Whoever can write it is root, which is whoever can change the programs themselves; nobody else can read it.
A new state is pinned under another name and takes the old one's place by rename(2): it is the old one or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pybpf import bpffs, maps
from pybpf.compiler import Inventory
from pybpf.compiler.policy.model.policy import Policy
from pybpf.enforce.tables import Saved
from pybpf.errors import KernelError
from pybpf.kinds import MapType
from pybpf.maps import Map
from pybpf.spec import MapSpec

FOLDER: Final = Path("/sys/fs/bpf/pybpf")
_FIRST: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be enforced: policies, and on whom."""

    policies: tuple[Policy, ...]
    inventory: Inventory


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """That `previous` (None: nothing) is to be enforced again at `before_ns` (CLOCK_MONOTONIC), unless somebody confirms until then."""

    previous: Request | None
    before_ns: int


@dataclass(frozen=True, slots=True)
class State:
    """What is enforced. `version` is that of the code that wrote it; `pending` is what was being put in its place when it was written:
    None when nothing was. `unconfirmed`: both of these are there on condition."""

    version: str
    generation: int
    revision: int
    request: Request
    saved: Saved
    pending: Request | None = None
    unconfirmed: Unconfirmed | None = None


class Busy(RuntimeError):
    """Another process is changing what is enforced."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes what is enforced meanwhile. Makes the folder. Raises Busy, KernelError when there is no BPF file system."""
    bpffs.ensure_mounted(bpffs.DEFAULT) if folder.is_relative_to(bpffs.DEFAULT) else None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy(f"another process is changing what is enforced ({folder})") from None
    finally:
        os.close(descriptor)


def read(folder: Path) -> State | None:
    """The state; None when nothing is enforced. Raises KernelError."""
    try:
        with Map.from_pin(folder / "state") as pinned:
            content = pinned.lookup(_FIRST)
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    assert content is not None, "an array has all its values"
    length = int.from_bytes(content[:8], "little")
    state = pickle.loads(zlib.decompress(content[8 : 8 + length]))
    assert isinstance(state, State), state
    return state


def mark(folder: Path) -> int:
    """A number that is another once the state was written again; 0 while there is none."""
    try:
        return (folder / "state").stat().st_ino
    except FileNotFoundError:
        return 0


def write(folder: Path, state: State) -> None:
    """Put the state in the old one's place."""
    packed = zlib.compress(pickle.dumps(state, protocol=5), level=1)
    value = len(packed).to_bytes(8, "little") + packed
    value = value.ljust((len(value) + 7) // 8 * 8, b"\0")
    with maps.create(MapSpec("state", MapType.ARRAY, 4, len(value), 1)) as made:
        made.update(_FIRST, value)
        (folder / "state_next").unlink(missing_ok=True)
        made.pin(folder / "state_next")
    os.rename(folder / "state_next", folder / "state")
