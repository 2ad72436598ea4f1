"""TCP connections whose requests are judged: the handshake, the opener's segments on their way to the matcher, the receiver's words."""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, u32
from pybpf.kernel_progs.abi import STAGE_REFUSE, STAGE_REPLY, STAGE_STRIP, Reason, Refusal, Verdict
from pybpf.kernel_progs.connections import is_same
from pybpf.kernel_progs.headers import ACK, FIN, RST, SYN, URG
from pybpf.kernel_progs.matching import Answer, Scratch, Stream, StreamState
from pybpf.kernel_progs.options import make_plain
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.replies import release_reply, takes_reply
from pybpf.kernel_progs.retained import give_all_back, settle
from pybpf.kernel_progs.sequences import ahead_of
from pybpf.kernel_progs.slots import find_slot, hold, known_stream, release
from pybpf.kernel_progs.state import rule_sets, stages
from pybpf.kernel_progs.stream import (
    TO_MATCHER,
    TO_STRIP,
    admit_bytes,
    await_stream,
    begin_stream,
    confirm,
    hear_reply,
)


@function
def open_stream(packet: Skb, scratch: Scratch) -> int:
    """A segment to an inspected port, of no connection that is known. A SYN may open one: no data, and no options, when it passes, that would
    make it more than one plain stream. A lone RST passes; everything else is reset, both ways, never guessed at."""
    if (scratch.flags & URG) != 0:
        return drop(scratch, Reason.URGENT)
    if scratch.opens == 0:
        if (scratch.flags & (RST | ACK)) == RST and (scratch.flags & SYN) == 0 and scratch.payload_length == 0:
            return Action.OK
        return reset_unknown(packet, scratch)
    if scratch.payload_length != 0 or (scratch.flags & (FIN | RST)) != 0:
        return drop(scratch, Reason.BAD_SYN)
    if scratch.watched == 0 and not make_plain(packet, scratch):
        return drop(scratch, Reason.BAD_SYN)
    if known_stream(scratch) is None:
        stream = find_slot(scratch)
        if stream is None:
            return drop(scratch, Reason.TABLE_FULL)
        await_stream(stream, scratch)
        release(stream)
    return Action.OK


@function
def inspect(packet: Skb, scratch: Scratch) -> int:
    """A segment of the side whose bytes are judged. Urgent data would be cut out of the stream behind our back, and an empty segment
    can mark it: URG never passes."""
    if (scratch.flags & URG) != 0:
        return drop(scratch, Reason.URGENT)
    stream = known_stream(scratch)
    if stream is None:
        return reset_unknown(packet, scratch)
    if scratch.payload_length == 0 and (scratch.flags & (SYN | RST | FIN | ACK)) == ACK and stream.state == StreamState.OPEN:
        return Action.OK  # most of what the opener of a download sends: nothing is to be known of its stream, or noted
    if not hold(stream, scratch):
        return drop(scratch, Reason.BUSY)
    if not is_same(stream.key, scratch.key):
        release(stream)
        return reset_unknown(packet, scratch)
    return inspect_held(packet, scratch, stream)


@function
def inspect_held(packet: Skb, scratch: Scratch, stream: Stream) -> int:
    """The same, of a stream that is held: whatever comes of it, it is released."""
    if stream.state == StreamState.REFUSED:
        release(stream)
        return answer_refused(packet, scratch) if scratch.watched == 0 else Action.OK
    reason = inspect_flags(scratch, stream)
    if reason != Reason.POLICY or scratch.payload_length == 0:
        release(stream)
        return Action.OK if reason == Reason.POLICY else drop(scratch, reason)
    return inspect_payload(packet, scratch, stream)


@function
def inspect_flags(scratch: Scratch, stream: Stream) -> u32:
    """POLICY (0) when the segment may go on as far as its header says, and the stream follows it; else the reason to drop it."""
    if (scratch.flags & (SYN | ACK)) != ACK:
        if (scratch.flags & (RST | SYN)) != RST or scratch.payload_length != 0:
            return Reason.MALFORMED
        note_reset(stream, scratch)
        return Reason.POLICY
    if stream.state == StreamState.ANSWERED and not confirm(stream, scratch.sequence, scratch.acknowledgement):
        return Reason.NO_CONNECTION
    if stream.state != StreamState.OPEN:
        return Reason.NO_CONNECTION
    if scratch.payload_length == 0:
        note_reset(stream, scratch)
        if (scratch.flags & FIN) != 0 and ahead_of(scratch.sequence, stream.next_sequence) < 0x80000000:
            if ahead_of(scratch.sequence, stream.next_sequence) > stream.matcher.opaque_left:
                return Reason.AHEAD
    return Reason.POLICY


