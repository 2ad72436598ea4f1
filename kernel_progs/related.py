"""ICMP errors about a connection's packets: they belong to it, whoever sends them.

An error is related when it quotes a packet that its receiver has sent, on a live connection that may go on. Anybody on the way
may send it, so its source says nothing; who it is sent to, and the quoted ends and ports, must all fit.
"""

from __future__ import annotations

from pybpf.compiler.lang import Skb, function, ktime_get_coarse_ns, u8, u32
from pybpf.kernel_progs.abi import (
    BOTH_COLUMNS,
    ConnectionKey,
    Direction,
    PolicyAction,
)
from pybpf.kernel_progs.answers import QUOTED_TRANSPORT, is_own_answer
from pybpf.kernel_progs.connections import is_alive, is_same
from pybpf.kernel_progs.headers import (
    ECHO,
    ECHO_V6,
    FRAGMENT_OFFSET,
    ICMP_BYTES,
    IPV6_BYTES,
    LAST_ERROR_V6,
    MAPPED,
    PARAMETER_PROBLEM,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    SOURCE_QUENCH,
    TIME_EXCEEDED,
    UNREACHABLE,
    Icmp,
    Ipv4,
    Ipv6,
    Ports,
)
from pybpf.kernel_progs.identity import owns
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.state import connections


@function
def is_error(scratch: Scratch) -> bool:
    """Whether it is an ICMP error (RFC 1122 section 3.2.2, RFC 4443 section 2.1)."""
    if scratch.is_piece != 0:
        return False
    if scratch.version == 6:
        return scratch.protocol == PROTOCOL_ICMPV6 and scratch.kind >= 1 and scratch.kind <= LAST_ERROR_V6
    if scratch.protocol != PROTOCOL_ICMP:
        return False
    kind: u8 = scratch.kind
    return kind == UNREACHABLE or kind == SOURCE_QUENCH or kind == TIME_EXCEEDED or kind == PARAMETER_PROBLEM


@function
def is_related(packet: Skb, scratch: Scratch, direction: u8) -> bool:
    """Whether the error is about a live connection of the endpoint that was judged under the present control word, or is our own."""
    if direction == Direction.EGRESS and not owns(scratch.key.endpoint, scratch.key.local_address, scratch.control & BOTH_COLUMNS):
        return False
    if is_own_answer(packet, scratch):
        return True
    key = ConnectionKey()
    key.endpoint = scratch.key.endpoint
    if not quoted(packet, scratch, direction, key):
        return False
    found = connections.lookup(key)
    if found is None:
        return False
    judged = found.judged
    action = found.action
    alive_since = found.seen_ns
    state = found.state
    now_ns = ktime_get_coarse_ns()
    if not is_same(found.key, key) or judged != scratch.control or action == PolicyAction.REFUSE:
        return False
    return is_alive(alive_since, now_ns, key.protocol, state)


@function
def quoted(packet: Skb, scratch: Scratch, direction: u8, key: ConnectionKey) -> bool:
    """The connection of the quoted packet, as the endpoint sees it; False when it is not one of the error's receiver or cannot be read.

    A packet to the endpoint quotes what the endpoint sent: its source is local. One from the endpoint quotes what it received.
    """
    at: u32 = (scratch.l4_offset + ICMP_BYTES) & 0xFFFFFFFF
    ports_at = at
    if scratch.version == 4:
        ip = Ipv4()
        if not packet.load(at, ip) or (ip.version_and_words >> 4) != 4 or (ip.fragment & FRAGMENT_OFFSET) != 0:
            return False
        ports_at = (at + (ip.version_and_words & 15) * 4) & 0xFFFFFFFF
        key.protocol = ip.protocol
        key.local_address.low = MAPPED | (ip.source if direction == Direction.INGRESS else ip.destination)
        key.remote_address.low = MAPPED | (ip.destination if direction == Direction.INGRESS else ip.source)
    else:
        ip6 = Ipv6()
        if not packet.load(at, ip6) or (ip6.version_and_flow >> 28) != 6:
            return False
        ports_at = (at + IPV6_BYTES) & 0xFFFFFFFF
        key.protocol = ip6.next_header
        key.local_address.high = ip6.source_high if direction == Direction.INGRESS else ip6.destination_high
        key.local_address.low = ip6.source_low if direction == Direction.INGRESS else ip6.destination_low
        key.remote_address.high = ip6.destination_high if direction == Direction.INGRESS else ip6.source_high
        key.remote_address.low = ip6.destination_low if direction == Direction.INGRESS else ip6.source_low
    # The error goes to whom the quoted packet came from.
    if direction == Direction.INGRESS:
        if key.local_address.low != scratch.key.local_address.low or key.local_address.high != scratch.key.local_address.high:
            return False
    elif key.remote_address.low != scratch.key.remote_address.low or key.remote_address.high != scratch.key.remote_address.high:
        return False
    return ports_at + QUOTED_TRANSPORT <= end_of(packet, scratch) and quoted_ports(packet, direction, key, ports_at)


@function
def end_of(packet: Skb, scratch: Scratch) -> u32:
    """Where the packet ends as its IP header says: what lies behind that is padding, and no part of what is quoted."""
    if scratch.version == 4:
        ip = Ipv4()
        return (scratch.l3_offset + ip.total_bytes) & 0xFFFFFFFF if packet.load(scratch.l3_offset, ip) else 0
    ip6 = Ipv6()
    return (scratch.l3_offset + IPV6_BYTES + ip6.payload_bytes) & 0xFFFFFFFF if packet.load(scratch.l3_offset, ip6) else 0


@function
def quoted_ports(packet: Skb, direction: u8, key: ConnectionKey, at: u32) -> bool:
    """The ports of the quoted packet; an echo's as set_message has them."""
    protocol: u8 = key.protocol
    if protocol == PROTOCOL_ICMP or protocol == PROTOCOL_ICMPV6:
        icmp = Icmp()
        if not packet.load(at, icmp):
            return False
        asks = icmp.kind == (ECHO if protocol == PROTOCOL_ICMP else ECHO_V6)
        if not asks:
            return False
        if direction == Direction.INGRESS:
            key.local_port = icmp.identifier
        else:
            key.remote_port = icmp.identifier
        return True
    if protocol != PROTOCOL_TCP and protocol != PROTOCOL_UDP and protocol != PROTOCOL_SCTP:
        return False
    ports = Ports()
    if not packet.load(at, ports):
        return False
    key.local_port = ports.source if direction == Direction.INGRESS else ports.destination
    key.remote_port = ports.destination if direction == Direction.INGRESS else ports.source
    return True
