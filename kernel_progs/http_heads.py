"""What the parts of a request head come to: which rule allows it, where its body ends, whether another request may follow."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function, u32, u64, wrap
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.http_arrays import START, choices, settings, wanted
from pybpf.kernel_progs.matching import (
    CHUNK_BYTES,
    MAX_CHOICES,
    MAX_HEAD_BYTES,
    MAX_HEADER_LINES,
    MAX_TARGET_BYTES,
    MOST_HEADS,
    Choice,
    Chunk,
    Matcher,
    Seen,
)

CHOICE_MASK: Final = Choice.WEBSOCKET - 1  # Choice.AUDITED stays
HEAD_BYTES: Final = 5
HEAD_WORD: Final = int.from_bytes(b"HEAD ", "little")
HEAD_MASK: Final = (1 << 8 * HEAD_BYTES) - 1


@function
def note_header(matcher: Matcher, mark: int) -> u32:
    """Remember a header that may be there once; REPEATED when this head had it before."""
    if (matcher.seen & mark) != 0:
        return Reason.REPEATED
    matcher.seen |= mark
    return Reason.POLICY


@function
def note_condition(matcher: Matcher, number: u32) -> u32:
    """The same of a header that rules name; that it is there is a condition of its own."""
    bit = 1 << (number & 63)
    if (matcher.conditions & bit) != 0:
        return Reason.REPEATED
    matcher.conditions |= bit
    return Reason.POLICY


@function
def note_line(chunk: Chunk) -> u32:
    """Another header line begins: POLICY (0), or TOO_LARGE when there are too many."""
    matcher = chunk.matcher
    matcher.lines = (matcher.lines + 1) & 0xFFFF
    return Reason.POLICY if matcher.lines <= MAX_HEADER_LINES + 1 else Reason.TOO_LARGE  # the empty one is counted, too


@function
def end_request_line(chunk: Chunk, choice: u32) -> u32:
    """A request line is complete; `choice` is the first of the rules that it leaves."""
    chunk.matcher.choice = choice
    return Reason.POLICY if head_length(chunk) <= MAX_TARGET_BYTES else Reason.TOO_LARGE


@function
def head_length(chunk: Chunk) -> u64:
    """Bytes of the head being read, up to the present one."""
    return wrap(u64, chunk.matcher.head_bytes + chunk.position - chunk.head_start)


@function
def end_head(chunk: Chunk) -> u32:
    """A head is complete: POLICY (0), with what follows it set up, or why it is refused after all."""
    matcher = chunk.matcher
    if head_length(chunk) > MAX_HEAD_BYTES:
        return Reason.TOO_LARGE
    if (matcher.seen & Seen.HOST) == 0:
        return Reason.NO_HOST
    if (matcher.seen & (Seen.LENGTH | Seen.CHUNKED)) == (Seen.LENGTH | Seen.CHUNKED):
        return Reason.REPEATED
    if not choose(matcher):
        return Reason.REQUEST
    if (matcher.seen & Seen.UPGRADE) != 0:
        if (matcher.seen & Seen.CHUNKED) != 0 or matcher.length != 0:
            return Reason.REQUEST
        matcher.awaits = 1
    note_request(chunk)
    matcher.is_last = 1 if (matcher.seen & Seen.CLOSE) != 0 else 0
    if (matcher.seen & Seen.CHUNKED) != 0:
        matcher.in_chunks = 1
        begin_chunk(matcher)
        return Reason.POLICY
    matcher.opaque_left = matcher.length
    return begin_head(chunk)


@function
def note_request(chunk: Chunk) -> None:
    """A head is let through: where it started, its rule, and whether its reply has a body."""
    matcher = chunk.matcher
    bit = 1 << (matcher.requests & 63)
    if note_method(chunk) == HEAD_BYTES:
        matcher.bodiless |= bit
    else:
        matcher.bodiless &= ~bit
    matcher.requests = (matcher.requests + 1) & 0xFFFFFFFF
    if chunk.heads < MOST_HEADS:
        chunk.head_starts[chunk.heads & (MOST_HEADS - 1)] = chunk.head_at
        chunk.head_rules[chunk.heads & (MOST_HEADS - 1)] = matcher.rule
    chunk.heads = (chunk.heads + 1) & 0xFFFF


@function
def note_method(chunk: Chunk) -> u32:
    """How many of the first bytes of the head being read are those of b"HEAD ": what came before this chunk was noted."""
    if chunk.matcher.head_bytes == 0:
        return HEAD_BYTES if (chunk.octets.word(chunk.head_start & (CHUNK_BYTES - 1)) & HEAD_MASK) == HEAD_WORD else 0
    note_beginning(chunk)
    return chunk.matcher.as_head


@function
def note_beginning(chunk: Chunk) -> None:
    """How far a head that comes in pieces begins as b"HEAD " does, with what this chunk has of it."""
    matcher = chunk.matcher
    if matcher.head_bytes >= HEAD_BYTES:
        return
    alike: u32 = matcher.as_head
    for index in range(HEAD_BYTES):
        at: u32 = wrap(u32, chunk.head_start + index - matcher.head_bytes)
        if index >= matcher.head_bytes and index == alike and at < chunk.length:
            if chunk.octets[at & (CHUNK_BYTES - 1)] == (HEAD_WORD >> (index * 8)) & 0xFF:
                alike = index + 1
    matcher.as_head = alike & 0xFF


@function
def choose(matcher: Matcher) -> bool:
    """Whether a rule allows the head: the first, of those that its request line leaves, whose conditions it meets."""
    at: u32 = matcher.choice
    asks = (matcher.seen & Seen.UPGRADE) != 0
    for _ in range(MAX_CHOICES):
        choice = choices[at & (len(choices) - 1)]
        is_for = (choice & Choice.WEBSOCKET) != 0
        if (wanted[at & (len(wanted) - 1)] & ~matcher.conditions) == 0 and is_for == asks:
            matcher.rule = choice & CHOICE_MASK
            return True
        if (choice & Choice.LAST) != 0:
            break
        at = wrap(u32, at + 1)
    return False


@function
def begin_head(chunk: Chunk) -> u32:
    """The next byte starts a request, once an opaque body is behind it; AFTER_CLOSE for any byte of one when the last said "close", or
    asks for another protocol."""
    matcher = chunk.matcher
    position = chunk.position
    position += skip_opaque(matcher, wrap(u64, chunk.length - position))
    matcher.seen = 0
    matcher.conditions = 0
    matcher.length = 0
    matcher.lines = 0
    matcher.head_bytes = 0
    matcher.in_chunks = 0
    matcher.status = 0
    matcher.as_head = 0
    matcher.fresh = 1 if position >= chunk.length else 0
    chunk.head_start = position & 0xFFFF
    chunk.head_at = wrap(u32, chunk.base + position)
    chunk.row = settings[START]
    chunk.position = position & 0xFFFF
    if (matcher.is_last != 0 or matcher.awaits != 0) and matcher.fresh == 0:
        return Reason.AFTER_CLOSE
    return Reason.POLICY


@function
def skip_opaque(matcher: Matcher, available: int) -> int:
    """How many of the `available` bytes are opaque; they are taken off what is left of them."""
    taken = matcher.opaque_left if matcher.opaque_left < available else available
    matcher.opaque_left -= taken
    return taken


@function
def begin_chunk(matcher: Matcher) -> None:
    """The framing of a chunk begins, or it ends and its octets follow."""
    matcher.opaque_left = matcher.length
    matcher.length = 0


@function
def add_digit(matcher: Matcher, digit: u32) -> None:
    """A decimal digit of content-length; the grammar has at most fifteen."""
    matcher.length = wrap(u64, matcher.length * 10 + digit)


@function
def add_hexadecimal(matcher: Matcher, octet: u32) -> None:
    """A digit of a chunk's size, in either case; the grammar has at most eight."""
    matcher.length = wrap(u64, matcher.length * 16 + (octet & 15) + (octet >> 6) * 9)