@function
def inspect_payload(packet: Skb, scratch: Scratch, stream: Stream) -> int:
    """Bytes of a stream that is held, and goes on to the matcher so."""
    settle(stream, scratch.stream)
    admitted = admit_bytes(packet, scratch, stream)
    if admitted == TO_MATCHER:
        rule_sets.tail_call(packet, scratch.rule_set)
    release(stream)
    if admitted == Reason.POLICY:
        return Action.OK
    if admitted == TO_STRIP and scratch.watched != 0:
        return Action.OK
    if admitted == TO_STRIP:
        stages.tail_call(packet, STAGE_STRIP)
    return drop(scratch, admitted if admitted < TO_MATCHER else Reason.NO_PROGRAM)


@function
def note_reset(stream: Stream, scratch: Scratch) -> None:
    """A RST with exactly the next sequence number ends the connection at the receiver (RFC 5961 section 3)."""
    if (scratch.flags & RST) != 0 and scratch.sequence == stream.next_sequence:
        stream.over = 1


@function
def inspect_reply(packet: Skb, scratch: Scratch) -> int:
    """The receiver's packets pass; what they say of the stream is noted."""
    stream = known_stream(scratch)
    if stream is None:
        return Action.OK if (scratch.flags & SYN) == 0 else drop(scratch, Reason.NO_CONNECTION)
    if (scratch.flags & (SYN | RST | FIN)) != 0:
        if not hold(stream, scratch):
            return drop(scratch, Reason.BUSY)
        reason = turn(scratch, stream)
        release(stream)
        if reason != Reason.POLICY:
            return drop(scratch, reason)
        if (scratch.flags & SYN) != 0:
            return Action.OK if scratch.watched != 0 or make_plain(packet, scratch) else drop(scratch, Reason.BAD_SYN)
    # Of a refused connection too: our own 403 comes by here, and the receiver, reset, has nothing else to say.
    if (scratch.flags & ACK) != 0:
        if hear_reply(stream, scratch) and stream.held != 0:
            clear(stream, scratch)
    if scratch.payload_length != 0 and stream.state == StreamState.OPEN and takes_reply(scratch, stream):
        stages.tail_call(packet, STAGE_REPLY)
        stream.reply.lost = 1
        release_reply(stream)
    return Action.OK


@function
def clear(stream: Stream, scratch: Scratch) -> None:
    """The receiver has all that was judged: give it back now, for the opener may long be silent. Not if that would mean to wait."""
    if stream.compare_exchange("busy", 0, 1) == 0:
        if is_same(stream.key, scratch.key):
            settle(stream, scratch.stream)
        release(stream)


@function
def turn(scratch: Scratch, stream: Stream) -> u32:
    """The receiver begins or ends it: POLICY (0), or the reason to drop the packet. Of a stream that is held."""
    if not is_same(stream.key, scratch.key):
        return Reason.NO_CONNECTION
    if (scratch.flags & SYN) == 0:
        stream.over = 1
        return Reason.POLICY
    if scratch.payload_length != 0 or not begin_stream(stream, scratch):
        return Reason.BAD_SYN
    return Reason.POLICY


@function
def let_watched(scratch: Scratch, action: int) -> int:
    """What becomes of a packet of a connection that is only watched: it passes. Where it would not, what the receiver reads is no longer
    known, and the connection is not watched any more. That is told where the packet was refused for what it is; the rest is TCP's usual
    mishaps, which would only have been sent again."""
    if action == Action.OK:
        return action
    stream = known_stream(scratch)
    if stream is not None and hold(stream, scratch):
        if is_same(stream.key, scratch.key):
            give_all_back(stream, scratch.stream)
            stream.state = StreamState.REFUSED
        release(stream)
    scratch.verdict = 0
    if scratch.reason == Reason.REPLAYED or scratch.reason == Reason.URGENT:
        scratch.verdict = Verdict.AUDITED
    return Action.OK


@function
def answer_refused(packet: Skb, scratch: Scratch) -> int:
    """The opener goes on talking on a refused connection: its FIN is acknowledged, data is answered by RST, unless refusals are silent."""
    if scratch.refusal != Refusal.DROP and (scratch.flags & (RST | SYN)) == 0 and (scratch.flags & ACK) != 0:
        if scratch.payload_length != 0 or (scratch.flags & FIN) != 0:
            scratch.answer = Answer.RESET if scratch.payload_length != 0 else Answer.ACKNOWLEDGE
            scratch.reason = Reason.CLOSED
            stages.tail_call(packet, STAGE_REFUSE)
    return drop(scratch, Reason.CLOSED)


@function
def reset_unknown(packet: Skb, scratch: Scratch) -> int:
    """An inspected port, and a segment of no connection whose stream is known: RST both ways, never a guess."""
    if (scratch.flags & RST) == 0 and scratch.watched == 0:
        scratch.reason = Reason.NO_CONNECTION
        scratch.answer = Answer.RESET
        stages.tail_call(packet, STAGE_REFUSE)
    return drop(scratch, Reason.NO_CONNECTION)
