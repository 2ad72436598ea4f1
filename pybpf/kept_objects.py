"""Objects that were compiled before, kept on disk by what they were made of.

An object's name is the digest of the compiler's and the kernel programs' sources, of LLVM's version and of what the object is specialised
with: equal names mean equal bytes, and a new version finds nothing of an old one. What is kept is loaded into the kernel as policy, so it
is believed only where nobody but this user can have written it, and only whole; else it is made anew. That nothing can be kept is no error.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pybpf.compiler.ir.nodes import Module

FOLDER: Final = Path("/var/cache/pybpf")
VARIABLE: Final = "PYBPF_CACHE"  # another folder
MOST_KEPT: Final = 64  # objects; the one unused for longest goes first
_DIGEST_BYTES: Final = 32
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object: what it is specialised with, as text, and how its module is made."""

    specialisation: str
    module: Callable[[], Module]


def elf_objects(wanted: Sequence[Wanted], folder: Path | None = None) -> tuple[bytes, ...]:
    """The ELF bytes of each, those that are not kept compiled side by side. Raises as compiler.building.build_all."""
    place = folder if folder is not None else Path(os.environ.get(VARIABLE) or FOLDER)
    names = [_name(each) for each in wanted]
    found = {name: kept for name in dict.fromkeys(names) if (kept := _read(place, name)) is not None}
    missing = {name: each for name, each in zip(names, wanted, strict=True) if name not in found}
    if missing:
        from pybpf.compiler.building import build_all  # half a second, where everything is kept

        for name, built in zip(missing, build_all([each.module for each in missing.values()]), strict=True):
            found[name] = built.elf
            _keep(place, name, built.elf)
    return tuple(found[name] for name in names)


def _name(wanted: Wanted) -> str:
    parts = (_sources(), importlib.metadata.version("llvmlite").encode(), wanted.specialisation.encode())
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in parts)).hexdigest()


@cache
def _sources() -> bytes:
    """The digest of every source that has a part in what is compiled."""
    from pybpf import compiler, kernel_progs

    digest = hashlib.sha256()
    for package in (compiler, kernel_progs):
        for root in map(Path, package.__path__):
            for path in sorted(root.rglob("*.py")):
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.digest()


def _read(folder: Path, name: str) -> bytes | None:
    """What is kept under a name; None when nothing is, or it is not to be believed."""
    with suppress(OSError):
        if not _is_ours(os.lstat(folder)):
            return None
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not _is_ours(os.fstat(descriptor)):
                return None
            content = file.read()
        if hashlib.sha256(content[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]:
            os.utime(folder / name)
            return content[_DIGEST_BYTES:]
    return None


def _is_ours(status: os.stat_result) -> bool:
    """Whether a folder or file is this user's, and nobody else may write to it."""
    is_plain = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
    return is_plain and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS


def _keep(folder: Path, name: str, elf: bytes) -> None:
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(os.lstat(folder)):
            return
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        with open(descriptor, "wb") as file:
            file.write(hashlib.sha256(elf).digest() + elf)
        os.replace(temporary, folder / name)
        for path in _oldest(folder):
            path.unlink(missing_ok=True)


def _oldest(folder: Path) -> Iterator[Path]:
    """Those beyond MOST_KEPT."""
    by_age = sorted(((path.stat().st_mtime_ns, path) for path in folder.iterdir()), reverse=True)
    yield from (path for _, path in by_age[MOST_KEPT:])
