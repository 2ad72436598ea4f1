"""What kernel and user space both read: map keys and values, event records, limits, reasons.

Numbers are little-endian unless a field's type says otherwise; addresses and ports keep network order.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from pybpf.compiler.lang import (
    Array,
    Count,
    Struct,
    be16,
    be32,
    u8,
    u16,
    u32,
    u64,
    volatile_u16,
    volatile_u32,
)

# ---- limits; every one fails closed ----

MAX_ENDPOINTS: Final = 1024
MAX_IDENTITIES: Final = 65536  # prefixes in the address table
MAX_POLICY_ENTRIES: Final = 65536
MAX_CONNECTIONS: Final = 131072
MAX_RULE_SETS: Final = 256
EVENTS_BYTES: Final = 1 << 20
CHUNK_BYTES: Final = 2048  # of payload that one run of a matcher looks at
MAX_HEAD_BYTES: Final = 8192
ANY: Final = 0  # an identity, port or protocol of 0 in a policy key is a wildcard
WORLD: Final = 2  # the identity of addresses that nobody claims


class Direction(IntEnum):
    """Seen from the endpoint. It is also who opened a connection: INGRESS, somebody else did."""

    INGRESS = 0
    EGRESS = 1


class PolicyAction(IntEnum):
    """What a policy entry says."""

    ALLOW = 1
    INSPECT = 2  # the rule set of the entry decides, request by request


class Reason(IntEnum):
    """Why a packet was decided as it was; 0 is "the policy says so"."""

    POLICY = 0
    NO_ENDPOINT = 1  # the device has no endpoint entry
    UNSUPPORTED = 2  # not IPv4 over Ethernet, or not TCP, where a policy is enforced
    MALFORMED = 3  # headers that contradict each other
    FRAGMENT = 4
    SPOOFED_SOURCE = 5  # the endpoint sends from an address that is not its own
    NO_CONNECTION = 6  # an inspected port, and a packet of no known connection
    BAD_SYN = 7  # data, MPTCP or Fast Open on a SYN to an inspected port, or a SYN against the connection's direction
    AHEAD = 8  # bytes ahead of what was judged; TCP sends them again
    REPLAYED = 9  # bytes judged before, not yet acknowledged by the receiver: they may differ now
    URGENT = 10
    BUSY = 11  # another CPU has this connection; TCP sends the packet again
    CLOSED = 12  # the connection was refused before
    REQUEST = 13  # no rule allows this request
    TOO_LARGE = 14  # a head over MAX_HEAD_BYTES, or a payload over what one packet may bring
    RULES_CHANGED = 15  # the rule set changed in the middle of a request head
    NO_PROGRAM = 16  # the rule set's program is not there
    TABLE_FULL = 17  # no room for the connection
    UNREADABLE = 18  # the packet's bytes could not be read
    SECOND_FRAMING = 19  # a framing header (content-length, host) twice
    NO_HOST = 20  # a request head without the host header


class Verdict(IntEnum):
    """What became of the packet that an event is about."""

    FORWARDED = 1
    DROPPED = 2
    REFUSED_403 = 3
    REFUSED_RESET = 4


# ---- maps ----


class Endpoint(Struct):
    """endpoints[interface index]: the workload behind a host-side device."""

    id: u32
    identity: u32
    address: be32
    ingress_enforced: u8
    egress_enforced: u8
    pad: u16
    ingress_rule: u32  # the rule that a default deny of this direction is accounted to
    egress_rule: u32


class AddressKey(Struct):
    """identities[prefix length, address]."""

    prefix_bits: u32
    address: be32


class Identity(Struct):
    """The identity of an address."""

    identity: u32


class PolicyKey(Struct):
    """policies[endpoint, peer identity, direction, protocol, port]; ANY (0) is a wildcard where it stands."""

    endpoint: u32
    identity: u32
    direction: u8
    protocol: u8
    port: be16


class PolicyEntry(Struct):
    """What the policy says, and the rule that says it."""

    action: u8
    pad: u8
    rule_set: u16  # index into rule_sets, for INSPECT
    rule: u32


class ConnectionKey(Struct):
    """connections[endpoint, the addresses and ports as the endpoint sees them]."""

    endpoint: u32
    local_address: be32
    remote_address: be32
    local_port: be16
    remote_port: be16


class Stream(Struct):
    """Where the matcher is in the opener's bytes."""

    row: u32  # the automaton's state
    tables: u32  # the tag of the tables that `row` belongs to
    head_bytes: u32  # read so far of the head being read
    seen: u32  # which framing headers that head had
    request_rule: u32  # the rule that its request line matched
    rule: u32  # the rule of the last head let through
    requests: u32  # heads let through
    fresh: u32  # 1: the next byte to be judged starts a request or lies in a body
    length_left: u64  # content-length while a head is read, then the bytes of the body still to come


