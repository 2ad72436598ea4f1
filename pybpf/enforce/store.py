"""Where enforcement lives when no process does: a folder in the BPF file system.

    lasting_L/      maps that know flows and counts, laid out as L says
    N/              generation N: the maps of policy and the programs at the hooks
    links/          INTERFACE_to, INTERFACE_from: the attachments, by interface number
    state           what is enforced, and what the maps hold: one value of an array map

Whoever can write the state is root, which is whoever can change the programs themselves; nobody else can read it. A new state is
pinned under another name and takes the old one's place by rename(2): it is the old one or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pybpf import bpffs, maps
from pybpf.enforce.request import Change, Request, changed
from pybpf.enforce.tables import Saved
from pybpf.enforce.values import Unreadable, packed, plain, unpacked
from pybpf.errors import KernelError
from pybpf.kinds import MapType
from pybpf.maps import Map
from pybpf.spec import MapSpec

FOLDER: Final = Path("/sys/fs/bpf/pybpf")
_FIRST: Final = bytes(4)
_TYPES: Final = (str, str, int, int, tuple, bytes, bytes, bytes, bytes)
_REMEDY: Final = "use that one, or `pybpf detach --all` and apply anew"


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """That `previous` (None: nothing) is to be enforced again at `before_ns` (CLOCK_MONOTONIC), unless somebody confirms until then."""

    previous: Request | None
    before_ns: int


@dataclass(frozen=True, slots=True)
class State:
    """What is enforced. `version` is that of the code that wrote it, `layout` that of the lasting maps. `pending` is what was being put
    in its place when it was written: None when nothing was. `unconfirmed`: both of these are there on condition. `namespace` is the
    network namespace (places.own_namespace) of the interfaces."""

    version: str
    layout: str
    generation: int
    revision: int
    namespace: tuple[int, int]
    request: Request
    saved: Saved
    pending: Request | None = None
    unconfirmed: Unconfirmed | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The state as it lies there: what is large is bytes by itself, so that a part that stays is not read and written."""

    version: str
    layout: str
    generation: int
    revision: int
    namespace: tuple[int, int]
    request: bytes
    saved: bytes
    pending: bytes
    unconfirmed: bytes


class Busy(RuntimeError):
    """Another process is changing what is enforced."""


def is_own(path: Path) -> bool:
    """Whether something in a folder is of those that pybpf makes there, by its name."""
    return path.name in ("links", "state", "state_next") or path.name.isdigit() or path.name.startswith("lasting_")


def lasting(folder: Path, layout: str) -> Path:
    """Where the lasting maps of a layout are."""
    return folder / f"lasting_{layout}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes what is enforced meanwhile. Makes the folder. Raises Busy, KernelError when there is no BPF file system, and
    Unreadable for a folder outside of one, of which nothing is touched."""
    bpffs.ensure_mounted(bpffs.DEFAULT) if folder.is_relative_to(bpffs.DEFAULT) else None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not bpffs.is_bpffs(folder):
        raise Unreadable(f"{folder} is no folder of a BPF file system, which is where pybpf keeps what it enforces: mount -t bpf bpf {folder}")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another process is changing what is enforced ({folder})") from None
        yield
    finally:
        os.close(descriptor)


def read(folder: Path) -> State | None:
    """The state; None when nothing is enforced. Raises KernelError, and Unreadable when another version wrote it in another way."""
    parts = _read(folder)
    if parts is None:
        return None
    try:
        request, saved, by, unconfirmed = (unpacked(each) for each in (parts.request, parts.saved, parts.pending, parts.unconfirmed))
        _check(isinstance(request, Request) and isinstance(saved, Saved) and isinstance(by, Change | None) and isinstance(unconfirmed, Unconfirmed | None))
        pending = changed(request, by) if by is not None else None
        return State(parts.version, parts.layout, parts.generation, parts.revision, parts.namespace, request, saved, pending, unconfirmed)
    except Unreadable as error:
        message = f"what is enforced was put there by another version, in a way that this one cannot read ({error})"
        raise Unreadable(f"{message}: {_REMEDY}") from error


def read_if_readable(folder: Path) -> State | None:
    """The state; None also when this version cannot read it."""
    try:
        return read(folder)
    except Unreadable:
        return None


def mark(folder: Path) -> int:
    """A number that is another once the state was written again; 0 while there is none."""
    try:
        return (folder / "state").stat().st_ino
    except FileNotFoundError:
        return 0


def write(folder: Path, state: State) -> None:
    """Put a state, of which nothing is pending, in the old one's place."""
    assert state.pending is None
    _write(folder, _Parts(state.version, state.layout, state.generation, state.revision, state.namespace, packed(state.request), packed(state.saved), packed(None), packed(state.unconfirmed)))


def write_confirmed(folder: Path) -> None:
    """Say that what is enforced is there without condition."""
    parts = _read(folder)
    assert parts is not None, "something is enforced"
    _write(folder, replace(parts, unconfirmed=packed(None)))


def write_pending(folder: Path, by: Change, unconfirmed: Unconfirmed | None) -> None:
    """Say that a change of what is enforced has begun."""
    parts = _read(folder)
    assert parts is not None, "something is enforced"
    _write(folder, replace(parts, pending=packed(by), unconfirmed=packed(unconfirmed)))


def write_given_up(folder: Path, unconfirmed: Unconfirmed | None) -> None:
    """Say that the change has been given up before it counted. What it wrote into the maps nobody knows: no version goes on with them."""
    parts = _read(folder)
    assert parts is not None, "something is enforced"
    _write(folder, replace(parts, version="", pending=packed(None), unconfirmed=packed(unconfirmed)))


def _read(folder: Path) -> _Parts | None:
    try:
        with Map.from_pin(folder / "state") as pinned:
            content = pinned.lookup(_FIRST)
    except KernelError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    try:
        parts = plain(content or b"")  # of builtin types alone, which every version can read
        _check(isinstance(parts, tuple) and tuple(map(type, parts)) == _TYPES)
    except Unreadable as error:
        raise Unreadable(f"what is enforced was put there by another version: {_REMEDY}") from error
    return _Parts(*parts)


def _check(is_as_written: bool) -> None:
    if not is_as_written:
        raise Unreadable("it is something else")


def _write(folder: Path, parts: _Parts) -> None:
    value = pickle.dumps(tuple(getattr(parts, name) for name in _Parts.__slots__), protocol=5)
    value = value.ljust((len(value) + 7) // 8 * 8, b"\0")  # a pickle says where it ends
    with maps.create(MapSpec("state", MapType.ARRAY, 4, len(value), 1)) as made:
        made.update(_FIRST, value)
        (folder / "state_next").unlink(missing_ok=True)
        made.pin(folder / "state_next")
    os.rename(folder / "state_next", folder / "state")
