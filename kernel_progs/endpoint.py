"""The two entry points of an endpoint: every packet to it and every packet from it begins here.

The order is that of the design: parse, source check, connection, identity, policy, then (inspected ports) the
stream and the rule set's program. Invariant I3, what is not understood is not allowed: each way out of parsing
that is not understood is a drop wherever a policy is enforced.
"""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, program, u8, u32
from pybpf.kernel_progs.abi import (
    ANY,
    Answer,
    Connection,
    ConnectionState,
    Direction,
    Endpoint,
    PolicyAction,
    PolicyEntry,
    Reason,
    Scratch,
    Verdict,
)
from pybpf.kernel_progs.events import report
from pybpf.kernel_progs.headers import (
    ACK,
    ETHERNET_BYTES,
    FIN,
    FRAGMENT_MASK,
    FRAME_BYTES,
    IPV4_PLAIN,
    KIND_ARP,
    KIND_IPV4,
    PROTOCOL_TCP,
    RST,
    SYN,
    TCP_BYTES,
    TCP_OFFSET,
    URG,
    Ethernet,
    Frame,
)
from pybpf.kernel_progs.options import has_stream_options
from pybpf.kernel_progs.policy import entry_of, identity_of
from pybpf.kernel_progs.state import STAGE_REFUSE, connections, endpoints, rule_sets, scratches, stages
from pybpf.kernel_progs.stream import KNOWN, admit, begin, confirm, hear_reply


@program("tc")
def to_endpoint(packet: Skb) -> int:
    """Egress of the host-side device: what the endpoint receives. Enforces its ingress policy."""
    return run(packet, Direction.INGRESS)


@program("tc")
def from_endpoint(packet: Skb) -> int:
    """Ingress of the host-side device: what the endpoint sends. Enforces its egress policy."""
    return run(packet, Direction.EGRESS)


@function
def run(packet: Skb, direction: u8) -> int:
    """The tc action for one packet, and its event if it is worth one."""
    scratch = scratches.lookup(0)
    endpoint = endpoints.lookup(packet.interface_index)
    if scratch is None or endpoint is None:
        return Action.SHOT
    scratch.verdict = 0
    action = decide(packet, scratch, endpoint, direction)
    if scratch.verdict != 0:
        report(scratch, scratch.verdict, scratch.reason, scratch.rule, packet.length)
    return action


@function
def decide(packet: Skb, scratch: Scratch, endpoint: Endpoint, direction: u8) -> int:
    """The tc action for one packet; scratch.verdict is set when it is to be reported."""
    frame = packet.header(Frame, 0)
    if frame is None:
        packet.pull(FRAME_BYTES)
        frame = packet.header(Frame, 0)
        if frame is None:
            return decide_short(packet, endpoint, direction)
    if frame.ethernet.kind != KIND_IPV4:
        return decide_other(endpoint, direction, frame.ethernet.kind)
    if direction == Direction.EGRESS and frame.ip.source != endpoint.address:
        scratch.reason = Reason.SPOOFED_SOURCE
        return drop_early(scratch, endpoint, direction, frame)
    if endpoint.ingress_enforced == 0 and endpoint.egress_enforced == 0:
        return Action.OK
    if frame.ip.version_and_words != IPV4_PLAIN or (frame.ip.fragment & FRAGMENT_MASK) != 0:
        scratch.reason = Reason.FRAGMENT if (frame.ip.fragment & FRAGMENT_MASK) != 0 else Reason.UNSUPPORTED
        return Action.OK if enforced(endpoint, direction) == 0 else drop_early(scratch, endpoint, direction, frame)
    if frame.ip.protocol != PROTOCOL_TCP:
        return decide_datagram(scratch, endpoint, direction, frame)
    header: u32 = (frame.tcp.words >> 4) * 4
    end: u32 = ETHERNET_BYTES + frame.ip.total_bytes
    if header < TCP_BYTES or TCP_OFFSET + header > end or end > packet.length:
        scratch.reason = Reason.MALFORMED
        return drop_early(scratch, endpoint, direction, frame)
    describe(scratch, endpoint, direction, frame)
    scratch.payload_offset = TCP_OFFSET + header
    scratch.payload_length = (end - TCP_OFFSET - header) & 0xFFFF
    scratch.flags = frame.tcp.flags
    scratch.sequence = frame.tcp.sequence
    return decide_tcp(packet, scratch, endpoint, direction, frame.tcp.acknowledgement)


@function
def enforced(endpoint: Endpoint, direction: u8) -> u8:
    """1 when the endpoint has a policy for this direction."""
    return endpoint.ingress_enforced if direction == Direction.INGRESS else endpoint.egress_enforced


@function
def default_rule(endpoint: Endpoint, direction: u8) -> u32:
    """The rule that a default deny is accounted to."""
    return endpoint.ingress_rule if direction == Direction.INGRESS else endpoint.egress_rule


@function
def decide_short(packet: Skb, endpoint: Endpoint, direction: u8) -> int:
    """A packet too short for TCP over IPv4: ARP, a short datagram, or rubbish."""
    ethernet = packet.header(Ethernet, 0)
    if ethernet is None:
        return Action.SHOT
    return decide_other(endpoint, direction, ethernet.kind)


