"""HTTP/1.1 request heads: a table-driven automaton over the bytes of one side of a connection.

One automaton knows the request lines of a rule set and the strict grammar of a head (RFC 9112). Whatever it
cannot go on with is refused at that byte. Invariant I2: the byte that completes a head is released only with
the verdict on that head. `feed` is a pure function of the stream's state and the bytes, so it does not matter
where packets are cut; it runs in CPython, in the IR interpreter and in the kernel.

Tables (section .data.tables, one copy per rule set; states are premultiplied by the row length):

    classes[256]            byte -> class
    transitions[row|class]  -> row of the next state
    actions[row >> shift]   what entering a special state means; special states have the lowest numbers
    rules[row >> shift]     the rule of a REQUEST_LINE state
    settings                [START, SKIP_LIMIT, SPECIAL_LIMIT, TAG]

Skipping jumps only over bytes on which the automaton would stay where it is, so it changes the cost, not the
meaning. The loops inside a round have no ways through but out: the verifier then follows each byte once.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import callback, function, global_array, repeat, u8, u32, u64, wrap
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.matching import CHUNK_BYTES, MAX_HEAD_BYTES, Action, Chunk, Matcher, Seen
from pybpf.kernel_progs.state import chunks

SECTION: Final = ".data.tables"
classes = global_array(u8, 256, SECTION)
transitions = global_array(u32, 65536, SECTION)
actions = global_array(u8, 256, SECTION)
rules = global_array(u32, 256, SECTION)
settings = global_array(u32, 4, SECTION)
START: Final = 0
SKIP_LIMIT: Final = 1  # rows below are states that bytes can be skipped in (and the dead one)
SPECIAL_LIMIT: Final = 2  # rows below have an action
TAG: Final = 3  # tells these tables from all others; never 0

STRIDE_SHIFT: Final = 6  # log2 of the row length; fixed when the program is compiled
OFFSET_MASK: Final = CHUNK_BYTES - 1
PASSES: Final = 2  # advances in a round

# Eight bytes at a time: the same byte in all places, and bit 7 of each place as its flag.
HIGH_BITS: Final = 0x8080808080808080
LOW_BITS: Final = 0x0101010101010101
LOWER_SEVEN: Final = 0x7F7F7F7F7F7F7F7F
SPACES: Final = 0x2020202020202020
DASHES: Final = 0x2D2D2D2D2D2D2D2D
FROM_A: Final = 0x1F1F1F1F1F1F1F1F  # added to seven bits, carries into bit 7 from 'a' on
AFTER_Z: Final = 0x0505050505050505  # the same, after 'z'


@function
def value_stops(word: int) -> int:
    """Flags the bytes outside 0x20..0x7e, exact up to the lowest of them."""
    return ((word - SPACES) | (word + LOW_BITS) | word) & HIGH_BITS


@function
def name_stops(word: int) -> int:
    """Flags the bytes that are neither ASCII letters nor '-', exactly."""
    folded = (word | SPACES) & LOWER_SEVEN
    letters = (folded + FROM_A) & ~(folded + AFTER_Z)
    other = word ^ DASHES
    dashes = ~(((other & LOWER_SEVEN) + LOWER_SEVEN) | other)
    return (~(letters | dashes) | word) & HIGH_BITS


@function
def bytes_before(stops: int) -> int:
    """How many bytes lie below the lowest flag; 0..7. `stops` is not 0."""
    below = (stops - 1) & LOW_BITS
    return (((below * LOW_BITS) >> 56) - 1) & 7


@function
def after_value(chunk: Chunk, position: int) -> int:
    """The first position from `position` on that is certainly no more than the next byte outside 0x20..0x7e."""
    for _ in range(CHUNK_BYTES // 16):
        if position >= chunk.length:
            break
        first = chunk.octets.word(position & OFFSET_MASK)
        second = chunk.octets.word((position & OFFSET_MASK) + 8)
        if (value_stops(first) | value_stops(second)) != 0:
            break
        position += 16
    chunk.position = position & 0xFFFF
    return after_word(chunk, chunk.position)


@function
def after_word(chunk: Chunk, position: int) -> int:
    """Up to sixteen bytes of a value further."""
    stops = value_stops(chunk.octets.word(position & OFFSET_MASK))
    if stops != 0:
        return position + bytes_before(stops)
    stops = value_stops(chunk.octets.word((position & OFFSET_MASK) + 8))
    return position + 8 + (bytes_before(stops) if stops != 0 else 8)


@function
def after_name(chunk: Chunk, position: int) -> int:
    """Up to sixteen bytes of a name further."""
    stops = name_stops(chunk.octets.word(position & OFFSET_MASK))
    if stops != 0:
        return position + bytes_before(stops)
    stops = name_stops(chunk.octets.word((position & OFFSET_MASK) + 8))
    return position + 8 + (bytes_before(stops) if stops != 0 else 8)


@function
def step(chunk: Chunk, row: u32, position: u32) -> None:
    """Bytes through the automaton until a special state or the end; leaves chunk.row and chunk.position."""
    left = wrap(u64, chunk.length - position)
    special_limit: u32 = settings[SPECIAL_LIMIT]
    done: u32 = 0
    for number in range(CHUNK_BYTES):
        done = number
        if number >= left:
            break
        byte: u8 = chunk.octets[(position + number) & OFFSET_MASK]
        row = transitions[(row + classes[byte]) & (len(transitions) - 1)]
        done = number + 1
        if row < special_limit:
            break
    chunk.row = row
    chunk.position = (position + done) & 0xFFFF


@function
def skip_opaque(matcher: Matcher, available: int) -> int:
    """How many of the `available` bytes are opaque; they are taken off what is left of them."""
    taken = matcher.opaque_left if matcher.opaque_left < available else available
    matcher.opaque_left -= taken
    return taken


@function
def note_header(matcher: Matcher, mark: int) -> u32:
    """Remember a framing header; SECOND_FRAMING when this head had it before."""
    if (matcher.seen & mark) != 0:
        return Reason.SECOND_FRAMING
    matcher.seen |= mark
    return Reason.POLICY


@function
def end_head(chunk: Chunk) -> u32:
    """A head is complete: POLICY (0) and a fresh start behind its body, or why it is refused after all."""
    matcher = chunk.matcher
    if wrap(u64, matcher.head_bytes + chunk.position - chunk.head_start) > MAX_HEAD_BYTES:
        return Reason.TOO_LARGE
    if (matcher.seen & Seen.HOST) == 0:
        return Reason.NO_HOST
    matcher.requests = (matcher.requests + 1) & 0xFFFFFFFF
    matcher.rule = matcher.request_rule
    matcher.opaque_left = matcher.length
    begin_head(chunk)
    return Reason.POLICY


@function
def begin_head(chunk: Chunk) -> None:
    """The next byte starts a request, once what is left of a body is behind it."""
    matcher = chunk.matcher
    position = chunk.position
    position += skip_opaque(matcher, wrap(u64, chunk.length - position))
    matcher.seen = 0
    matcher.length = 0
    matcher.head_bytes = 0
    matcher.fresh = 1 if position >= chunk.length else 0
    chunk.head_start = position & 0xFFFF
    chunk.row = settings[START]
    chunk.position = position & 0xFFFF


@function
def act(chunk: Chunk) -> u32:
    """What entering the special state chunk.row means: POLICY (0), or why the request is refused."""
    matcher = chunk.matcher
    number: u32 = (chunk.row >> STRIDE_SHIFT) & (len(actions) - 1)
    action: u8 = actions[number]
    if action == Action.SKIP_VALUE or action == Action.SKIP_NAME:
        return Reason.POLICY
    if action == Action.REQUEST_LINE:
        matcher.request_rule = rules[number & (len(rules) - 1)]
        return Reason.POLICY
    if action == Action.HEAD_END:
        return end_head(chunk)
    if action == Action.LENGTH_DIGIT:
        digit = wrap(u64, chunk.octets[(chunk.position - 1) & OFFSET_MASK] - 48)
        matcher.length = matcher.length * 10 + digit
        return Reason.POLICY
    if action == Action.LENGTH_NAME:
        return note_header(matcher, Seen.LENGTH)
    if action == Action.HOST_NAME:
        return note_header(matcher, Seen.HOST)
    return Reason.REQUEST


@callback
def feed_part(number: u32) -> bool:
    """One round: a few advances, for a round costs as much as four bytes. True: done."""
    chunk = chunks.lookup(0)
    if chunk is None:
        return True
    for _ in range(PASSES):
        if advance(chunk):
            return True
    return False


@function
def advance(chunk: Chunk) -> bool:
    """Skip what the state allows to skip, go on to the next special state, act on it. True: done."""
    row: u32 = chunk.row
    position = chunk.position
    if row < settings[SKIP_LIMIT]:
        if actions[(row >> STRIDE_SHIFT) & (len(actions) - 1)] == Action.SKIP_VALUE:
            position = after_value(chunk, position)
        else:
            position = after_name(chunk, position)
        # What lies behind the payload is what was there before: a skip ends with the payload.
        chunk.position = (position if position < chunk.length else chunk.length) & 0xFFFF
        position = chunk.position
    step(chunk, row, position)
    if chunk.row < settings[SPECIAL_LIMIT]:
        chunk.outcome = act(chunk)
        if chunk.outcome != Reason.POLICY:
            return True
    return chunk.position >= chunk.length


@function
def feed(chunk: Chunk) -> u32:
    """Judge chunk.octets[:chunk.length] as the next bytes of chunk.matcher, and move that on.

    Returns POLICY (0) when all of them may pass, else the reason to refuse the connection.
    """
    matcher = chunk.matcher
    chunk.position = 0
    chunk.head_start = 0
    chunk.row = matcher.row
    chunk.outcome = Reason.POLICY
    if matcher.fresh != 0:
        matcher.tables = settings[TAG]
        begin_head(chunk)
    elif matcher.tables != settings[TAG]:
        return Reason.RULES_CHANGED
    if chunk.position < chunk.length:
        repeat(CHUNK_BYTES, feed_part)
    if chunk.outcome != Reason.POLICY:
        return chunk.outcome
    matcher.row = chunk.row
    if matcher.fresh == 0:
        matcher.head_bytes += chunk.length - chunk.head_start
    return Reason.TOO_LARGE if matcher.head_bytes > MAX_HEAD_BYTES else Reason.POLICY