class Connection(Struct):
    """One TCP connection of an endpoint, and for inspected ones the stream of the side that opened it."""

    busy: u32  # 1 while a CPU judges a packet of it
    opened_by: u8  # Direction
    inspected: u8
    state: u8  # ConnectionState
    over: u8  # 1: ended by the receiver's FIN or RST, or by an exact RST of the opener
    rule: u32  # that allowed it
    initial_sequence: u32  # of the opener's first byte, as the receiver's SYN-ACK says
    answer_sequence: u32  # of the receiver's first byte, as its SYN-ACK says
    next_sequence: u32  # the first byte of the opener that was not judged yet
    acknowledged: u32  # what the receiver has acknowledged of the opener's bytes
    reply_sequence: u32  # the end of what the receiver has sent
    stream: Stream


class ConnectionState(IntEnum):
    """Where a connection is."""

    OPENING = 0  # a SYN was let through; nothing is judged before the receiver's SYN-ACK
    ANSWERED = 3  # the SYN-ACK was let through; only a segment with exactly its two numbers goes on from here
    OPEN = 1
    REFUSED = 2  # it was refused: the opener has its answer, the receiver its RST


class Event(Struct):
    """A record of the ring buffer: a new connection, a request let through, or a refusal."""

    time_ns: u64
    endpoint: u32
    source_identity: u32
    destination_identity: u32
    source_address: be32
    destination_address: be32
    source_port: be16
    destination_port: be16
    rule: u32
    direction: u8
    protocol: u8
    verdict: u8
    reason: u8
    length: u32  # the packet's length in bytes


# ---- the matcher's tables ----


class Action(IntEnum):
    """What happens when the head automaton enters a special state. State 0 is dead and always refuses."""

    REFUSE = 0
    SKIP_VALUE = 1  # bytes 0x20..0x7e stay in this state: look sixteen at a time
    SKIP_NAME = 2  # letters and '-' stay in this state
    REQUEST_LINE = 3  # a rule's request line is complete: remember the rule
    HEAD_END = 4  # the empty line
    LENGTH_DIGIT = 5
    LENGTH_NAME = 6  # "content-length:" was read
    HOST_NAME = 7  # "host:" was read


class Seen(IntEnum):
    """Bits of Connection.seen."""

    LENGTH = 1
    HOST = 2


class Chunk(Struct):
    """Scratch of one CPU: a piece of payload being judged, with room to look past its end, and how far it is."""

    stream: Stream
    octets: Annotated[Array[u8], Count(CHUNK_BYTES + 16)]
    length: u32  # of the payload in `octets`, from 1 to CHUNK_BYTES
    head_start: u32  # where the head being read starts in it
    outcome: u32  # Reason; POLICY while nothing is refused
    position: volatile_u16
    row: volatile_u32


class Scratch(Struct):
    """What an entry point hands to the program it tail-calls, on the same CPU."""

    key: ConnectionKey
    direction: u8  # of the hook
    reason: u8
    answer: u8  # Answer
    flags: u8  # TCP flags of the packet
    endpoint: u32
    peer_identity: u32
    identity: u32
    verdict: u32  # Verdict to report at the end; 0: nothing to report
    rule: u32
    rule_set: u32
    sequence: u32  # of the first byte of the packet that was not judged before
    payload_offset: u32  # where that byte lies in the packet
    payload_length: u32  # from there to the end
    position: u32  # how much of it is judged


class Answer(IntEnum):
    """What a refused sender gets."""

    FORBIDDEN = 1  # 403 and FIN; the receiver gets RST
    RESET = 2  # RST, both ways
    ACKNOWLEDGE = 3  # a bare ACK of its FIN; nothing to the receiver
