"""The opener's bytes of an inspected connection: which of them a packet may bring.

Invariant I1, one value per sequence number: a payload byte passes only if the matcher consumed that byte at that number, or if it is
opaque, so that no matcher ever looks at what stands there. Everything else is dropped, and TCP sends it again. So whatever a receiver
assembles from what passes, with whatever preference among overlapping segments, and whatever it has lost or thrown away, is the stream
that was judged. State starts at the receiver's SYN-ACK, never at the opener's word.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Skb, function, u32, u64, wrap
from pybpf.kernel_progs.abi import Reason
from pybpf.kernel_progs.headers import FIN
from pybpf.kernel_progs.matching import FOREVER, Matcher, Scratch, Stream, StreamState, Upgrade
from pybpf.kernel_progs.replies import begin_replies
from pybpf.kernel_progs.retained import give_all_back, is_as_retained
from pybpf.kernel_progs.sequences import ahead_of, is_ahead

TO_MATCHER: Final = 0xFE  # of what admit_bytes gives: no reasons
TO_STRIP: Final = 0xFF
WIDEST_WINDOW: Final = 1 << 30


@function
def await_stream(stream: Stream, scratch: Scratch) -> None:
    """A SYN of the scratch's connection passes: the slot, which is held, is its own, and nothing else passes before the SYN-ACK."""
    give_all_back(stream, scratch.stream)
    stream.key.copy_from(scratch.key)
    stream.state = StreamState.OPENING
    stream.over = 0
    stream.changed_ns = scratch.now_ns


@function
def begin_stream(stream: Stream, scratch: Scratch) -> bool:
    """The receiver's SYN-ACK: the stream starts at what it acknowledges. False when it must be dropped.

    One that is sent again changes nothing while nothing is acknowledged; later it is a stray duplicate, and both
    keeping the state and starting anew would be wrong for one of the two connections it can mean. Another one
    replaces the stream only before the first segment of the opener, or once the connection is over. Of a stream that is held.
    """
    acknowledgement: u32 = scratch.acknowledgement
    answer: u32 = wrap(u32, scratch.sequence + 1)
    if stream.state != StreamState.OPENING:
        if stream.initial_sequence == acknowledgement and stream.answer_sequence == answer:
            return stream.state != StreamState.REFUSED and stream.heard == acknowledgement
        if stream.state == StreamState.OPEN and stream.over == 0:
            return False
    give_all_back(stream, scratch.stream)
    stream.initial_sequence = acknowledgement
    stream.answer_sequence = answer
    stream.next_sequence = acknowledgement
    stream.acknowledged = acknowledgement
    stream.heard = acknowledgement
    stream.reply_sequence = answer
    stream.over = 0
    fresh = Matcher()
    fresh.fresh = 1
    stream.matcher.copy_from(fresh)
    begin_replies(stream, answer)
    stream.state = StreamState.ANSWERED
    stream.changed_ns = scratch.now_ns
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
def hear_reply(stream: Stream, scratch: Scratch) -> bool:
    """A packet of the receiver: what it has acknowledged, and how far its own bytes go. Whether it has all of the opener's now.

    Noted without holding the stream. What two CPUs or a late packet get wrong is less than the receiver has said, which costs a moment;
    and if it were more, bytes would be kept back that should come again: nothing that passes depends on it (admit_bytes).
    """
    ahead: u32 = stream.next_sequence
    said: u32 = scratch.acknowledgement
    if ahead_of(said, ahead) == 1:  # of the opener's FIN, too
        said = ahead
    heard: u32 = stream.heard
    if is_ahead(said, heard) and not is_ahead(said, ahead):
        stream.compare_exchange("heard", heard, said)
    end: u32 = wrap(u32, scratch.sequence + scratch.payload_length + (scratch.flags & FIN))
    replied: u32 = stream.reply_sequence
    if is_ahead(end, replied):
        stream.compare_exchange("reply_sequence", replied, end)
    return said == ahead


@function
def admit_bytes(packet: Skb, scratch: Scratch, stream: Stream) -> u32:
    """What may become of a packet with bytes, of a stream that is held: POLICY (0) when all of it passes, TO_MATCHER when some are to be
    judged, which `scratch` then names, TO_STRIP when it passes without them; else the reason to drop it.

    - Bytes that the receiver has acknowledged never pass again, not even the same ones: it needs them no more, and another connection that
      it may have made since of the same numbers must not get them. Their sender has missed an acknowledgement; the empty segment begets one.
    - Bytes between there and the first that was not judged pass when they are the retained ones, or opaque.
    - Opaque bytes pass in any order: the matcher stands where they end, whatever they are, so it may stand there at once.
    - Bytes ahead of what is opaque are dropped, and all of them while the receiver has not said whether another protocol begins.
    """
    if stream.upgrade > Upgrade.AWAITED:
        go_on_otherwise(stream)
    behind: u32 = ahead_of(stream.next_sequence, scratch.sequence)
    if behind >= 0x80000000:
        skipped: u32 = wrap(u32, 0 - behind)
        if skipped > stream.matcher.opaque_left or is_too_far(stream, scratch):
            return Reason.AHEAD
        pass_over(stream, skipped)
    elif behind != 0:
        if is_ahead(stream.acknowledged, scratch.sequence):
            return TO_STRIP
        if not is_as_retained(packet, scratch, stream):
            return Reason.REPLAYED
        if behind >= scratch.payload_length:
            return Reason.POLICY
        scratch.sequence = stream.next_sequence
        scratch.payload_offset = wrap(u32, scratch.payload_offset + behind)
        scratch.payload_length = wrap(u32, scratch.payload_length - behind)
    if is_too_far(stream, scratch) or stream.upgrade == Upgrade.AWAITED:
        return Reason.AHEAD
    if scratch.payload_length > stream.matcher.opaque_left:
        return TO_MATCHER
    pass_over(stream, scratch.payload_length)
    return Reason.POLICY


@function
def go_on_otherwise(stream: Stream) -> None:
    """The receiver has said whether it goes on in another protocol: then nothing is judged any more, else requests follow."""
    if stream.upgrade == Upgrade.GRANTED:
        stream.matcher.opaque_left = FOREVER
    stream.matcher.awaits = 0
    stream.upgrade = Upgrade.NONE


@function
def is_too_far(stream: Stream, scratch: Scratch) -> bool:
    """Whether the packet ends further from what is acknowledged than any window is wide (RFC 7323 section 2.3). So all numbers that are
    compared lie within 2^31, and one number means one byte."""
    return ahead_of(wrap(u32, scratch.sequence + scratch.payload_length), stream.acknowledged) > WIDEST_WINDOW


@function
def pass_over(stream: Stream, octets: u32) -> None:
    """So many opaque bytes are behind us."""
    stream.next_sequence = wrap(u32, stream.next_sequence + octets)
    stream.matcher.opaque_left = wrap(u64, stream.matcher.opaque_left - octets)