@function
def decide_other(endpoint: Endpoint, direction: u8, kind: int) -> int:
    """A packet that is not parsed: address resolution passes, the rest only where no policy is enforced."""
    if kind == KIND_ARP:
        return Action.OK
    return Action.OK if enforced(endpoint, direction) == 0 else Action.SHOT


@function
def describe(scratch: Scratch, endpoint: Endpoint, direction: u8, frame: Frame) -> None:
    """Write down who the packet is between, as the endpoint sees it."""
    scratch.direction = direction
    scratch.endpoint = endpoint.id
    scratch.identity = endpoint.identity
    scratch.reason = Reason.POLICY
    scratch.rule = default_rule(endpoint, direction)
    scratch.position = 0
    scratch.key.endpoint = endpoint.id
    if direction == Direction.INGRESS:
        scratch.key.local_address = frame.ip.destination
        scratch.key.remote_address = frame.ip.source
        scratch.key.local_port = frame.tcp.destination
        scratch.key.remote_port = frame.tcp.source
    else:
        scratch.key.local_address = frame.ip.source
        scratch.key.remote_address = frame.ip.destination
        scratch.key.local_port = frame.tcp.source
        scratch.key.remote_port = frame.tcp.destination


@function
def drop_early(scratch: Scratch, endpoint: Endpoint, direction: u8, frame: Frame) -> int:
    """Drop a packet that is not even looked up; scratch.reason says why."""
    reason = scratch.reason
    describe(scratch, endpoint, direction, frame)
    scratch.peer_identity = identity_of(scratch.key.remote_address)
    return drop(scratch, reason)


@function
def drop(scratch: Scratch, reason: u32) -> int:
    """Drop, to be reported."""
    scratch.verdict = Verdict.DROPPED
    scratch.reason = reason & 0xFF
    return Action.SHOT


@function
def decide_datagram(scratch: Scratch, endpoint: Endpoint, direction: u8, frame: Frame) -> int:
    """Protocols without connections here: only rules for any port can allow them."""
    if enforced(endpoint, direction) == 0:
        return Action.OK
    protocol: u8 = frame.ip.protocol
    describe(scratch, endpoint, direction, frame)
    scratch.key.local_port = 0
    scratch.key.remote_port = 0
    scratch.peer_identity = identity_of(scratch.key.remote_address)
    entry = entry_of(endpoint.id, scratch.peer_identity, direction, protocol, ANY)
    if entry is not None and entry.action == PolicyAction.ALLOW:
        return Action.OK
    return drop(scratch, Reason.UNSUPPORTED)


@function
def decide_tcp(packet: Skb, scratch: Scratch, endpoint: Endpoint, direction: u8, acknowledgement: u32) -> int:
    """A TCP segment: of a known connection's replying side, or else judged by policy."""
    connection = connections.lookup(scratch.key)
    opening = (scratch.flags & (SYN | ACK)) == SYN
    if connection is not None and connection.opened_by != direction:
        return decide_reply(scratch, connection, opening, acknowledgement)
    if enforced(endpoint, direction) == 0:
        if opening and connection is None and not remember(scratch, direction, 0):
            return drop(scratch, Reason.TABLE_FULL)
        return Action.OK
    peer = identity_of(scratch.key.remote_address)
    scratch.peer_identity = peer
    port = scratch.key.local_port if direction == Direction.INGRESS else scratch.key.remote_port
    entry = entry_of(endpoint.id, peer, direction, PROTOCOL_TCP, port)
    if entry is None:
        return drop(scratch, Reason.POLICY)
    scratch.rule = entry.rule
    if connection is not None and connection.state == ConnectionState.REFUSED and not opening:
        return decide_refused(packet, scratch)
    if entry.action == PolicyAction.ALLOW:
        return allow(scratch, connection, direction, opening)
    if entry.action != PolicyAction.INSPECT:
        return drop(scratch, Reason.POLICY)
    return inspect(packet, scratch, connection, entry, opening, acknowledgement)


@function
def remember(scratch: Scratch, direction: u8, inspected: u8) -> bool:
    """A new connection entry; False when the table takes none."""
    fresh = Connection()
    fresh.opened_by = direction
    fresh.inspected = inspected
    fresh.rule = scratch.rule
    fresh.state = ConnectionState.OPENING if inspected != 0 else ConnectionState.OPEN
    return connections.update(scratch.key, fresh)


@function
def decide_reply(scratch: Scratch, connection: Connection, opening: bool, acknowledgement: u32) -> int:
    """The other side's packets of a connection pass; what they say of an inspected stream is noted."""
    if opening:
        return drop(scratch, Reason.BAD_SYN)
    if connection.inspected == 0:
        return Action.OK
    if (scratch.flags & SYN) != 0:
        if scratch.payload_length != 0:
            return drop(scratch, Reason.BAD_SYN)
        if connection.compare_exchange("busy", 0, 1) != 0:
            return drop(scratch, Reason.BUSY)
        begun = begin(connection, scratch.sequence, acknowledgement)
        connection.busy = 0
        return Action.OK if begun else drop(scratch, Reason.BAD_SYN)
    if (scratch.flags & (RST | FIN)) != 0:
        connection.over = 1
    # Of a refused connection too: our own 403 comes by here, and the receiver, reset, has nothing else to say.
    if (scratch.flags & ACK) != 0:
        hear_reply(connection, scratch.sequence, acknowledgement, scratch.payload_length, scratch.flags)
    return Action.OK


