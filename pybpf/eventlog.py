"""Reading the datapath's log: the newest records, kept by the kernel in memory that readers map.

Any number of readers look at it, each at its own place. A record is whole when its number is the one expected, before and after
it was copied; a reader that was overtaken knows how many it has missed.
"""

from __future__ import annotations

import mmap
import time
from types import TracebackType
from typing import Final, Self

from pybpf.kernel_progs import abi
from pybpf.maps import Map

POLL_SECONDS: Final = 0.005
_SIZE: Final = len(bytes(abi.Event()))


class LogReader:
    """One reader's place in the log. Borrows the maps, which may be closed once it is made. `lost` counts records it came too late for."""

    def __init__(self, log: Map, head: Map, *, from_start: bool = False) -> None:
        self._capacity = log.max_entries
        self._log = mmap.mmap(log.fileno(), -(-self._capacity * _SIZE // mmap.PAGESIZE) * mmap.PAGESIZE, prot=mmap.PROT_READ)
        self._head = mmap.mmap(head.fileno(), mmap.PAGESIZE, prot=mmap.PROT_READ)
        self.lost = 0
        self._next = max(0, self._written() - self._capacity) if from_start else self._written()

    def read(self, timeout_ms: int) -> list[bytes]:
        """The records since the last call, oldest first; waits up to `timeout_ms` for the first one."""
        until = time.monotonic() + timeout_ms / 1000
        while not (found := self._available()) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return found

    def close(self) -> None:
        """Let go of the memory. Closing twice does nothing."""
        self._log.close()
        self._head.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _written(self) -> int:
        return int.from_bytes(self._head[:8], "little")

    def _available(self) -> list[bytes]:
        records: list[bytes] = []
        written = self._written()
        if written - self._next > self._capacity:
            self.lost += written - self._capacity - self._next
            self._next = written - self._capacity
        while self._next < written:
            start = self._next % self._capacity * _SIZE
            record = self._log[start : start + _SIZE]
            expected = (self._next + 1).to_bytes(8, "little")
            if record[:8] == expected and self._log[start : start + 8] == expected:
                records.append(record)
            elif int.from_bytes(self._log[start : start + 8], "little") > self._next + 1:
                self.lost += 1  # overwritten meanwhile
            else:
                break  # still being written
            self._next += 1
        return records
