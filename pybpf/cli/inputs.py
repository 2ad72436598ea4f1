"""Paths -> sources: files, the policies in folders, and standard input."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pybpf.cli.failing import reason
from pybpf.cli.outputs import STANDARD_STREAM
from pybpf.compiler.diag import Source

SUFFIXES: Final = (".yaml", ".yml", ".policy")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What could be read, in the order asked for and folders sorted; and a line for each path that could not."""

    sources: tuple[Source, ...]
    unreadable: tuple[str, ...]


def read_inputs(paths: Sequence[str]) -> Inputs:
    """Read every path: a file, a folder (every policy file beneath it), or - for standard input. A file is read once."""
    names: dict[str, None] = {}
    sources: list[Source] = []
    unreadable: list[str] = []
    for path in paths:
        try:
            names.update(dict.fromkeys(_files(path)))
        except OSError as error:
            unreadable.append(f"{error.filename or path}: {reason(error)}")
    for name in names:
        try:
            sources.append(_read(name))
        except OSError as error:
            unreadable.append(f"{name}: {reason(error)}")
        except UnicodeDecodeError as error:
            unreadable.append(f"{name}: not UTF-8 at byte {error.start}")
    return Inputs(tuple(sources), tuple(unreadable))


def imported(importer: Source, path: str) -> Source:
    """A file that another imports, by its path from that one. Raises OSError or UnicodeDecodeError."""
    return _read(os.path.normpath(Path(importer.name).parent / path))


def _files(path: str) -> list[str]:
    """The path itself, or the policies of a folder. A folder that cannot be looked into is an error, not an empty one."""
    if path == STANDARD_STREAM or not Path(path).is_dir():
        return [path]
    found = [
        str(Path(folder) / name)
        for folder, _, names in os.walk(path, onerror=_raise)
        for name in names
        if name.endswith(SUFFIXES)
    ]
    if not found:
        raise FileNotFoundError(errno.ENOENT, f"no {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file in this folder", path)
    return sorted(found)


def _read(name: str) -> Source:
    if name == STANDARD_STREAM:
        return Source("<stdin>", sys.stdin.buffer.read().decode())
    return Source(name, Path(name).read_bytes().decode())


def _raise(error: OSError) -> None:
    raise error