@function
def allow(scratch: Scratch, connection: Connection | None, direction: u8, opening: bool) -> int:
    """Allowed without inspection: remember who opened the connection, so that its replies pass.

    Only a SYN says who opened it. A segment of an unknown connection passes, but makes nobody a replying side.
    """
    if connection is None and opening:
        if not remember(scratch, direction, 0):
            return drop(scratch, Reason.TABLE_FULL)
        scratch.verdict = Verdict.FORWARDED
    return Action.OK


@function
def decide_refused(packet: Skb, scratch: Scratch) -> int:
    """The opener goes on talking on a refused connection: its FIN is acknowledged, data is answered by RST."""
    if (scratch.flags & (RST | SYN)) != 0 or (scratch.flags & ACK) == 0:
        return Action.SHOT
    if scratch.payload_length == 0 and (scratch.flags & FIN) == 0:
        return Action.SHOT
    scratch.answer = Answer.RESET if scratch.payload_length != 0 else Answer.ACKNOWLEDGE
    scratch.reason = Reason.CLOSED
    stages.tail_call(packet, STAGE_REFUSE)
    return Action.SHOT


@function
def inspect(
    packet: Skb, scratch: Scratch, connection: Connection | None, entry: PolicyEntry, opening: bool, acknowledgement: u32
) -> int:
    """A segment of the side whose bytes are judged. Urgent data would be cut out of the stream behind our back, and
    an empty segment can mark it: URG never passes."""
    if (scratch.flags & URG) != 0:
        return drop(scratch, Reason.URGENT)
    if opening:
        return inspect_opening(packet, scratch, connection)
    if (scratch.flags & SYN) != 0 or (scratch.flags & ACK) == 0:
        if (scratch.flags & (RST | SYN)) != RST or scratch.payload_length != 0:
            return drop(scratch, Reason.MALFORMED)
        if connection is not None:
            note_reset(connection, scratch)
        return Action.OK
    if connection is None or connection.inspected == 0:
        return reset_unknown(packet, scratch)
    if connection.state == ConnectionState.ANSWERED:
        confirmed = confirm(connection, scratch.sequence, acknowledgement)
        if confirmed != Reason.POLICY:
            return drop(scratch, confirmed)
    if connection.state != ConnectionState.OPEN:
        return drop(scratch, Reason.NO_CONNECTION)
    if scratch.payload_length == 0:
        note_reset(connection, scratch)
        return Action.OK
    return inspect_payload(packet, scratch, connection, entry)


@function
def note_reset(connection: Connection, scratch: Scratch) -> None:
    """A RST with exactly the next sequence number ends the connection at the receiver (RFC 5961 section 3)."""
    if (scratch.flags & RST) != 0 and scratch.sequence == connection.next_sequence:
        connection.over = 1


@function
def inspect_payload(packet: Skb, scratch: Scratch, connection: Connection, entry: PolicyEntry) -> int:
    """Bytes to judge: one CPU at a time, and nothing that was known before it had the connection still counts."""
    if connection.compare_exchange("busy", 0, 1) != 0:
        return drop(scratch, Reason.BUSY)
    if connection.state != ConnectionState.OPEN:
        connection.busy = 0
        return drop(scratch, Reason.NO_CONNECTION)
    admitted = admit(connection, scratch)
    if admitted == Reason.POLICY:
        scratch.rule_set = entry.rule_set
        rule_sets.tail_call(packet, scratch.rule_set)
        connection.busy = 0
        return drop(scratch, Reason.NO_PROGRAM)
    connection.busy = 0
    if admitted == KNOWN:
        return Action.OK
    return drop(scratch, admitted)


@function
def inspect_opening(packet: Skb, scratch: Scratch, connection: Connection | None) -> int:
    """A SYN to an inspected port: no data, no options that would make it more than one plain stream."""
    if scratch.payload_length != 0 or (scratch.flags & (FIN | RST)) != 0 or has_stream_options(packet, scratch):
        return drop(scratch, Reason.BAD_SYN)
    if connection is None:
        if not remember(scratch, scratch.direction, 1):
            return drop(scratch, Reason.TABLE_FULL)
        scratch.verdict = Verdict.FORWARDED
    elif connection.inspected == 0:
        connection.inspected = 1
        connection.state = ConnectionState.OPENING
    return Action.OK


@function
def reset_unknown(packet: Skb, scratch: Scratch) -> int:
    """An inspected port, and a segment of no connection whose stream is known: RST both ways, never a guess."""
    if (scratch.flags & RST) != 0:
        return Action.SHOT
    scratch.reason = Reason.NO_CONNECTION
    scratch.answer = Answer.RESET
    stages.tail_call(packet, STAGE_REFUSE)
    return Action.SHOT
