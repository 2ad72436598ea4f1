"""What kernel and user space both read: map keys and values, events, limits, reasons. What only inspection needs is in matching.py.

Numbers are little-endian unless a field's type says otherwise; addresses and ports keep network order. Every address has
128 bits: an IPv4 address a.b.c.d is ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that both families share maps and code.

What user space can change while packets flow has two columns, one for each parity of the revision. The control word names
the columns that count: one of them, or both while a change is under way, and then a packet passes only if both let it pass.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from pybpf.compiler.lang import Array, Count, Struct, be16, be32, be64, u8, u16, u32, u64

# ---- limits; every one fails closed ----

MAX_ENDPOINTS: Final = 4096
MAX_ADDRESSES: Final = 131072  # of endpoints and nodes, each with its identity
MAX_NETWORKS: Final = 131072  # prefixes with an identity of their own
MAX_PEERS: Final = 1 << 20  # identities that sides tell apart, over all sides
MAX_PAGES: Final = 16384
MAX_DECISIONS: Final = 65536
MAX_RULES: Final = 65536
MAX_CONNECTIONS: Final = 262144
MAX_STREAMS: Final = 131072
MAX_FRAGMENTED: Final = 8192  # datagrams whose later fragments are awaited
MAX_RULE_SETS: Final = 256
MAX_EVENTS: Final = 32768  # the newest so many are kept; a power of two

# ---- the control word and its columns ----

COLUMN_BITS: Final = 2  # lowest bits of the word: the columns that count; the rest is the revision
BOTH_COLUMNS: Final = 3

# ---- numbers with a meaning ----

ANY_PEER: Final = 0  # the identity in a peer key for all that have no entry of their own
WORLD_IPV4: Final = 9  # identities of addresses that nobody claims
WORLD_IPV6: Final = 10
CLOSED_SIDE: Final = 0  # a side about which nothing is known: nothing passes
OPEN_SIDE: Final = 1  # a side that no policy enforces: everything passes
IS_PAGE: Final = 1 << 31  # in an entry: the number of a page, else of a decision
PAGE_ENTRIES: Final = 256


class Direction(IntEnum):
    """Seen from the endpoint. It is also who opened a connection: INGRESS, somebody else did."""

    INGRESS = 0
    EGRESS = 1


class PolicyAction(IntEnum):
    """What a decision says."""

    REFUSE = 0
    ALLOW = 1
    INSPECT = 2  # the rule set of the decision decides, request by request


class Refusal(IntEnum):
    """What a refused sender notices."""

    DROP = 0
    RESET = 1  # TCP: RST, both ways; other protocols: as PROHIBITED
    PROHIBITED = 2  # ICMP: communication administratively prohibited


class Reason(IntEnum):
    """Why a packet was decided as it was; 0 is "the policy says so"."""

    POLICY = 0
    NO_ENDPOINT = 1  # the device has no endpoint entry
    UNSUPPORTED = 2  # neither IPv4 nor IPv6 nor ARP over Ethernet, where a policy is enforced
    MALFORMED = 3  # headers that contradict each other or end too early
    FRAGMENT = 4  # a fragment whose first one is not known or overlapped, a first one without all headers, one of nothing, or one to an inspected port
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
    SOURCE_ROUTE = 21  # the sender chooses the way: what is judged here may arrive elsewhere
    TOO_MANY_HEADERS = 22  # IPv6 extension headers over what is stepped over
    NEIGHBOUR = 23  # ARP or neighbour discovery for an address that is not the sender's, or from afar
    UPDATING = 24  # two rule sets at once while policies change; TCP sends the packet again
    NOT_LOADED = 25  # a table that the programs need is empty


class Verdict(IntEnum):
    """What became of the packet that an event is about."""

    FORWARDED = 1
    DROPPED = 2
    REFUSED_403 = 3
    REFUSED_RESET = 4
    REFUSED_PROHIBITED = 5
    AUDITED = 6  # forwarded; it would be refused if the policies in audit were enforced


class Counted(IntEnum):
    """counters[...]: what happened how often, on each CPU."""

    CONNECTIONS = 0  # entries made
    CONNECTIONS_FAILED = 1  # no entry could be made
    EVENTS_SUPPRESSED = 2  # over the rate, or not sampled
    ANSWERS_SUPPRESSED = 3  # refusals that were dropped without an answer: over the rate
    REASONS = 32  # REASONS + Reason: packets dropped for it


COUNTERS: Final = 64


# ---- maps ----


class Address(Struct):
    """128 bits, an IPv4 address as ::ffff:a.b.c.d."""

    high: be64
    low: be64


class Control(Struct):
    """control[0]. The word is changed by one store, and everything else that counts changes with it."""

    word: u64  # revision << COLUMN_BITS | columns that count
    events_per_second: u32  # of each reason, on each CPU
    connections_sampled: u32  # one of so many new connections gives an event; 0: none
    answers_per_second: u32  # refusals answered for each endpoint, on each CPU
    pad: u32


class Endpoint(Struct):
    """endpoints[interface index]: the workload behind a host-side device."""

    number: u32  # its own; indexes the counters of endpoints
    pad: u32
    identities: Annotated[Array[u32], Count(2)]  # by column
    sides: Annotated[Array[u32], Count(4)]  # by direction * 2 + column


class Owner(Struct):
    """addresses[address]: whose it is, by column; identity 0: in this column nobody's."""

    identities: Annotated[Array[u32], Count(2)]
    endpoints: Annotated[Array[u32], Count(2)]  # number of the endpoint here that may send from it; 0: none


