"""Judged bytes that the receiver has not acknowledged: kept, so that they can come again, and only they.

What a matcher was fed lies in pages, at most CHUNK_BYTES in each, that a stream has in a ring in the order of their sequence numbers.
Every byte between `acknowledged` and `next_sequence` either lies in a page or is opaque: a packet whose bytes find no room is dropped
before it passes, and a page is given back only when the receiver has acknowledged all of it. A page belongs to the stream whose slot
is its `owner`, which is written by compare-and-swap; whoever holds that slot may use it.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Skb, Struct, callback, function, get_prandom_u32, repeat, u8, u32, u64, wrap
from pybpf.kernel_progs.abi import MAX_RETAINED, NO_PAGE
from pybpf.kernel_progs.matching import CHUNK_BYTES, MOST_PAGES, Chunk, Retained, Scratch, Stream, StreamState
from pybpf.kernel_progs.sequences import ahead_of, is_ahead
from pybpf.kernel_progs.slots import is_to_be_had, release
from pybpf.kernel_progs.state import incoming, retained, scratches, streams

RING: Final = MOST_PAGES - 1
OFFSET_MASK: Final = CHUNK_BYTES - 1
SHORT: Final = 128  # bytes that are put behind those of the last page; more get a page of their own
CANDIDATES: Final = 16  # looked at for a free page; then as many whose owner may be done with them
WORDS: Final = 8  # compared in one round
ROUND_BYTES: Final = 8 * WORDS


class PageSearch(Struct):
    """What looking for a page carries from candidate to candidate."""

    now_ns: u64
    owner: u32
    at: u32
    step: u32
    found: u32


class Ring(Struct):
    """What giving pages back carries from one to the next."""

    slot: u32
    sequence: u32


class Comparison(Struct):
    """Bytes of a page and as many of a packet, in `incoming`."""

    page: u32
    offset: u32  # in the page
    length: u32  # 1 to CHUNK_BYTES
    differs: u32


# ---- keeping ----


@function
def retain(packet: Skb, scratch: Scratch, stream: Stream, chunk: Chunk) -> bool:
    """Keep the bytes that `chunk` has judged, which begin at scratch.position of the packet; False when there is no room for them."""
    sequence: u32 = wrap(u32, scratch.sequence + scratch.position)
    if append(stream, chunk, sequence):
        return True
    number: u32 = take_page(scratch) if stream.held < MOST_PAGES else NO_PAGE
    page = retained.lookup(number)
    length: u32 = chunk.length
    if page is None or number == NO_PAGE or length == 0 or length > CHUNK_BYTES:
        return False
    if not packet.load_bytes(wrap(u32, scratch.payload_offset + scratch.position), page.octets, length):
        page.owner = 0
        return False
    page.sequence = sequence
    page.length = length
    stream.pages[(stream.first + stream.held) & RING] = number & 0xFFFF
    stream.held += 1
    return True


@function
def append(stream: Stream, chunk: Chunk, sequence: u32) -> bool:
    """Put a few bytes into the last page, where they follow what is in it and have room."""
    if stream.held == 0 or chunk.length > SHORT:
        return False
    last = retained.lookup(stream.pages[(stream.first + stream.held - 1) & RING])
    if last is None or wrap(u32, last.sequence + last.length) != sequence or last.length + chunk.length > CHUNK_BYTES:
        return False
    for index in range(SHORT):
        if index >= chunk.length:
            break
        last.octets[(last.length + index) & OFFSET_MASK] = chunk.octets[index]
    last.length = wrap(u32, last.length + chunk.length)
    return True


@function
def take_page(scratch: Scratch) -> u32:
    """A page for the scratch's stream: the one given back last on this CPU, which is in its cache, or one of some by chance; or NO_PAGE."""
    spare = retained.lookup(scratch.spare)
    if spare is not None and scratch.spare != NO_PAGE and spare.owner == 0:
        if spare.compare_exchange("owner", 0, scratch.stream) == 0:
            return scratch.spare
    search = PageSearch()
    search.now_ns = scratch.now_ns
    search.owner = scratch.stream
    search.at = get_prandom_u32()
    search.step = get_prandom_u32() | 1
    repeat(2 * CANDIDATES, try_page, search)
    return search.found


@callback
def try_page(number: u32, search: PageSearch) -> bool:
    """Whether one page is to be had; it is then search.owner's, and search.found."""
    at: u32 = search.at & (MAX_RETAINED - 1)
    search.at = wrap(u32, search.at + search.step)
    page = retained.lookup(at)
    if page is None or at == NO_PAGE:
        return False
    if page.owner != 0 and number >= CANDIDATES:
        reclaim(page.owner, search.now_ns)
    if page.owner != 0 or page.compare_exchange("owner", 0, search.owner) != 0:
        return False
    search.found = at
    return True


@function
def reclaim(slot: u32, now_ns: u64) -> None:
    """Give back what this stream no longer needs: all of one whose time is over, and what is acknowledged of a silent one."""
    stream = streams.lookup(slot)
    if stream is None or stream.compare_exchange("busy", 0, 1) != 0:
        return
    if is_to_be_had(stream, slot, now_ns):
        give_all_back(stream, slot)
        stream.state = StreamState.FREE
    else:
        settle(stream, slot)
    release(stream)


# ---- giving back ----


