"""The program of an HTTP rule set: the bytes of a packet that the stream admits, through the matcher; what they come to."""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, program, u32, wrap
from pybpf.kernel_progs.abi import STAGE_REFUSE, Reason, Refusal, Verdict
from pybpf.kernel_progs.http import feed
from pybpf.kernel_progs.http_heads import skip_opaque
from pybpf.kernel_progs.matching import (
    CHUNK_BYTES,
    EARLIER,
    Answer,
    Chunk,
    Scratch,
    Stream,
    StreamState,
    Upgrade,
)
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.replies import is_nothing_outstanding
from pybpf.kernel_progs.request_events import finish_request, gather, tell_requests
from pybpf.kernel_progs.retained import give_all_back, retain, take_back
from pybpf.kernel_progs.slots import release
from pybpf.kernel_progs.state import chunks, rule_sets, scratches, stages, streams


@function
def refuse_stream(packet: Skb, scratch: Scratch, stream: Stream, chunk: Chunk, reason: u32) -> int:
    """End the connection and hand the packet to the refusing program; when that is missing, drop it. A connection that is only watched goes
    on, and is not watched any more.

    The 403 is for a request that nothing is outstanding before: else the receiver's sequence numbers are not ours to take.
    """
    alone = scratch.refusal == Refusal.FORBIDDEN and is_nothing_outstanding(stream, chunk.matcher.requests, scratch.acknowledgement)
    scratch.reason = reason & 0xFF
    scratch.head_at = chunk.head_at
    scratch.answer = Answer.FORBIDDEN if alone else Answer.RESET
    stream.state = StreamState.REFUSED
    stream.changed_ns = scratch.now_ns
    give_all_back(stream, scratch.stream)
    release(stream)
    if scratch.watched != 0:
        scratch.verdict = Verdict.AUDITED
        return Action.OK
    if scratch.refusal != Refusal.DROP:
        stages.tail_call(packet, STAGE_REFUSE)
    return drop(scratch, reason)


@program("tc")
def judge_http(packet: Skb) -> int:
    """Judge the next CHUNK_BYTES of the packet's payload; calls itself for the rest of a large one. The stream is held all the while."""
    scratch = scratches.lookup(0)
    chunk = chunks.lookup(0)
    if scratch is None or chunk is None:
        return Action.SHOT
    stream = streams.lookup(scratch.stream)
    if stream is None:
        return Action.SHOT
    return finish_request(packet, scratch, judge_payload(packet, scratch, chunk, stream))


@function
def judge_payload(packet: Skb, scratch: Scratch, chunk: Chunk, stream: Stream) -> int:
    """The tc action for the packet, once all of it is judged."""
    if scratch.position == 0:
        chunk.matcher.copy_from(stream.matcher)
        chunk.heads = 0
        chunk.head_at = EARLIER
    scratch.position = wrap(u32, scratch.position + skip_opaque(chunk.matcher, wrap(u32, scratch.payload_length - scratch.position)))
    length: u32 = wrap(u32, scratch.payload_length - scratch.position)
    if length == 0:
        return let_pass(packet, scratch, stream, chunk)
    if length > CHUNK_BYTES:
        length = CHUNK_BYTES
    if not packet.load_bytes(wrap(u32, scratch.payload_offset + scratch.position), chunk.octets, length):
        return refuse_stream(packet, scratch, stream, chunk, Reason.UNREADABLE)
    chunk.length = length
    chunk.base = scratch.position
    reason = feed(chunk)
    if reason != Reason.POLICY:
        return refuse_stream(packet, scratch, stream, chunk, reason)
    if not retain(packet, scratch, stream, chunk):
        if scratch.watched != 0:
            return refuse_stream(packet, scratch, stream, chunk, Reason.OUTSTANDING)
        take_back(stream, scratch.stream)
        release(stream)
        return drop(scratch, Reason.OUTSTANDING)
    scratch.position = wrap(u32, scratch.position + length)
    if scratch.position < scratch.payload_length:
        rule_sets.tail_call(packet, scratch.rule_set)
        return refuse_stream(packet, scratch, stream, chunk, Reason.TOO_LARGE)
    return let_pass(packet, scratch, stream, chunk)


@function
def let_pass(packet: Skb, scratch: Scratch, stream: Stream, chunk: Chunk) -> int:
    """All of the packet is judged and passes. The stream moves on at once: one that has and a sequence number that has not would disagree."""
    if chunk.heads != 0:
        tell_requests(packet, scratch, stream, chunk)
        if chunk.matcher.awaits != 0:
            stream.upgrade = Upgrade.AWAITED
    if chunk.matcher.fresh == 0 and chunk.matcher.in_chunks == 0:
        gather(packet, scratch, chunk.head_at)
    stream.matcher.copy_from(chunk.matcher)
    stream.next_sequence = wrap(u32, scratch.sequence + scratch.payload_length)
    release(stream)
    return Action.OK
