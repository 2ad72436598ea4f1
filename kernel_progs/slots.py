"""The table of inspected connections: an array of slots, each held by one CPU at a time and good for the connection whose key it has.

An element of a hash map may be given to another key while a program still writes through its pointer. A slot's memory stays where it
is, and who writes in it has made sure: it is taken by compare-and-swap on `busy`, and its key read after that. A connection knows its
slot by number (Connection.stream); where that number is wrong or out of date, the key says so, and the connection is as good as
unknown. Slots are given out at the SYN, by chance among CANDIDATES, so that nobody can choose whose neighbour he is; an open
stream keeps its slot for as long as its connection lives.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import (
    Struct,
    callback,
    function,
    get_prandom_u32,
    ktime_get_coarse_ns,
    repeat,
    u32,
    u64,
    wrap,
)
from pybpf.kernel_progs.abi import MAX_STREAMS, NO_STREAM
from pybpf.kernel_progs.connections import SECOND_NS, is_alive, is_same
from pybpf.kernel_progs.matching import Scratch, Stream, StreamState
from pybpf.kernel_progs.state import connections, streams

CANDIDATES: Final = 32  # a table nine tenths full still has room for 29 of 30
SPINS: Final = 1024  # about five microseconds: as long as a packet of a few pieces is judged
HALF_OPEN_NS: Final = 5 * SECOND_NS  # for the receiver's answer, and for the opener's to that
REFUSED_NS: Final = 10 * SECOND_NS  # in which the opener hears that it is over


class Search(Struct):
    """What looking for a slot carries from candidate to candidate."""

    now_ns: u64
    at: u32
    step: u32
    found: u32
    pad: u32


class Wait(Struct):
    """What waiting for a slot carries from round to round."""

    slot: u32
    held: u32


@function
def known_stream(scratch: Scratch) -> Stream | None:
    """The stream of the scratch's connection; None when it has none (any more). Only a look: it may be another's the next moment."""
    stream = streams.lookup(scratch.stream)
    if stream is None or scratch.stream == NO_STREAM or not is_same(stream.key, scratch.key):
        return None
    return stream


@function
def hold(stream: Stream, scratch: Scratch) -> bool:
    """Take the slot of the scratch's connection; False when another CPU keeps it all the while. Then look at the key, and `release` it."""
    if stream.compare_exchange("busy", 0, 1) == 0:
        return True
    wait = Wait()
    wait.slot = scratch.stream
    repeat(SPINS, try_to_hold, wait)
    return wait.held != 0


@callback
def try_to_hold(number: u32, wait: Wait) -> bool:
    """One round of waiting."""
    stream = streams.lookup(wait.slot)
    if stream is None:
        return True
    if stream.busy == 0 and stream.compare_exchange("busy", 0, 1) == 0:
        wait.held = 1
    return wait.held != 0


@function
def release(stream: Stream) -> None:
    """Let others have it. What was written before is there for whoever takes it next (x86 keeps the order of stores)."""
    stream.exchange("busy", 0)


@function
def find_slot(scratch: Scratch) -> Stream | None:
    """A slot for the scratch's connection, held, and its number in scratch.stream; None when no candidate is to be had. What it says is
    still what it said of somebody else."""
    search = Search()
    search.now_ns = scratch.now_ns
    search.at = get_prandom_u32()
    search.step = get_prandom_u32() | 1
    repeat(CANDIDATES, try_candidate, search)
    scratch.stream = search.found
    stream = streams.lookup(search.found)
    return None if search.found == NO_STREAM else stream


@callback
def try_candidate(number: u32, search: Search) -> bool:
    """Whether one slot is to be had; it is then held, and search.found."""
    slot: u32 = search.at & (MAX_STREAMS - 1)
    search.at = wrap(u32, search.at + search.step)
    stream = streams.lookup(slot)
    if stream is None or slot == NO_STREAM or not is_to_be_had(stream, slot, search.now_ns):
        return False
    if stream.compare_exchange("busy", 0, 1) != 0:
        return False
    if is_to_be_had(stream, slot, search.now_ns):
        search.found = slot
        return True
    release(stream)
    return False


@function
def is_to_be_had(stream: Stream, slot: u32, now_ns: u64) -> bool:
    """Whether the slot is nobody's, or its stream's time is over. An open one lives as long as its connection does."""
    state = stream.state
    if state == StreamState.FREE:
        return True
    if state == StreamState.OPEN:
        return not has_connection(stream, slot, now_ns)
    silent_ns = wrap(u64, now_ns - stream.changed_ns) if now_ns > stream.changed_ns else 0
    return silent_ns > (REFUSED_NS if state == StreamState.REFUSED else HALF_OPEN_NS)


@function
def has_connection(stream: Stream, slot: u32, now_ns: u64) -> bool:
    """Whether a live connection has its stream in this slot. Of the entry, the key is read last (connections.py)."""
    connection = connections.lookup(stream.key)
    if connection is None:
        return False
    alive = connection.stream == slot and is_alive(connection.seen_ns, now_ns, connection.key.protocol, connection.state)
    return ktime_get_coarse_ns() != 0 and alive and is_same(connection.key, stream.key)
