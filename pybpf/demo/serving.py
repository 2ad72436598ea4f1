"""Namespace and port -> a running flights service, and the requests that reached it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pybpf.demo import namespaces, service

READY_SECONDS: Final = 10.0
# The longest wait of a connection that is being read or written, and a little for the rest.
FINISH_SECONDS: Final = service.IDLE_SECONDS + 2.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that reached the service; method and path are empty or raw where it made no sense to it."""

    method: str
    path: str
    client_address: str
    client_port: int


class Serving:
    """A service that runs; owned by the block of `serve`."""

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    def arrivals(self) -> tuple[Arrival, ...]:
        """The requests that have reached the service so far; complete once it has finished."""
        text = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        return tuple(_arrival(line) for line in text.splitlines())

    def finish(self) -> tuple[Arrival, ...]:
        """End the service after it has read whatever had arrived, and return every request that ever reached it.

        Raises OSError when it does not end as it should: then its log may lack requests and proves nothing.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FINISH_SECONDS)
        if self._process.returncode != 0:
            raise OSError(f"the flights service did not end well (status {self._process.returncode}): its log may lack requests")
        return self.arrivals()


@contextmanager
def serve(namespace: str, port: int) -> Iterator[Serving]:
    """The flights service, listening on `port` of every address of the namespace; killed when the block is left.

    Raises OSError when it does not come up.
    """
    # A file without a name: readable at any time, never full, and gone with the last process that has it.
    with tempfile.TemporaryFile() as log, namespaces.run(namespace, lambda: _start(port, log)) as process:
        try:
            _await_ready(process)
            yield Serving(process, log)
        finally:
            process.kill()


def _start(port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", str(Path(service.__file__)), str(port), str(log.fileno())]
    # A session of its own: Ctrl-C at the terminal is for the demo, which then ends the service.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(log.fileno(),), start_new_session=True
    )


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
    if not readable or process.stdout.readline() != b"ready\n":
        raise OSError("the flights service did not come up: what it says about it is on standard error")


def _arrival(line: bytes) -> Arrival:
    record = json.loads(line)
    return Arrival(record["method"], record["path"], record["address"], record["port"])
