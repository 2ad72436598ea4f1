"""TCP connections whose requests are judged: the handshake, the opener's segments on their way to the matcher, the receiver's words."""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function
from pybpf.kernel_progs.abi import Reason, Verdict
from pybpf.kernel_progs.headers import ACK, FIN, RST, SYN, URG
from pybpf.kernel_progs.matching import Answer, Scratch, Stream, StreamState
from pybpf.kernel_progs.options import has_stream_options
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.state import STAGE_REFUSE, rule_sets, stages, streams
from pybpf.kernel_progs.stream import KNOWN, admit_bytes, begin_stream, confirm, hear_reply


@function
def open_stream(packet: Skb, scratch: Scratch) -> int:
    """A segment to an inspected port, of no connection that is known. A SYN may open one: no data, no options that would make it more
    than one plain stream. A lone RST passes; everything else is reset, both ways, never guessed at."""
    if (scratch.flags & URG) != 0:
        return drop(scratch, Reason.URGENT)
    if scratch.opens == 0:
        if (scratch.flags & (RST | ACK)) == RST and (scratch.flags & SYN) == 0 and scratch.payload_length == 0:
            return Action.OK
        return reset_unknown(packet, scratch)
    if scratch.payload_length != 0 or (scratch.flags & (FIN | RST)) != 0 or has_stream_options(packet, scratch):
        return drop(scratch, Reason.BAD_SYN)
    if streams.lookup(scratch.key) is None:
        fresh = Stream()
        if not streams.update(scratch.key, fresh):
            return drop(scratch, Reason.TABLE_FULL)
    return Action.OK


@function
def inspect(packet: Skb, scratch: Scratch) -> int:
    """A segment of the side whose bytes are judged. Urgent data would be cut out of the stream behind our back, and an empty segment
    can mark it: URG never passes."""
    if (scratch.flags & URG) != 0:
        return drop(scratch, Reason.URGENT)
    stream = streams.lookup(scratch.key)
    if stream is not None and stream.state == StreamState.REFUSED:
        return answer_refused(packet, scratch)
    if (scratch.flags & SYN) != 0 or (scratch.flags & ACK) == 0:
        if (scratch.flags & (RST | SYN)) != RST or scratch.payload_length != 0:
            return drop(scratch, Reason.MALFORMED)
        if stream is not None:
            note_reset(stream, scratch)
        return Action.OK
    if stream is None:
        return reset_unknown(packet, scratch)
    if stream.state == StreamState.ANSWERED:
        confirmed = confirm(stream, scratch.sequence, scratch.acknowledgement)
        if confirmed != Reason.POLICY:
            return drop(scratch, confirmed)
    if stream.state != StreamState.OPEN:
        return drop(scratch, Reason.NO_CONNECTION)
    if scratch.payload_length == 0:
        note_reset(stream, scratch)
        return Action.OK
    return inspect_payload(packet, scratch, stream)


@function
def inspect_payload(packet: Skb, scratch: Scratch, stream: Stream) -> int:
    """Bytes to judge: one CPU at a time, and nothing that was known before it had the stream still counts."""
    if stream.compare_exchange("busy", 0, 1) != 0:
        return drop(scratch, Reason.BUSY)
    if stream.state != StreamState.OPEN:
        stream.busy = 0
        return drop(scratch, Reason.NO_CONNECTION)
    admitted = admit_bytes(stream, scratch)
    if admitted == Reason.POLICY:
        rule_sets.tail_call(packet, scratch.rule_set)
        stream.busy = 0
        return drop(scratch, Reason.NO_PROGRAM)
    stream.busy = 0
    if admitted == KNOWN:
        return Action.OK
    return drop(scratch, admitted)


@function
def note_reset(stream: Stream, scratch: Scratch) -> None:
    """A RST with exactly the next sequence number ends the connection at the receiver (RFC 5961 section 3)."""
    if (scratch.flags & RST) != 0 and scratch.sequence == stream.next_sequence:
        stream.over = 1


@function
def inspect_reply(scratch: Scratch) -> int:
    """The receiver's packets pass; what they say of the stream is noted."""
    stream = streams.lookup(scratch.key)
    if stream is None:
        return Action.OK
    if (scratch.flags & SYN) != 0:
        if scratch.payload_length != 0:
            return drop(scratch, Reason.BAD_SYN)
        if stream.compare_exchange("busy", 0, 1) != 0:
            return drop(scratch, Reason.BUSY)
        begun = begin_stream(stream, scratch.sequence, scratch.acknowledgement)
        stream.busy = 0
        return Action.OK if begun else drop(scratch, Reason.BAD_SYN)
    if (scratch.flags & (RST | FIN)) != 0:
        stream.over = 1
    # Of a refused connection too: our own 403 comes by here, and the receiver, reset, has nothing else to say.
    if (scratch.flags & ACK) != 0:
        hear_reply(stream, scratch.sequence, scratch.acknowledgement, scratch.payload_length, scratch.flags)
    return Action.OK


@function
def answer_refused(packet: Skb, scratch: Scratch) -> int:
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
def reset_unknown(packet: Skb, scratch: Scratch) -> int:
    """An inspected port, and a segment of no connection whose stream is known: RST both ways, never a guess."""
    if (scratch.flags & RST) != 0:
        return Action.SHOT
    scratch.reason = Reason.NO_CONNECTION
    scratch.answer = Answer.RESET
    scratch.verdict = Verdict.REFUSED_RESET
    stages.tail_call(packet, STAGE_REFUSE)
    return Action.SHOT
