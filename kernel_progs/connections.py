"""What is known of flows: who opened them, what was decided, and until when that holds.

An entry of an LRU map may be given to another flow at any moment, also between finding it and reading it. The kernel then
writes the new flow's value from its start, key first. So everything else is read first, a helper is called (which no compiler
moves reads over), and the key is compared last: a reader that finds its own key there has read its own entry, on processors
that keep the order of loads and of stores (x86). Writes in place say nothing but "seen now" and what shortens a life; all
that gives a right is written by `update`, under the key.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function, u8, u32, u64
from pybpf.kernel_progs.abi import (
    Connection,
    ConnectionKey,
    ConnectionState,
    Counted,
    Direction,
)
from pybpf.kernel_progs.counting import count
from pybpf.kernel_progs.headers import (
    ECHO,
    ECHO_V6,
    FIN,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    RST,
)
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.state import connections

SECOND_NS: Final = 1_000_000_000
# How long an entry holds after its latest packet
OPENING_NS: Final = 60 * SECOND_NS  # a TCP or SCTP connection that was not answered
ESTABLISHED_NS: Final = 8000 * SECOND_NS
ENDED_NS: Final = 10 * SECOND_NS  # both ends have sent FIN, or one RST
DATAGRAMS_NS: Final = 60 * SECOND_NS  # UDP, echoes


@function
def is_same(one: ConnectionKey, other: ConnectionKey) -> bool:
    """Whether two keys are of one flow."""
    if one.local_address.low != other.local_address.low or one.remote_address.low != other.remote_address.low:
        return False
    if one.local_address.high != other.local_address.high or one.remote_address.high != other.remote_address.high:
        return False
    if one.local_port != other.local_port or one.remote_port != other.remote_port:
        return False
    return one.endpoint == other.endpoint and one.protocol == other.protocol


@function
def lifetime_ns(protocol: u8, state: u8) -> u64:
    """How long an entry in this state holds."""
    if protocol != PROTOCOL_TCP and protocol != PROTOCOL_SCTP:
        return DATAGRAMS_NS
    if (state & ConnectionState.ENDED) == ConnectionState.ENDED:
        return ENDED_NS
    return ESTABLISHED_NS if (state & ConnectionState.ANSWERED) != 0 else OPENING_NS


@function
def is_alive(seen_ns: u64, now_ns: u64, protocol: u8, state: u8) -> bool:
    """Whether an entry still holds. A time ahead of now is another CPU's."""
    return now_ns < seen_ns or now_ns - seen_ns <= lifetime_ns(protocol, state)


@function
def note(connection: Connection, scratch: Scratch, state: u8, opened_by: u8, direction: u8) -> None:
    """A packet of a live connection passes: when, and what it says of the connection's end."""
    connection.seen_ns = scratch.now_ns
    later = state
    if opened_by != direction:
        later |= ConnectionState.ANSWERED
    if scratch.protocol == PROTOCOL_TCP and (scratch.flags & (FIN | RST)) != 0:
        if (scratch.flags & RST) != 0:
            later |= ConnectionState.ENDED
        else:
            later |= ConnectionState.OPENER_ENDED if opened_by == direction else ConnectionState.ANSWERER_ENDED
    if later != state:
        connection.state = later


@function
def remember(scratch: Scratch, action: u32, opened_by: u8, state: u8) -> bool:
    """The decision of `scratch` under its key; False when there is no room."""
    fresh = Connection()
    fresh.key.copy_from(scratch.key)
    fresh.judged = scratch.control
    fresh.seen_ns = scratch.now_ns
    fresh.rule = scratch.rule
    fresh.rule_set = scratch.rule_set
    fresh.action = action & 0xFF
    fresh.refusal = scratch.refusal
    fresh.opened_by = opened_by
    fresh.state = state
    fresh.stream = scratch.stream
    if connections.update(scratch.key, fresh):
        return True
    count(Counted.CONNECTIONS_FAILED)
    return False


@function
def begins(scratch: Scratch) -> bool:
    """Whether it says that it begins a connection, whatever is known of one: a SYN, an INIT. A datagram says nothing of the kind."""
    return scratch.opens != 0 and (scratch.protocol == PROTOCOL_TCP or scratch.protocol == PROTOCOL_SCTP)


@function
def is_ended(state: u8) -> bool:
    """Whether both ends have said that it is over."""
    return (state & ConnectionState.ENDED) == ConnectionState.ENDED


@function
def asked_port(scratch: Scratch, opened_by: u8) -> u32:
    """The port that policy is about: the one that the opener speaks to; an echo's is its type."""
    if scratch.key.protocol == PROTOCOL_ICMP:
        return ECHO
    if scratch.key.protocol == PROTOCOL_ICMPV6:
        return ECHO_V6
    return scratch.key.local_port if opened_by == Direction.INGRESS else scratch.key.remote_port

