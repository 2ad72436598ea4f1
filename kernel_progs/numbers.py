"""Numbers that kernel and user space both know: limits, the control word, reasons. They are apart from the layouts (abi.py), which need
the language of kernel programs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

# ---- limits; every one fails closed ----

MAX_ENDPOINTS: Final = 4096
MAX_ADDRESSES: Final = 131072  # of endpoints and nodes, each with its identity
MAX_NETWORKS: Final = 131072  # prefixes with an identity of their own
MAX_PEERS: Final = 1 << 20  # identities that sides tell apart, over all sides
MAX_PAGES: Final = 16384
MAX_DECISIONS: Final = 65536
MAX_RULES: Final = 65536
MAX_CONNECTIONS: Final = 300_000  # just above a power of two: twice the buckets of the hash
MAX_STREAMS: Final = 131072  # slots of inspected connections, one of which is nobody's; a power of two
MAX_RETAINED: Final = 16384  # pages of judged bytes that are not acknowledged, one of which is nobody's; a power of two
MAX_FRAGMENTED: Final = 8192  # datagrams whose later fragments are awaited
MAX_RULE_SETS: Final = 256
MAX_EVENTS: Final = 32768  # the newest so many are kept; a power of two
TEXT_BYTES: Final = 128  # of a request's head that its event has; a power of two

# ---- programs that others go on in: indices into stages ----

STAGE_REFUSE: Final = 0  # answers a TCP packet
STAGE_PROHIBIT: Final = 1  # answers any packet by ICMP
STAGE_PARSE: Final = 2  # reads whatever is not a plain IP packet
STAGE_STREAM: Final = 3  # judges a segment of an inspected connection
STAGE_STRIP: Final = 4  # lets one pass without its bytes
STAGE_REPLY: Final = 5  # follows the replies of an inspected connection

# ---- the control word and its columns ----

COLUMN_BITS: Final = 2  # lowest bits of the word: the columns that count; the rest is the revision
BOTH_COLUMNS: Final = 3

# ---- numbers with a meaning ----

MAPPED: Final = 0x0000FFFF00000000  # the lower half of an IPv4 address among 128 bits (RFC 4291 section 2.5.5.2)
MAPPED_UPPER: Final = 0xFFFF  # its upper 32 bits
ANY_PEER: Final = 0  # the identity in a peer key for all that have no entry of their own
WORLD_IPV4: Final = 9  # identities of addresses that nobody claims
WORLD_IPV6: Final = 10
CLOSED_SIDE: Final = 0  # a side about which nothing is known: nothing passes
OPEN_SIDE: Final = 1  # a side that no policy enforces: everything passes
NO_STREAM: Final = 0  # the slot that is nobody's
NO_PAGE: Final = 0  # of `retained`: the one that is nobody's
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
    WATCH = 3  # the same in audit: what would be refused passes, and is told


class Refusal(IntEnum):
    """What a refused sender notices."""

    DROP = 0
    RESET = 1  # TCP: RST, both ways; other protocols: as PROHIBITED
    PROHIBITED = 2  # ICMP: communication administratively prohibited
    FORBIDDEN = 3  # of requests: 403, where it can stand; else as RESET


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
    AHEAD = 8  # bytes, or a FIN, ahead of what is to be judged; TCP sends them again
    REPLAYED = 9  # bytes that were judged before, and were others then
    URGENT = 10
    BUSY = 11  # another CPU has this connection; TCP sends the packet again
    CLOSED = 12  # the connection was refused before
    REQUEST = 13  # no rule allows this request
    TOO_LARGE = 14  # a head over MAX_HEAD_BYTES, or a payload over what one packet may bring
    RULES_CHANGED = 15  # the rule set changed in the middle of a request head
    NO_PROGRAM = 16  # the rule set's program is not there
    TABLE_FULL = 17  # no room for the connection
    UNREADABLE = 18  # the packet's bytes could not be read
    REPEATED = 19  # a header twice that frames the request or that rules name, or two ways of framing
    NO_HOST = 20  # a request head without the host header
    SOURCE_ROUTE = 21  # the sender chooses the way: what is judged here may arrive elsewhere
    TOO_MANY_HEADERS = 22  # IPv6 extension headers over what is stepped over
    NEIGHBOUR = 23  # ARP or neighbour discovery for an address that is not the sender's, or from afar
    UPDATING = 24  # two rule sets at once while policies change; TCP sends the packet again
    NOT_LOADED = 25  # a table that the programs need is empty
    AFTER_CLOSE = 26  # more bytes after a request that said it was the last
    OUTSTANDING = 27  # no room to keep judged bytes until the receiver has acknowledged them; TCP sends the packet again


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


class ConnectionState(IntEnum):
    """Bits: what was seen of a connection."""

    ANSWERED = 1
    OPENER_ENDED = 2
    ANSWERER_ENDED = 4
    ENDED = 6
