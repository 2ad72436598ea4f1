"""The opener's bytes of an inspected connection: which of them a packet may bring.

Invariant I1, one value per sequence number: a payload byte passes only if the matcher consumed it, in order, or
if the receiver has acknowledged that position already and will ignore the byte. Everything else is dropped and
TCP sends it again, so the stream a receiver assembles is the stream that was judged. Positions are compared as
serial numbers (RFC 9293 section 3.4). State starts at the receiver's SYN-ACK, never at the opener's word.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function, u32
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.headers import FIN
from pybpf.kernel_progs.matching import Matcher, Scratch, Stream, StreamState

KNOWN: Final = 0xFF  # nothing in the packet that the receiver does not have already


@function
def ahead_of(sequence: u32, other: u32) -> u32:
    """How far `sequence` lies ahead of `other`, modulo 2^32; 2^31 and more means behind."""
    return (sequence - other) & 0xFFFFFFFF


@function
def is_ahead(sequence: u32, other: u32) -> bool:
    """Whether `sequence` comes after `other`."""
    distance = ahead_of(sequence, other)
    return distance != 0 and distance < 0x80000000


@function
def begin_stream(stream: Stream, sequence: u32, acknowledgement: u32) -> bool:
    """The receiver's SYN-ACK: the stream starts at what it acknowledges. False when it must be dropped.

    One that is sent again changes nothing while nothing is acknowledged; later it is a stray duplicate, and both
    keeping the state and starting anew would be wrong for one of the two connections it can mean. Another one
    replaces the stream only before the first segment of the opener, or once the connection is over. Called
    under `busy`.
    """
    answer = (sequence + 1) & 0xFFFFFFFF
    if stream.state != StreamState.OPENING:
        if stream.initial_sequence == acknowledgement and stream.answer_sequence == answer:
            return stream.state != StreamState.REFUSED and stream.acknowledged == acknowledgement
        if stream.state == StreamState.OPEN and stream.over == 0:
            return False
    stream.initial_sequence = acknowledgement
    stream.answer_sequence = answer
    stream.next_sequence = acknowledgement
    stream.acknowledged = acknowledgement
    stream.reply_sequence = answer
    stream.over = 0
    fresh = Matcher()
    fresh.fresh = 1
    stream.matcher.copy_from(fresh)
    stream.state = StreamState.ANSWERED
    return True


@function
def confirm(stream: Stream, sequence: u32, acknowledgement: u32) -> bool:
    """The opener's first segment after a SYN-ACK: whether it has exactly the two numbers of that, and the stream is open.

    A receiver that answers with SYN cookies (RFC 4987 section 3.6) keeps nothing and takes the handshake from any
    segment that fits any of its answers: only the answer that the stream started from may be fitted.
    """
    if sequence != stream.initial_sequence or acknowledgement != stream.answer_sequence:
        return False
    stream.state = StreamState.OPEN
    return True


@function
def hear_reply(stream: Stream, sequence: u32, acknowledgement: u32, length: u32, flags: u32) -> None:
    """A packet of the receiver: what it has acknowledged, and how far its own bytes go."""
    heard = acknowledgement
    if ahead_of(acknowledgement, stream.next_sequence) == 1:  # of the opener's FIN, too
        heard = stream.next_sequence
    if is_ahead(heard, stream.acknowledged) and not is_ahead(heard, stream.next_sequence):
        stream.acknowledged = heard
    end = (sequence + length + (flags & FIN)) & 0xFFFFFFFF
    if is_ahead(end, stream.reply_sequence):
        stream.reply_sequence = end


@function
def admit_bytes(stream: Stream, scratch: Scratch) -> u32:
    """POLICY (0) when the packet's bytes are to be judged: `scratch` then names only those not judged before.

    KNOWN when it may pass unjudged: all of it is acknowledged. Otherwise the reason to drop it, AHEAD or REPLAYED.
    """
    old = ahead_of(stream.next_sequence, scratch.sequence)
    if old == 0:
        return Reason.POLICY
    if old >= 0x80000000:
        return Reason.AHEAD
    if is_ahead(stream.initial_sequence, scratch.sequence):
        return Reason.REPLAYED
    if old >= scratch.payload_length:
        end = (scratch.sequence + scratch.payload_length) & 0xFFFFFFFF
        if is_ahead(end, stream.acknowledged):
            return Reason.REPLAYED
        return KNOWN
    if stream.acknowledged != stream.next_sequence:
        return Reason.REPLAYED
    scratch.sequence = stream.next_sequence
    scratch.payload_offset = (scratch.payload_offset + old) & 0xFFFFFFFF
    scratch.payload_length = (scratch.payload_length - old) & 0xFFFFFFFF
    return Reason.POLICY
