"""What kernel and user space both read: map keys and values, events. What only inspection needs is in matching.py; numbers with a
meaning, limits and reasons are in numbers.py, and here too.

Numbers are little-endian unless a field's type says otherwise; addresses and ports keep network order. Every address has
128 bits: an IPv4 address a.b.c.d is ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that both families share maps and code.

What user space can change while packets flow has two columns, one for each parity of the revision. The control word names
the columns that count: one of them, or both while a change is under way, and then a packet passes only if both let it pass.
"""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import Array, Count, Struct, be16, be32, be64, u8, u16, u32, u64
from pybpf.kernel_progs.numbers import *  # noqa: F403
from pybpf.kernel_progs.numbers import PAGE_ENTRIES, TEXT_BYTES

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
    requests_sampled: u32  # one of so many requests let through gives an event; 0: none


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
    stream: u32  # the slot in `streams` of an inspected one; NO_STREAM: none


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
    text_bytes: u32  # of the request's head, in log_texts at the same place; 0: it is about none
    pad: u32


class Text(Struct):
    """log_texts[the event's place]: how the head of a request begins."""

    octets: Annotated[Array[u8], Count(TEXT_BYTES)]


class Replied(Struct):
    """log_replies[the event's place]: what the server said to the request, if `number` is the event's."""

    number: u64
    after_ns: u64  # from the request's last byte to the reply's head
    status: u32
    pad: u32


class Beginning(Struct):
    """beginnings[slot]: the same of a head that comes in several packets."""

    text: Text
    length: u32
    pad: u32


class LogHead(Struct):
    """log_head[0]."""

    written: u64  # events since the log began
    pad: u64
