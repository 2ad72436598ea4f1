"""RingBuffer: records to user space, in one order over all CPUs (Documentation/bpf/ringbuf.rst).

A record lies in the ring behind a header of 8 bytes, padded to a multiple of 8:

    | length and state, u32 | page offset, u32 | record ... | padding |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from mmap import PAGESIZE
from typing import TypeVar

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import u64
from pybpf.compiler.lang.maps.declaration import Declaration
from pybpf.compiler.lang.maps.facts import MapType
from pybpf.compiler.lang.memory import Struct, memory_of

S = TypeVar("S", bound=Struct)
_TypeOf = type[S]  # for use in a class whose own `type` is the map's
_HEADER_OCTETS = 8
_UNWRITTEN = 0xA5  # what reserved memory holds in CPython: in the kernel, whatever was there before
_MAX_SIZE_BYTES = 1 << 31  # the largest power of two that max_entries holds


class RingQuery(IntEnum):
    """What `query` asks for."""

    AVAILABLE_BYTES = 0  # not read yet
    SIZE_BYTES = 1
    CONSUMER_POSITION = 2
    PRODUCER_POSITION = 3


class _State(Enum):
    """What became of a reservation."""

    BUSY = auto()
    SUBMITTED = auto()
    DISCARDED = auto()


@dataclass(slots=True)
class _Entry:
    """A reservation that user space does not see yet, for it or one before it is not finished."""

    memory: bytearray
    state: _State


class RingBuffer(Declaration):
    """BPF_MAP_TYPE_RINGBUF of `size_bytes`, a power of two and of whole pages. Since 5.8.

    In CPython user space is whoever takes records from the list `records`; what it leaves there takes room.
    """

    type = MapType.RINGBUF

    def __init__(self, size_bytes: int) -> None:
        if size_bytes.bit_count() != 1 or not PAGESIZE <= size_bytes <= _MAX_SIZE_BYTES:
            raise ValueError(f"the size of a RingBuffer is a power of two from {PAGESIZE} to {_MAX_SIZE_BYTES} bytes, not {size_bytes}")
        super().__init__(None, None, size_bytes)
        self.records: list[bytes] = []
        self._unseen: list[_Entry] = []
        self._produced = 0

    @helper(130, "self record #record 0", "5.8")
    def output(self, record: Struct) -> bool:
        """Append a copy of `record`; False when there is no room (the record is then lost)."""
        entry = self._reserved(type(record).size_bytes)
        if entry is None:
            return False
        entry.memory[:] = bytes(record)
        self._finish(entry, _State.SUBMITTED)
        return True

    @helper(131, "self #kind 0", "5.8", acquires=True)
    def reserve(self, kind: _TypeOf[S]) -> S | None:
        """Room for a record to be written in place, or None when there is none. It is not zeroed.

        Every way on must `submit` or `discard` it; records after it wait until then.
        """
        entry = self._reserved(kind.size_bytes)
        return None if entry is None else kind.view(entry.memory)

    @helper(132, "record 0", "5.8", releases=True)
    def submit(self, record: Struct) -> None:
        """Give a reserved record to user space; the view is dead afterwards."""
        self._finish(self._entry_of(record), _State.SUBMITTED)
        memory_of(record).release()

    @helper(133, "record 0", "5.8", releases=True)
    def discard(self, record: Struct) -> None:
        """Give a reserved record up: user space never sees it; the view is dead afterwards."""
        self._finish(self._entry_of(record), _State.DISCARDED)
        memory_of(record).release()

    @helper(134, "self what", "5.8")
    def query(self, what: RingQuery) -> u64:
        """A number about the ring as it was a moment ago."""
        available = self._used_bytes()
        match what:
            case RingQuery.AVAILABLE_BYTES:
                return available
            case RingQuery.SIZE_BYTES:
                return self.max_entries
            case RingQuery.CONSUMER_POSITION:
                return self._produced - available
            case RingQuery.PRODUCER_POSITION:
                return self._produced

    @property
    def reserved(self) -> int:
        """How many reservations are neither submitted nor discarded; for tests, which want 0."""
        return sum(entry.state is _State.BUSY for entry in self._unseen)

    def _reserved(self, octets: int) -> _Entry | None:
        """A new entry, unless it would fill the ring to its last byte (__bpf_ringbuf_reserve, kernel/bpf/ringbuf.c)."""
        if self._used_bytes() + _octets_in_ring(octets) > self.max_entries - 1:
            return None
        self._produced += _octets_in_ring(octets)
        self._unseen.append(_Entry(bytearray([_UNWRITTEN] * octets), _State.BUSY))
        return self._unseen[-1]

    def _finish(self, entry: _Entry, state: _State) -> None:
        """End a reservation, and show user space all that no unfinished one stands before."""
        entry.state = state
        while self._unseen and self._unseen[0].state is not _State.BUSY:
            first = self._unseen.pop(0)
            if first.state is _State.SUBMITTED:
                self.records.append(bytes(first.memory))

    def _entry_of(self, record: Struct) -> _Entry:
        found = next((entry for entry in self._unseen if entry.memory is memory_of(record).obj), None)
        assert found is not None and found.state is _State.BUSY, "only what `reserve` gave can be submitted or discarded, and only once"
        return found

    def _used_bytes(self) -> int:
        waiting = sum(_octets_in_ring(len(entry.memory)) for entry in self._unseen)
        return waiting + sum(_octets_in_ring(len(record)) for record in self.records)


def _octets_in_ring(octets: int) -> int:
    return _HEADER_OCTETS + octets + -octets % 8