class NetworkKey(Struct):
    """networks[prefix length, address]."""

    prefix_bits: u32
    first: be32
    second: be32
    third: be32
    fourth: be32


class Network(Struct):
    """The identity of an address in this network and in no longer one, by column."""

    identities: Annotated[Array[u32], Count(2)]


class PeerKey(Struct):
    """peers[side, identity] -> the entry where this peer's search begins."""

    side: u32
    identity: u32


class Page(Struct):
    """pages[number]: 256 entries, by protocol, then by the port's upper byte, then by its lower byte.

    An entry is a decision's number, or a page's with IS_PAGE. A decision found early holds for all that lies beneath.
    """

    entries: Annotated[Array[u32], Count(PAGE_ENTRIES)]


class Decision(Struct):
    """decisions[number]: what the policy says, and the rule that says it."""

    action: u8
    refusal: u8
    audited: u8  # 1: it passes, and would be refused if policies in audit were enforced
    pad: u8
    rule_set: u32  # index into rule_sets, for INSPECT
    rule: u32
    audit_rule: u32  # the rule that would refuse


class ConnectionKey(Struct):
    """connections[...]: a flow as its endpoint sees it. An echo's ports are its identifier at the asking end, 0 at the other;
    those of identifier 0 are 65535 and 1."""

    local_address: Address
    remote_address: Address
    local_port: be16
    remote_port: be16
    endpoint: u16
    protocol: u8
    pad: u8


class Connection(Struct):
    """What is known of a flow. `key` comes first and is read last: the kernel gives an entry of an LRU map to another flow at any
    time, and a reader that finds its own key after it has read the rest has read its own (connections.py)."""

    key: ConnectionKey
    judged: u64  # the control word under which the action was found
    seen_ns: u64  # CLOCK_MONOTONIC_COARSE of its latest packet
    rule: u32
    rule_set: u32
    action: u8  # PolicyAction
    refusal: u8
    opened_by: u8  # Direction
    state: u8  # ConnectionState
    pad: u32


class ConnectionState(IntEnum):
    """Bits: what was seen of a connection."""

    ANSWERED = 1
    OPENER_ENDED = 2
    ANSWERER_ENDED = 4
    ENDED = 6


class FragmentKey(Struct):
    """fragments[...]: the datagram that a fragment belongs to. `protocol` is IPv4's (RFC 791 section 3.2), 0 for IPv6 (RFC 8200 section 4.5)."""

    source_address: Address
    destination_address: Address
    identification: u32
    endpoint: u16
    protocol: u8
    direction: u8


class Fragmented(Struct):
    """What the first fragment says for all. `key` as in Connection."""

    key: FragmentKey
    seen_ns: u64
    source_port: be16
    destination_port: be16
    length: u16  # bytes of the first fragment: later ones begin behind it
    protocol: u8  # of the datagram's transport
    kind: u8  # of an ICMP message


class RuleCount(Struct):
    """rule_counts[rule], on each CPU."""

    connections: u64  # new connections and packets without one that the rule let pass, and requests
    refused: u64


class EndpointCount(Struct):
    """endpoint_counts[endpoint * 2 + direction], on each CPU. Octets are those of whole frames."""

    packets: u64
    octets: u64
    refused: u64
    audited: u64


class Bucket(Struct):
    """A token bucket of one CPU: how many are left, and the second that they are for."""

    second: u64
    used: u64


class Event(Struct):
    """A record of the log: a new connection, a request let through, a refusal, an audit's verdict."""

    number: u64  # 1 + the event's place since the log began; written last: 0 while it is written
    time_ns: u64  # CLOCK_MONOTONIC
    source_address: Address
    destination_address: Address
    source_identity: u32
    destination_identity: u32
    source_port: be16  # an echo's identifier at the end that asks
    destination_port: be16
    endpoint: u32
    rule: u32
    length: u32  # the frame's length in bytes
    direction: u8
    protocol: u8
    verdict: u8
    reason: u8
    flags: u8  # of TCP
    version: u8  # 4 or 6; 0 for a frame without an IP header
    vlan_tags: u8
    kind: u8  # of an ICMP message


class LogHead(Struct):
    """log_head[0]."""

    written: u64  # events since the log began
    pad: u64
