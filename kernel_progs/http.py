"""HTTP/1.1 requests: a table-driven automaton over the bytes of one side of a connection.

One automaton knows the request lines of a rule set, the strict grammar of a head (RFC 9112), the values of the headers that rules
name, and the framing of chunked bodies. Whatever it cannot go on with is refused at that byte. Invariant I2: the byte that completes
a head is released only with the verdict on that head. `feed` is a pure function of the stream's state and the bytes, so it does not
matter where packets are cut; it runs in CPython, in the IR interpreter and in the kernel. Its tables are http_arrays.py's.

Skipping jumps only over bytes on which the automaton would stay where it is, or come back to where it was, so it changes the cost,
not the meaning. The loops inside a round have no ways through but out: the verifier then follows each byte once.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import callback, function, repeat, u8, u32, u64, wrap
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.http_arrays import (
    ANY_HOST,
    LINE,
    SKIP_LIMIT,
    SPECIAL_LIMIT,
    TAG,
    VALUE,
    actions,
    arguments,
    chunk_rows,
    columns,
    lengths,
    met,
    settings,
    transitions,
)
from pybpf.kernel_progs.http_heads import (
    add_digit,
    add_hexadecimal,
    begin_chunk,
    begin_head,
    end_head,
    end_request_line,
    note_beginning,
    note_condition,
    note_header,
    note_line,
    skip_opaque,
)
from pybpf.kernel_progs.http_hosts import after_host
from pybpf.kernel_progs.http_replies import add_status_digit, end_reply
from pybpf.kernel_progs.matching import CHUNK_BYTES, MAX_HEAD_BYTES, Action, Chunk, Seen
from pybpf.kernel_progs.state import chunks
from pybpf.kernel_progs.words import OFFSET_MASK, SHORT_NAME, after_name, after_value, name_length

STEPS: Final = 64  # bytes through the automaton in one go
PASSES: Final = 4  # advances in a round
# Of entries of `transitions`, and of rows (compiler/automata/pack.py).
COLUMN_SHIFT: Final = 24
ROW_MASK: Final = (1 << COLUMN_SHIFT) - 1
FALL: Final = 255
LOOKS: Final = 4  # at one row and at those that it falls to
COLON: Final = 58
CARRIAGE_RETURN: Final = 13
LINE_FEED: Final = 10
KEEP_ALIVE: Final = b"Connection: keep-alive\r\n"
KEEP_ALIVE_BYTES: Final = len(KEEP_ALIVE)
FIRST_WORD: Final = int.from_bytes(KEEP_ALIVE[:8], "little")
SECOND_WORD: Final = int.from_bytes(KEEP_ALIVE[8:16], "little")
THIRD_WORD: Final = int.from_bytes(KEEP_ALIVE[16:], "little")


@function
def step(chunk: Chunk, row: u32, position: u32) -> None:
    """Bytes through the automaton until a special state, the end or STEPS of them; leaves chunk.row and chunk.position.

    An entry that is of the row's own and leads to an ordinary state is one whose row, once the column is taken off, lies in a range.
    """
    left = wrap(u64, chunk.length - position)
    special_limit: u32 = settings[SPECIAL_LIMIT]
    ordinary: u32 = wrap(u32, ROW_MASK + 1 - special_limit)
    done: u32 = 0
    for number in range(STEPS):
        done = number
        if number >= left:
            break
        column: u32 = columns[chunk.octets[(position + number) & OFFSET_MASK]]
        found: u32 = transitions[(row + column) & (len(transitions) - 1)] ^ (column << COLUMN_SHIFT)
        if wrap(u32, found - special_limit) >= ordinary:
            break
        row = found
        done = number + 1
    chunk.position = (position + done) & 0xFFFF
    if done < left and done < STEPS:
        row = next_row(row, columns[chunk.octets[chunk.position & OFFSET_MASK]])
        chunk.position = (chunk.position + 1) & 0xFFFF
    chunk.row = row


@function
def next_row(row: u32, column: u32) -> u32:
    """The row behind one byte, by the falls of this one; 0 when it is dead."""
    for _ in range(LOOKS):
        entry: u32 = transitions[(row + column) & (len(transitions) - 1)]
        if entry >> COLUMN_SHIFT == column:
            return entry & ROW_MASK
        fall: u32 = transitions[(row + FALL) & (len(transitions) - 1)]
        if fall >> COLUMN_SHIFT != FALL:
            return 0
        row = fall & ROW_MASK
    return 0


@function
def is_keep_alive(chunk: Chunk, start: int) -> bool:
    """Whether the line at `start` is the one that most requests have, as most write it; the automaton comes from LINE to LINE by it."""
    at = start & OFFSET_MASK
    if chunk.octets.word(at) != FIRST_WORD or chunk.octets.word(at + 8) != SECOND_WORD or chunk.octets.word(at + 16) != THIRD_WORD:
        return False
    return start + KEEP_ALIVE_BYTES <= chunk.length


@function
def over_line(chunk: Chunk) -> bool:
    """At the beginning of a header line: over all of it, when its name is plain and none that counts. False: byte by byte.

    The automaton would come to the same: to VALUE behind the colon, staying there over plain bytes, and from its end to LINE.
    """
    start = chunk.position
    if is_keep_alive(chunk, start):
        chunk.position = (start + KEEP_ALIVE_BYTES) & 0xFFFF
        return True
    if settings[ANY_HOST] != 0:
        behind = after_host(chunk, start)
        if behind != 0:
            chunk.outcome = note_header(chunk.matcher, Seen.HOST)
            chunk.position = behind & 0xFFFF
            return True
    named = name_length(chunk, start)
    colon = start + named
    if named == 0 or named >= SHORT_NAME or colon >= chunk.length or chunk.octets[colon & OFFSET_MASK] != COLON:
        return False
    if ((lengths[chunk.octets[start & OFFSET_MASK] & 31] >> (named & 31)) & 1) != 0:
        return False
    end = after_value(chunk, colon + 1)
    if end + 1 < chunk.length:
        if chunk.octets[end & OFFSET_MASK] == CARRIAGE_RETURN and chunk.octets[(end + 1) & OFFSET_MASK] == LINE_FEED:
            chunk.row = settings[LINE]
            chunk.position = (end + 2) & 0xFFFF
            return True
    chunk.row = settings[VALUE]
    chunk.position = (end if end < chunk.length else chunk.length) & 0xFFFF
    return True


@function
def act(chunk: Chunk) -> u32:
    """What entering the special state chunk.row means: POLICY (0), or why the request is refused."""
    matcher = chunk.matcher
    number: u32 = chunk.row
    action: u8 = actions[number & (len(actions) - 1)]
    argument: u32 = arguments[number & (len(arguments) - 1)]
    if action == Action.REFUSE:
        return Reason.REQUEST
    if action == Action.REQUEST_LINE:
        chunk.row = settings[LINE]
        return end_request_line(chunk, argument)
    if action == Action.HEAD_END:
        return end_head(chunk)
    if action == Action.VALUE_END:
        matcher.conditions |= met[number & (len(met) - 1)]
    elif action == Action.NAMED:
        return note_condition(matcher, argument)
    elif action == Action.HOST_NAME:
        return note_header(matcher, Seen.HOST)
    elif action == Action.LENGTH_NAME:
        return note_header(matcher, Seen.LENGTH)
    elif action == Action.CODING_NAME:
        return note_header(matcher, Seen.CHUNKED)
    elif action == Action.CLOSE:
        matcher.seen |= Seen.CLOSE
    elif action == Action.LENGTH_DIGIT:
        add_digit(matcher, (chunk.octets[(chunk.position - 1) & OFFSET_MASK] - 48) & 15)
    elif action == Action.CHUNK_DIGIT:
        add_hexadecimal(matcher, chunk.octets[(chunk.position - 1) & OFFSET_MASK])
    elif action == Action.CHUNK_OCTETS:
        begin_chunk(matcher)
        chunk.position = (chunk.position + skip_opaque(matcher, wrap(u64, chunk.length - chunk.position))) & 0xFFFF
    elif action == Action.CHUNK_END:
        return begin_head(chunk)
    elif action == Action.UPGRADE:
        return note_header(matcher, Seen.UPGRADE)
    elif action == Action.STATUS_DIGIT:
        add_status_digit(matcher, chunk.octets[(chunk.position - 1) & OFFSET_MASK])
    elif action == Action.REPLY_END:
        return end_reply(chunk)
    return Reason.POLICY


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
    if row == settings[LINE]:
        chunk.outcome = note_line(chunk)
        if chunk.outcome != Reason.POLICY:
            return True
        if over_line(chunk):
            return chunk.outcome != Reason.POLICY or chunk.position >= chunk.length
    position = chunk.position
    if row < settings[SKIP_LIMIT]:
        if actions[row & (len(actions) - 1)] == Action.SKIP_VALUE:
            position = after_value(chunk, position)
        else:
            position = after_name(chunk, position)
        # What lies behind the payload is what was there before: a skip ends with the payload.
        chunk.position = (position if position < chunk.length else chunk.length) & 0xFFFF
        position = chunk.position
    step(chunk, row, position)
    if chunk.row < settings[SPECIAL_LIMIT] and chunk.position != position:
        chunk.outcome = act(chunk)
        if chunk.outcome != Reason.POLICY:
            return True
    return chunk.position >= chunk.length


@function
def resume(chunk: Chunk) -> u32:
    """Where the matcher goes on with new bytes: POLICY (0), or why it cannot. Between requests and in a body the tables may be others
    than they were; in a head they may not, for a state of the one means nothing in the other."""
    matcher = chunk.matcher
    if settings[TAG] == 0:
        return Reason.NOT_LOADED
    same = matcher.tables == settings[TAG]
    matcher.tables = settings[TAG]
    if matcher.fresh != 0:
        return begin_head(chunk)
    if matcher.in_chunks != 0:
        chunk.row = chunk_rows[matcher.state & (len(chunk_rows) - 1)]
        chunk.position = skip_opaque(matcher, chunk.length) & 0xFFFF
        return Reason.POLICY
    chunk.row = matcher.state
    return Reason.POLICY if same else Reason.RULES_CHANGED


@function
def feed(chunk: Chunk) -> u32:
    """Judge chunk.octets[:chunk.length] as the next bytes of chunk.matcher, and move that on.

    Returns POLICY (0) when all of them may pass, else the reason to refuse the connection.
    """
    matcher = chunk.matcher
    chunk.position = 0
    chunk.head_start = 0
    chunk.outcome = resume(chunk)
    if chunk.outcome == Reason.POLICY and chunk.position < chunk.length:
        repeat(CHUNK_BYTES, feed_part)
    if chunk.outcome != Reason.POLICY:
        return chunk.outcome
    row: u32 = chunk.row
    matcher.state = arguments[row & (len(arguments) - 1)] if matcher.in_chunks != 0 else row
    if matcher.fresh != 0 or matcher.in_chunks != 0:
        return Reason.POLICY
    note_beginning(chunk)
    matcher.head_bytes = wrap(u32, matcher.head_bytes + chunk.length - chunk.head_start)
    return Reason.TOO_LARGE if matcher.head_bytes > MAX_HEAD_BYTES else Reason.POLICY
