"""Names that say whose they are, and the removal of what dead owners left behind.

    pybpf-demo-4026531836-1234-567890-5c1e-flights-board
    |          |          |    |      |    role: "node" or the name of an endpoint
    |          |          |    |      random, so that one process can have two networks
    |          |          |    start of the process, in clock ticks since boot: a process number may be used again
    |          |          process number of the owner
    |          process namespace in which that number counts
    prefix

Everything a demo makes that could outlive it carries such a name: network namespaces, and a folder of pins in the
BPF file system. Nobody can clean up after SIGKILL, so the next demo does.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from pybpf.bpffs import DEFAULT as BPFFS
from pybpf.demo import namespaces

PREFIX: Final = "pybpf-demo-"
_NAME: Final = re.compile(PREFIX + r"(?P<token>(?P<space>\d+)-(?P<process>\d+)-(?P<start>\d+)-[0-9a-f]{4})(?:-.+)?")


def token() -> str:
    """A new token that names this process as the owner."""
    process = os.getpid()
    return f"{_process_namespace()}-{process}-{_start_of(process)}-{secrets.token_hex(2)}"


def name(token: str, role: str) -> str:
    """The name of one thing that belongs to the owner of `token`."""
    return f"{PREFIX}{token}-{role}"


def pins(token: str) -> Path:
    """The folder in the BPF file system that belongs to the owner of `token`; nothing makes it here."""
    return BPFFS / f"{PREFIX}{token}"


def is_alive(token: str) -> bool:
    """Whether the owner still runs. An owner in another process namespace cannot be seen and counts as alive."""
    match = _NAME.fullmatch(PREFIX + token)
    assert match is not None, token
    if int(match["space"]) != _process_namespace():
        return True
    return _start_of(int(match["process"])) == int(match["start"])


def remove(token: str) -> None:
    """Remove everything that carries the token, with the processes in its namespaces. Safe to repeat."""
    for each in namespaces.names():
        if _token_of(each) == token:
            namespaces.remove(each)
    with suppress(FileNotFoundError):
        shutil.rmtree(pins(token))


def remove_leftovers() -> None:
    """Remove everything that carries the token of a dead owner; what belongs to a live one is not touched."""
    candidates = [*namespaces.names(), *(os.listdir(BPFFS) if BPFFS.is_dir() else [])]
    tokens = {found for each in candidates if (found := _token_of(each)) is not None}
    for dead in sorted(each for each in tokens if not is_alive(each)):
        remove(dead)


def _token_of(name: str) -> str | None:
    match = _NAME.fullmatch(name)
    return match["token"] if match is not None else None


def _process_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _start_of(process: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), stat, fields 3 and 22); None when it is dead.

    A process that was killed but whose parent has not asked yet (Z) is dead.
    """
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(words[19]) if words[0] not in "ZX" else None
