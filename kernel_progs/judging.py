"""A packet whose facts are known meets its connection, or else the policy.

A packet of a live connection that was judged under the present control word passes without a look at the policy: nothing has
changed since. Under another word the connection is judged again, in the direction of whoever opened it, before the packet is;
when its right is gone it is cut, both ways, until it has been silent for as long as an entry lives.
"""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, ktime_get_coarse_ns, u8, u32
from pybpf.kernel_progs.abi import (
    BOTH_COLUMNS,
    NO_STREAM,
    STAGE_PROHIBIT,
    STAGE_REFUSE,
    STAGE_STREAM,
    Connection,
    Counted,
    Direction,
    Endpoint,
    PolicyAction,
    Reason,
    Refusal,
    Verdict,
)
from pybpf.kernel_progs.answers import is_own_answer
from pybpf.kernel_progs.connections import asked_port, begins, is_alive, is_ended, is_same, note, remember
from pybpf.kernel_progs.counting import count, count_rule, may_answer
from pybpf.kernel_progs.headers import (
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_TCP,
    RST,
)
from pybpf.kernel_progs.identity import identity_of, is_host, is_link_local, owns
from pybpf.kernel_progs.matching import Answer, Part, Scratch
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.policy import decide, is_open
from pybpf.kernel_progs.state import connections, stages


@function
def judge(packet: Skb, scratch: Scratch, endpoint: Endpoint, direction: u8) -> int:
    """The tc action for a packet that was read; scratch.verdict is set when it is to be reported."""
    connection = connections.lookup(scratch.key)
    scratch.stream = NO_STREAM
    if connection is None:
        scratch.now_ns = ktime_get_coarse_ns()
        return judge_unknown(packet, scratch, endpoint, direction)
    judged = connection.judged
    seen_ns = connection.seen_ns
    action = connection.action
    state = connection.state
    opened_by = connection.opened_by
    stream = connection.stream
    # From here on the entry may be another flow's; connections.py says why the key is read after the call.
    scratch.now_ns = ktime_get_coarse_ns()
    if not is_same(connection.key, scratch.key):
        return judge_unknown(packet, scratch, endpoint, direction)
    if judged == scratch.control and action == PolicyAction.ALLOW and is_alive(seen_ns, scratch.now_ns, scratch.protocol, state):
        if not begins(scratch):
            note(connection, scratch, state, opened_by, direction)
            return Action.OK
    scratch.stream = stream
    return judge_known(packet, scratch, endpoint, direction, connection)


@function
def judge_known(packet: Skb, scratch: Scratch, endpoint: Endpoint, direction: u8, connection: Connection) -> int:
    """A packet of a connection that cannot simply pass: a SYN, an old judgement, a refusal, an inspected stream, an entry out of date.

    What may no longer be sent from the endpoint's end of it counts as unknown: nothing is judged anew for an address that is not its own.
    """
    state = connection.state
    opened_by = connection.opened_by
    is_stale = connection.judged != scratch.control
    is_strange = (direction == Direction.EGRESS or is_stale) and not may_send(scratch)
    is_over = is_strange or not is_alive(connection.seen_ns, scratch.now_ns, scratch.protocol, state)
    if is_over or begins(scratch):
        takes_over = is_over or is_ended(state) or opened_by == direction or connection.action == PolicyAction.REFUSE
        if not takes_over:
            scratch.opens = 0
            if connection.action == PolicyAction.INSPECT:
                return drop(scratch, Reason.BAD_SYN)
        return judge_unknown(packet, scratch, endpoint, direction)
    action: u32 = connection.action
    scratch.rule = connection.rule
    scratch.rule_set = connection.rule_set
    scratch.refusal = connection.refusal
    if is_stale:
        action = decide(scratch, endpoint, opened_by & 1, asked_port(scratch, opened_by) & 0xFFFF)
        if scratch.reason == Reason.UPDATING:
            return drop(scratch, Reason.UPDATING)
        if not remember(scratch, action, opened_by, state):
            return drop(scratch, Reason.TABLE_FULL)
    if action == PolicyAction.REFUSE:
        connection.seen_ns = scratch.now_ns
        if is_own_answer(packet, scratch):
            return Action.OK
        return refuse(packet, scratch, scratch.reason if is_stale else Reason.CLOSED)
    note(connection, scratch, state, opened_by, direction)
    if action >= PolicyAction.INSPECT:
        scratch.watched = 1 if action == PolicyAction.WATCH else 0
        return judge_inspected(packet, scratch, direction, opened_by)
    return Action.OK


@function
def judge_inspected(packet: Skb, scratch: Scratch, direction: u8, opened_by: u8) -> int:
    """A segment of a connection whose requests are judged, or watched."""
    if scratch.is_piece != 0:
        return drop(scratch, Reason.FRAGMENT) if scratch.watched == 0 else Action.OK
    return go_on(packet, scratch, Part.RECEIVER if opened_by != direction else Part.OPENER)


