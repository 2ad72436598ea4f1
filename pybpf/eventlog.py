"""Reading the datapath's log: the newest records, kept by the kernel in memory that readers map.

Any number of readers look at it, each at its own place. A record is whole when its number is the one expected, before and after
it was copied; a reader that was overtaken knows how many it has missed. A record about a request has the beginning of the request's head
beside it, and later what was replied.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from pybpf.kernel_progs import abi
from pybpf.maps import Map

POLL_SECONDS: Final = 0.005
MAPS: Final = ("log", "log_head", "log_texts", "log_replies")  # what a reader needs
_SIZES: Final = {"log": len(bytes(abi.Event())), "log_texts": abi.TEXT_BYTES, "log_replies": len(bytes(abi.Replied()))}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: abi.Event; of a request how its head begins, else nothing; abi.Replied, None as long as nothing was replied."""

    event: bytes
    text: bytes
    reply: bytes | None


class LogReader:
    """One reader's place in the log. Borrows the maps, which may be closed once it is made. `lost` counts records it came too late for."""

    def __init__(self, maps: Mapping[str, Map], *, from_start: bool = False) -> None:
        self._capacity = maps["log"].max_entries
        self._memory = {name: _mapped(maps[name], self._capacity * size) for name, size in _SIZES.items()}
        self._head = _mapped(maps["log_head"], mmap.PAGESIZE)
        self.lost = 0
        self._next = max(0, self._written() - self._capacity) if from_start else self._written()

    def read(self, timeout_ms: int, *, patience_ms: int = 0) -> list[Record]:
        """The records since the last call, oldest first; waits up to `timeout_ms` for the first one. A request that is not older than
        `patience_ms` is left, with all that came after it, until it was replied to."""
        until = time.monotonic() + timeout_ms / 1000
        while not (found := self._available(patience_ms * 1_000_000)) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return found

    def close(self) -> None:
        """Let go of the memory. Closing twice does nothing."""
        for memory in (*self._memory.values(), self._head):
            memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _written(self) -> int:
        return int.from_bytes(self._head[:8], "little")

    def _available(self, patience_ns: int) -> list[Record]:
        records: list[Record] = []
        written = self._written()
        if written - self._next > self._capacity:
            self.lost += written - self._capacity - self._next
            self._next = written - self._capacity
        while self._next < written:
            record = self._record()
            if record is not None:
                if self._is_awaited(record, patience_ns):
                    break
                records.append(record)
            elif int.from_bytes(self._part("log")[:8], "little") > self._next + 1:
                self.lost += 1  # overwritten meanwhile
            else:
                break  # still being written
            self._next += 1
        return records

    def _record(self) -> Record | None:
        """The next one, if it is whole."""
        expected = (self._next + 1).to_bytes(8, "little")
        event = self._part("log")
        if event[:8] != expected:
            return None
        text, reply = self._part("log_texts"), self._part("log_replies")
        if self._part("log")[:8] != expected:
            return None
        is_reply = reply[:8] == expected == self._part("log_replies")[:8]
        return Record(event, text[: abi.Event.view(bytearray(event)).text_bytes], reply if is_reply else None)

    def _part(self, name: str) -> bytes:
        """Of the record that is next, what this map has."""
        size = _SIZES[name]
        start = self._next % self._capacity * size
        return self._memory[name][start : start + size]

    def _is_awaited(self, record: Record, patience_ns: int) -> bool:
        """Whether a reply is still to be waited for."""
        if not patience_ns or not record.text or record.reply is not None:
            return False
        event = abi.Event.view(bytearray(record.event))
        return event.verdict == abi.Verdict.FORWARDED and time.monotonic_ns() - event.time_ns < patience_ns


def _mapped(map_: Map, octets: int) -> mmap.mmap:
    return mmap.mmap(map_.fileno(), -(-octets // mmap.PAGESIZE) * mmap.PAGESIZE, prot=mmap.PROT_READ)
