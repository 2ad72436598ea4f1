"""What inspection of TCP streams keeps and hands on, and one packet as the parts of the datapath hand it to each other."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from pybpf.compiler.lang import Array, Count, Struct, u8, u16, u32, u64, volatile_u16, volatile_u32
from pybpf.kernel_progs.abi import ConnectionKey

CHUNK_BYTES: Final = 2048  # of payload that one run of a matcher looks at
MOST_PAGES: Final = 32  # of judged bytes that a stream may have under way; a power of two
MAX_HEAD_BYTES: Final = 8192
MAX_TARGET_BYTES: Final = 2048  # of a whole request line
MAX_HEADER_LINES: Final = 64
MAX_CONDITIONS: Final = 64  # that the rules of a set put to headers
MOST_HEADS: Final = 16  # of one packet that are told of; a power of two
EARLIER: Final = 0xFFFFFFFF  # a head that started in a packet before
NO_HEAD: Final = 0xFFFFFFFE
FOREVER: Final = 1 << 62  # opaque bytes without an end
MAX_CHOICES: Final = 64  # rules of a set for the same request line that differ in their conditions


class Matcher(Struct):
    """Where the matcher is in the opener's bytes."""

    state: u32  # the automaton's; in a chunked body counted from the first of those states
    tables: u32  # the tag of the tables that `state` belongs to
    head_bytes: u32  # read so far of the head being read
    seen: u32  # what of framing that head had: Seen
    choice: u32  # the first of the rules that its request line leaves
    rule: u32  # the rule of the last head let through
    requests: u32  # heads let through
    lines: u16  # header lines begun of the head being read
    fresh: u8  # 1: the next byte to be judged starts a request
    in_chunks: u8  # 1: it belongs to the framing of a chunked body
    is_last: u8  # 1: the last head said that no other follows
    as_head: u8  # how many bytes of the head being read are those of b"HEAD ", in one that came in pieces
    status: u16  # of the reply whose head is being read
    awaits: u32  # 1: the last head asked for another protocol, and nothing follows before its reply
    bodiless: u64  # bit n & 63: request n, counted from 0, was by HEAD, whose reply has no body
    conditions: u64  # of rules, that the head meets, as bits
    length: u64  # content-length or a chunk's size, as far as it was read
    opaque_left: u64  # bytes to come that are not the matcher's affair; what it judges comes behind them


class Reply(Struct):
    """Where in the receiver's bytes its replies begin and end (http_replies.py). Nothing that passes depends on it but Upgrade.GRANTED."""

    length: u64  # as Matcher's
    opaque_left: u64
    next_sequence: u32  # the first byte that was not looked at
    state: u32
    answers: u32  # final heads seen
    head_bytes: u32
    seen: u16
    status: u16
    lines: u16
    fresh: u8
    in_chunks: u8
    lost: u8  # 1: it is not known where replies begin; the rest is not looked at
    pad: u8
    pad_again: u16
    pad_more: u32


class Stream(Struct):
    """streams[slot]: the bytes of the side that opened an inspected TCP connection. Whoever holds `busy` may use it, for `key` alone (slots.py)."""

    key: ConnectionKey
    busy: u32  # 1 while a CPU holds it
    pad: u16
    state: u8  # StreamState
    over: u8  # 1: ended by the receiver's FIN or RST, or by an exact RST of the opener
    changed_ns: u64  # when it came to its state, CLOCK_MONOTONIC_COARSE
    initial_sequence: u32  # of the opener's first byte, as the receiver's SYN-ACK says
    answer_sequence: u32  # of the receiver's first byte, as its SYN-ACK says
    next_sequence: u32  # the first byte of the opener that was not judged yet
    acknowledged: u32  # the first byte of the opener that may have to come again
    heard: u32  # what the receiver has acknowledged; written without `busy`, by compare-and-swap
    reply_sequence: u32  # the end of what the receiver has sent; the same
    first: u8  # the place of the first in `pages`
    held: u8  # how many there are
    pad_again: u16
    pages: Annotated[Array[u16], Count(MOST_PAGES)]  # numbers of retained pages, by sequence, in a ring
    matcher: Matcher
    upgrade: u32  # Upgrade
    reply_busy: u32  # 1 while a CPU has `reply`
    asked_event: u64  # the number of the event about the request `asked`; 0: none was written
    asked_ns: u64  # when that was let through
    asked: u32  # which request it was, counted from 1
    reply_pad: u32
    reply: Reply


class Retained(Struct):
    """retained[number]: bytes that a matcher was fed, from `sequence` on (retained.py)."""

    owner: u32  # the slot of the stream that has it; 0: nobody's
    sequence: u32
    length: u32
    pad: u32
    octets: Annotated[Array[u8], Count(CHUNK_BYTES + 16)]  # with room to look past the end


class StreamState(IntEnum):
    """Where an inspected connection is."""

    FREE = 0  # nobody's
    OPENING = 1  # a SYN was let through; nothing is judged before the receiver's SYN-ACK
    ANSWERED = 2  # the SYN-ACK was let through; only a segment with exactly its two numbers goes on from here
    OPEN = 3
    REFUSED = 4  # it was refused: the opener has its answer, the receiver its RST


