"""Reading a ring buffer map (Documentation/bpf/ringbuf.rst): records in the order in which programs reserved them.

A record that is still being written holds back those after it, which is what keeps the order; discarded ones are stepped over.
What found no room was dropped by the program, which alone can count it.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from .kinds import MapType
from .maps import Map
from .syscalls import Ring

FOREVER_MS = -1


class RingReader:
    """The one reader of a ring buffer map. Borrows the map, which must stay open as long as the reader."""

    __slots__ = ("_poll", "_ring", "_size")

    def __init__(self, ring_map: Map) -> None:
        if ring_map.type is not MapType.RINGBUF:
            raise TypeError(f"map {ring_map.name!r} is a {ring_map.type.name}, not a RINGBUF")
        self._size = ring_map.max_entries
        self._ring = Ring(ring_map.fileno(), self._size)
        self._poll = select.poll()
        self._poll.register(ring_map.fileno(), select.POLLIN)

    def read(self, timeout_ms: int) -> list[bytes]:
        """The records that are there, oldest first; waits up to `timeout_ms` (FOREVER_MS: without end) for the first one.

        At most a ring's worth is taken, so that a busy program cannot keep the reader here.
        """
        records = self._available()
        if not records and self._poll.poll(timeout_ms):
            records = self._available()
        return records

    def __iter__(self) -> Iterator[bytes]:
        """Each record as it comes, without end."""
        while True:
            yield from self.read(FOREVER_MS)

    def close(self) -> None:
        """Give the ring's memory back. Closing twice does nothing."""
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _available(self) -> list[bytes]:
        records, taken = [], 0
        while taken < self._size:
            record = self._ring.take()
            if record is None:
                break
            records.append(record)
            taken += len(record) + 8
        return records
