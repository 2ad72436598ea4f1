"""The receiver's bytes of an inspected connection: which of them are new, and of no body. They all pass; nothing here holds them up.

Who follows them has `reply_busy`. A packet that finds it taken is not followed, nor is one from behind; where that leaves a gap in what is
read, it is no longer known where replies begin, and `lost` says so.
"""

from __future__ import annotations

from pybpf.compiler.lang import function, u32, u64, wrap
from pybpf.kernel_progs.matching import Matcher, Reply, Scratch, Stream
from pybpf.kernel_progs.sequences import ahead_of


@function
def takes_reply(scratch: Scratch, stream: Stream) -> bool:
    """Whether the packet has bytes to be read: scratch names those, and `reply_busy` is ours. Those of bodies are stepped over here."""
    if stream.reply.lost != 0 or stream.compare_exchange("reply_busy", 0, 1) != 0:
        return False
    if has_new_bytes(scratch, stream.reply):
        return True
    release_reply(stream)
    return False


@function
def release_reply(stream: Stream) -> None:
    """Let others follow."""
    stream.exchange("reply_busy", 0)


@function
def has_new_bytes(scratch: Scratch, reply: Reply) -> bool:
    """The same, of replies that are ours."""
    behind: u32 = ahead_of(reply.next_sequence, scratch.sequence)
    if behind >= 0x80000000:
        skipped: u32 = wrap(u32, 0 - behind)
        if skipped > reply.opaque_left:
            reply.lost = 1
            return False
        skip_body(reply, skipped)
    elif behind != 0:
        if behind >= scratch.payload_length:
            return False
        scratch.sequence = reply.next_sequence
        scratch.payload_offset = wrap(u32, scratch.payload_offset + behind)
        scratch.payload_length = wrap(u32, scratch.payload_length - behind)
    if scratch.payload_length > reply.opaque_left:
        return True
    skip_body(reply, scratch.payload_length)
    return False


@function
def skip_body(reply: Reply, octets: u32) -> None:
    """So many bytes of a body are behind us."""
    reply.next_sequence = wrap(u32, reply.next_sequence + octets)
    reply.opaque_left = wrap(u64, reply.opaque_left - octets)


@function
def begin_replies(stream: Stream, sequence: u32) -> None:
    """A connection is new; the receiver's first byte will have this number."""
    fresh = Reply()
    fresh.fresh = 1
    fresh.next_sequence = sequence
    stream.reply.copy_from(fresh)
    stream.upgrade = 0
    stream.asked_event = 0
    stream.asked = 0


@function
def is_nothing_outstanding(stream: Stream, requests: u32, acknowledgement: u32) -> bool:
    """Whether so many requests are answered wholly, and the opener, which acknowledges that much, has all of the replies."""
    if stream.reply.lost != 0 or stream.reply.fresh == 0 or stream.reply.in_chunks != 0 or stream.reply.opaque_left != 0:
        return False
    if stream.reply.answers != requests or stream.reply.next_sequence != acknowledgement:
        return False
    return stream.reply_sequence == acknowledgement


@function
def as_matcher(reply: Reply, matcher: Matcher, tables: u32) -> None:
    """What the automaton goes on with."""
    fresh = Matcher()
    fresh.state = reply.state
    fresh.tables = tables
    fresh.head_bytes = reply.head_bytes
    fresh.seen = reply.seen
    fresh.requests = reply.answers
    fresh.lines = reply.lines
    fresh.fresh = reply.fresh
    fresh.in_chunks = reply.in_chunks
    fresh.status = reply.status
    fresh.length = reply.length
    fresh.opaque_left = reply.opaque_left
    matcher.copy_from(fresh)


@function
def as_reply(matcher: Matcher, reply: Reply, next_sequence: u32) -> None:
    """Where it stands now, and which byte is next."""
    reply.state = matcher.state
    reply.head_bytes = matcher.head_bytes
    reply.seen = matcher.seen & 0xFFFF
    reply.answers = matcher.requests
    reply.lines = matcher.lines
    reply.fresh = matcher.fresh
    reply.in_chunks = matcher.in_chunks
    reply.status = matcher.status
    reply.length = matcher.length
    reply.opaque_left = matcher.opaque_left
    reply.next_sequence = next_sequence