@function
def settle(stream: Stream, slot: u32) -> None:
    """Take the receiver at its word as far as that goes on, and give back the pages that it has acknowledged. Of a stream that is held."""
    heard: u32 = stream.heard
    if is_ahead(heard, stream.acknowledged) and not is_ahead(heard, stream.next_sequence):
        stream.acknowledged = heard
        if stream.held != 0:
            ring = Ring()
            ring.slot = slot
            ring.sequence = heard
            repeat(MOST_PAGES, give_first_back, ring)


@function
def give_all_back(stream: Stream, slot: u32) -> None:
    """All pages of a stream that is held. A packet that is being judged may have some from next_sequence on."""
    ring = Ring()
    ring.slot = slot
    ring.sequence = wrap(u32, stream.next_sequence + MOST_PAGES * CHUNK_BYTES)
    repeat(MOST_PAGES, give_first_back, ring)


@callback
def give_first_back(number: u32, ring: Ring) -> bool:
    """The first page, when it ends at ring.sequence or before. True: there is no more to do."""
    stream = streams.lookup(ring.slot)
    if stream is None or stream.held == 0:
        return True
    page = retained.lookup(stream.pages[stream.first & RING])
    if page is None or is_ahead(wrap(u32, page.sequence + page.length), ring.sequence):
        return True
    give_back(page, stream.pages[stream.first & RING])
    stream.first = (stream.first + 1) & RING
    stream.held -= 1
    return False


@function
def take_back(stream: Stream, slot: u32) -> None:
    """Forget what was kept of a packet that does not pass after all: all from next_sequence on."""
    ring = Ring()
    ring.slot = slot
    ring.sequence = stream.next_sequence
    repeat(MOST_PAGES, give_last_back, ring)


@callback
def give_last_back(number: u32, ring: Ring) -> bool:
    """The last page, as far as it lies behind ring.sequence. True: there is no more to do."""
    stream = streams.lookup(ring.slot)
    if stream is None or stream.held == 0:
        return True
    page = retained.lookup(stream.pages[(stream.first + stream.held - 1) & RING])
    if page is None:
        return True
    before: u32 = ahead_of(ring.sequence, page.sequence)
    if before != 0 and before < 0x80000000:
        if before < page.length:
            page.length = before
        return True
    stream.held -= 1
    give_back(page, stream.pages[(stream.first + stream.held) & RING])
    return False


@function
def give_back(page: Retained, number: u32) -> None:
    """One page is nobody's, and the next that this CPU takes."""
    page.exchange("owner", 0)
    scratch = scratches.lookup(0)
    if scratch is not None:
        scratch.spare = number


# ---- comparing ----


@function
def is_as_retained(packet: Skb, scratch: Scratch, stream: Stream) -> bool:
    """Whether the bytes of a packet that begins between `acknowledged` and `next_sequence` are those that are kept, where any are."""
    for number in range(MOST_PAGES):
        if number >= stream.held:
            break
        if not fits(packet, scratch, stream.pages[(stream.first + number) & RING]):
            return False
    return True


@function
def fits(packet: Skb, scratch: Scratch, number: u32) -> bool:
    """Whether the packet says what this page does, where they overlap."""
    page = retained.lookup(number)
    beside = incoming.lookup(0)
    if page is None or beside is None:
        return False
    into_page: u32 = ahead_of(scratch.sequence, page.sequence)  # where the packet begins in the page
    into_packet: u32 = 0
    if into_page >= 0x80000000:
        into_packet = wrap(u32, 0 - into_page)
        into_page = 0
    if into_page >= page.length or into_packet >= scratch.payload_length:
        return True
    length: u32 = wrap(u32, page.length - into_page)
    if length > scratch.payload_length - into_packet:
        length = wrap(u32, scratch.payload_length - into_packet)
    if length == 0 or length > CHUNK_BYTES:
        return False
    if not packet.load_bytes(wrap(u32, scratch.payload_offset + into_packet), beside.octets, length):
        return False
    comparison = Comparison()
    comparison.page = number
    comparison.offset = into_page
    comparison.length = length
    repeat(CHUNK_BYTES // ROUND_BYTES, compare_part, comparison)
    return comparison.differs == 0


@callback
def compare_part(number: u32, comparison: Comparison) -> bool:
    """ROUND_BYTES of the two; True: they differ, or are at their end."""
    page = retained.lookup(comparison.page)
    beside = incoming.lookup(0)
    if page is None or beside is None:
        comparison.differs = 1
        return True
    at: u32 = wrap(u32, number * ROUND_BYTES)
    for _ in range(WORDS):
        if at + 8 > comparison.length:
            break
        if differ(page, beside, comparison, at) != 0:
            comparison.differs = 1
            return True
        at = wrap(u32, at + 8)
    left: u8 = 0
    if at < comparison.length and comparison.length - at < 8:
        left = (comparison.length - at) & 7
    if (differ(page, beside, comparison, at) & ((1 << (left * 8)) - 1)) != 0:
        comparison.differs = 1
    return comparison.differs != 0 or at >= comparison.length or left != 0


@function
def differ(page: Retained, beside: Retained, comparison: Comparison, at: u32) -> u64:
    """The bits in which eight bytes of the two differ, those at `at`."""
    return page.octets.word((comparison.offset + at) & OFFSET_MASK) ^ beside.octets.word(at & OFFSET_MASK)