class Upgrade(IntEnum):
    """Whether the opener's bytes are still HTTP: decided by the reply to a request that asked for another protocol."""

    NONE = 0
    AWAITED = 1  # no byte passes
    GRANTED = 2  # by 101: none is HTTP any more
    DENIED = 3


# ---- the matcher's tables ----


class Action(IntEnum):
    """What happens when the automaton enters a special state. State 0 is dead and always refuses. Those that are skipped in come first."""

    REFUSE = 0
    SKIP_VALUE = 1  # bytes 0x20..0x7e stay in this state: look sixteen at a time
    SKIP_NAME = 2  # letters and '-' stay in this state
    CHUNK_STEP = 3  # a chunked body's framing, within it
    CHUNK_DIGIT = 4  # a digit of a chunk's size
    CHUNK_OCTETS = 5  # the size is read, that many bytes are opaque
    CHUNK_END = 6  # the body is at its end
    REQUEST_LINE = 7  # a request line is complete: remember which rules it leaves
    HEAD_END = 8  # the empty line; a chunked body's framing begins here, too
    LENGTH_DIGIT = 9
    LENGTH_NAME = 10  # "content-length:" was read
    HOST_NAME = 11  # "host:" was read
    CODING_NAME = 12  # "transfer-encoding:" was read
    CLOSE = 13  # the connection option "close" was read
    NAMED = 14  # the name of a header that rules name, and its colon
    VALUE_END = 15  # a value that rules look at is at its end: note what it meets
    LINE = 16  # the beginning of a header line
    STATUS_DIGIT = 17  # of a reply
    REPLY_END = 18  # the empty line of a reply's head
    UPGRADE = 19  # "upgrade: websocket" was read


class Seen(IntEnum):
    """Bits of Matcher.seen."""

    LENGTH = 1
    HOST = 2
    CHUNKED = 4
    CLOSE = 8
    UPGRADE = 16


class Choice(IntEnum):
    """A rule among those that a request line leaves: its number, and these bits."""

    LAST = 1 << 31  # no other follows
    WEBSOCKET = 1 << 30  # for requests that ask for WebSocket, and no others
    AUDITED = 1 << 29  # of a set that watches: for what no rule allows; this bit stays with the number


class Chunk(Struct):
    """Scratch of one CPU: a piece of payload being judged, with room to look past its end, and how far it is."""

    matcher: Matcher
    octets: Annotated[Array[u8], Count(CHUNK_BYTES + 24)]
    length: u32  # of the payload in `octets`, from 1 to CHUNK_BYTES
    head_start: u32  # where the head being read starts in it
    outcome: u32  # Reason; POLICY while nothing is refused
    base: u32  # where in the packet's payload `octets` begin
    head_at: u32  # where in it the head being read starts; EARLIER: in one before
    heads: u32  # how many were let through in this packet
    sent: u32  # of replies: requests let through so far
    asked: u32  # of replies: which of them is wanted
    status: u32  # and what was said to it; 0: nothing yet
    bodiless: u64  # of replies: Matcher.bodiless of the requests
    head_starts: Annotated[Array[u32], Count(MOST_HEADS)]  # head_at of each
    head_rules: Annotated[Array[u32], Count(MOST_HEADS)]  # and the rule that let it through
    position: volatile_u16
    row: volatile_u32


class Scratch(Struct):
    """One packet, as the parts of the datapath hand it to each other on one CPU."""

    key: ConnectionKey
    control: u64  # the control word that all of the packet is judged under
    now_ns: u64  # CLOCK_MONOTONIC_COARSE
    action: u32  # PolicyAction that was decided
    identity: u32  # the endpoint's
    peer_identity: u32
    direction: u8  # of the hook
    version: u8  # 4 or 6; 0 without an IP header
    vlan_tags: u8
    protocol: u8
    flags: u8  # TCP flags of the packet
    kind: u8  # ICMP type
    opens: u8  # 1: a packet that may open a connection
    is_piece: u8  # 1: a later fragment; 2: a first one
    reason: u8
    answer: u8  # Answer
    watched: u8  # 1: what the stream's programs would refuse passes all the same
    is_answer: u8  # 1: our own, on its way out by the other hook (answers.py)
    audited: u8
    refusal: u8
    verdict: u32  # Verdict to report at the end; 0: nothing to report
    rule: u32
    rule_set: u32
    stream: u32  # the connection's slot in `streams`; NO_STREAM: none
    part: u32  # Part
    sequence: u32  # of the first byte of the packet that was not judged before
    acknowledgement: u32
    l3_offset: u32  # of the IP header
    l4_offset: u32  # of the transport's
    payload_offset: u32  # where the first byte lies in the packet that was not judged before
    payload_length: u32  # from there to the end
    position: u32  # how much of it is judged
    head_at: u32  # where in the payload a refused head starts; EARLIER: in a packet before; NO_HEAD: it is not about one
    spare: u32  # the page of `retained` that was given back last on this CPU; of no packet


class Part(IntEnum):
    """What a segment is to an inspected connection."""

    STRANGER = 0  # of no connection that is known
    OPENER = 1  # of the side whose bytes are judged
    RECEIVER = 2


class Answer(IntEnum):
    """What a refused sender gets."""

    FORBIDDEN = 1  # 403 and FIN; the receiver gets RST
    RESET = 2  # RST, both ways
    ACKNOWLEDGE = 3  # a bare ACK of its FIN; nothing to the receiver
