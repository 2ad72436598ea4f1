"""Network namespaces by name: make, run inside, list, remove.

A name is a file in /run/netns that holds the namespace, as `ip netns` has it. In Linux a network namespace belongs
to a thread, so work inside one is done by a thread of its own: the caller's thread never changes its namespace.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from pyroute2 import netns

FOLDER: Final = Path(netns.NETNS_RUN_DIR)
DEATH_TIMEOUT_SECONDS: Final = 2.0
# Given to pyroute2, which would otherwise ask ldconfig for the C library on every call.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


def make(name: str) -> None:
    """Make an empty namespace. Raises FileExistsError when the name is taken, OSError when the kernel refuses."""
    netns.create(name, libc=_LIBC)


def names() -> list[str]:
    """Every namespace that has a name, sorted."""
    return sorted(netns.listnetns())


def run(namespace: str, job: Callable[[], T]) -> T:
    """What `job` returns or raises, called by a thread inside the namespace.

    Sockets opened and processes started by `job` stay in the namespace. Returns only when `job` has ended, also when
    the caller is interrupted: a job bounds its own waiting.
    """

    def entered() -> T:
        netns.setns(namespace, flags=0, libc=_LIBC)  # 0: a name that is not there is an error, not a new namespace
        return job()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(entered).result()


def remove(name: str) -> None:
    """Kill the processes inside, wait for their end, and take the name away; the interfaces go with the namespace.

    A name that is gone already, perhaps taken away by someone else meanwhile, is no error.
    """
    with suppress(FileNotFoundError):
        for pidfd in _inhabitants(name):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            select.select([pidfd], [], [], DEATH_TIMEOUT_SECONDS)
        netns.remove(name, libc=_LIBC)


def _inhabitants(name: str) -> Iterator[int]:
    """A pidfd of each process in the namespace but the caller's; closed when the next is asked for.

    The pidfd is opened before the namespace is compared: from then on it cannot mean another process.
    """
    home = (FOLDER / name).stat()
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        with suppress(ProcessLookupError, FileNotFoundError, PermissionError):
            pidfd = os.pidfd_open(int(entry))
            try:
                lives_in = os.stat(f"/proc/{entry}/ns/net")
                if (lives_in.st_dev, lives_in.st_ino) == (home.st_dev, home.st_ino):
                    yield pidfd
            finally:
                os.close(pidfd)