@function
def go_on(packet: Skb, scratch: Scratch, part: u32) -> int:
    """To the program that knows the streams of inspected connections; when it is not there, the segment is dropped."""
    scratch.part = part
    stages.tail_call(packet, STAGE_STREAM)
    return drop(scratch, Reason.NO_PROGRAM)


@function
def may_send(scratch: Scratch) -> bool:
    """Whether the endpoint may send from this source: its own addresses, and link-local ones for ICMPv6, which needs them (RFC 4861)."""
    if owns(scratch.key.endpoint, scratch.key.local_address, scratch.control & BOTH_COLUMNS):
        return True
    return scratch.protocol == PROTOCOL_ICMPV6 and scratch.version == 6 and is_link_local(scratch.key.local_address)


@function
def policy_port(scratch: Scratch, direction: u8) -> u32:
    """The number that policy is about: where the packet goes, or of what type an ICMP message is."""
    if scratch.protocol == PROTOCOL_ICMP or scratch.protocol == PROTOCOL_ICMPV6:
        return scratch.kind
    return scratch.key.local_port if direction == Direction.INGRESS else scratch.key.remote_port


@function
def judge_unknown(packet: Skb, scratch: Scratch, endpoint: Endpoint, direction: u8) -> int:
    """A packet of no live connection: the policy decides, and where it lets a flow begin, the flow is remembered.

    A segment in the middle of an unknown connection passes by policy alone, and gives nobody the right to answer.
    """
    if direction == Direction.EGRESS and not may_send(scratch):
        scratch.peer_identity = identity_of(scratch.key.remote_address, 1 if (scratch.control & BOTH_COLUMNS) == 2 else 0)
        return drop(scratch, Reason.SPOOFED_SOURCE)
    action = decide(scratch, endpoint, direction, policy_port(scratch, direction) & 0xFFFF)
    if action != PolicyAction.ALLOW and is_own_answer(packet, scratch):
        return Action.OK
    if action == PolicyAction.REFUSE:
        return refuse(packet, scratch, scratch.reason)
    if action == PolicyAction.WATCH:
        # Only what begins can be watched; the rest passes as the policies in force have it.
        if scratch.protocol != PROTOCOL_TCP or scratch.is_piece != 0 or scratch.opens == 0:
            return admit(scratch, PolicyAction.ALLOW, direction)
        scratch.watched = 1
        return go_on(packet, scratch, Part.STRANGER)
    if action == PolicyAction.INSPECT:
        scratch.watched = 0
        if scratch.protocol != PROTOCOL_TCP:
            return drop(scratch, Reason.UNSUPPORTED)
        if scratch.is_piece != 0:
            return drop(scratch, Reason.FRAGMENT)
        return go_on(packet, scratch, Part.STRANGER)
    return admit(scratch, action, direction)


@function
def admit(scratch: Scratch, action: u32, direction: u8) -> int:
    """A packet that the policy lets pass; when it opens a connection, that is remembered, so that answers pass too.

    One to an address that is not the endpoint's own opens nothing: an answer from there would be spoofed.
    """
    if scratch.opens != 0 and (direction == Direction.EGRESS or may_send(scratch)):
        if not remember(scratch, action, direction, 0):
            return drop(scratch, Reason.TABLE_FULL)
        count(Counted.CONNECTIONS)
        scratch.verdict = Verdict.FORWARDED
    if scratch.audited != 0:
        scratch.verdict = Verdict.AUDITED
    count_rule(scratch.rule, scratch.audited != 0)
    return Action.OK


@function
def refuse(packet: Skb, scratch: Scratch, reason: u32) -> int:
    """Refuse as the policy wants it: in silence, by RST, by ICMP. Only hosts are answered, and only so often; the rest is dropped."""
    scratch.reason = reason & 0xFF
    count_rule(scratch.rule, True)
    if scratch.refusal == Refusal.DROP or scratch.is_piece == 1 or not is_host(scratch.key.local_address) or not is_host(scratch.key.remote_address):
        return drop(scratch, reason)
    if not may_answer(scratch):
        return drop(scratch, reason)
    if scratch.protocol == PROTOCOL_TCP and scratch.refusal == Refusal.RESET:
        if (scratch.flags & RST) == 0:
            scratch.answer = Answer.RESET
            stages.tail_call(packet, STAGE_REFUSE)
        return drop(scratch, reason)
    if scratch.protocol != PROTOCOL_TCP or (scratch.flags & RST) == 0:
        stages.tail_call(packet, STAGE_PROHIBIT)
    return drop(scratch, reason)


@function
def judge_unread(scratch: Scratch, endpoint: Endpoint, direction: u8, reason: u32) -> int:
    """A packet that was not understood: dropped. Fragments that come before their first one pass where nothing is enforced, from
    the endpoint's own addresses."""
    if reason == Reason.FRAGMENT and scratch.is_piece == 1 and is_open(scratch, endpoint, direction):
        if direction == Direction.INGRESS or may_send(scratch):
            return Action.OK
    return drop(scratch, reason)
