"""The program that follows replies: the receiver's bytes that are of no body, through the automaton; what they say."""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, program, u32, wrap
from pybpf.kernel_progs.abi import STAGE_REPLY, Reason
from pybpf.kernel_progs.connections import is_same
from pybpf.kernel_progs.events import finish
from pybpf.kernel_progs.http import feed
from pybpf.kernel_progs.http_arrays import TAG, settings
from pybpf.kernel_progs.http_heads import skip_opaque
from pybpf.kernel_progs.http_replies import SWITCHING
from pybpf.kernel_progs.matching import CHUNK_BYTES, Chunk, Scratch, Stream, Upgrade
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.replies import as_matcher, as_reply, release_reply
from pybpf.kernel_progs.request_events import tell_reply
from pybpf.kernel_progs.slots import hold, release
from pybpf.kernel_progs.state import chunks, scratches, stages, streams


@program("tc")
def follow_replies(packet: Skb) -> int:
    """Read the next CHUNK_BYTES that scratch names; calls itself for the rest of a large packet. The replies are ours all the while."""
    scratch = scratches.lookup(0)
    chunk = chunks.lookup(0)
    if scratch is None or chunk is None:
        return Action.SHOT
    stream = streams.lookup(scratch.stream)
    if stream is None:
        return Action.SHOT
    return finish(packet, scratch, read_replies(packet, scratch, chunk, stream))


@function
def read_replies(packet: Skb, scratch: Scratch, chunk: Chunk, stream: Stream) -> int:
    """The tc action: it passes, unless what it says can be noted only later."""
    if scratch.position == 0:
        as_matcher(stream.reply, chunk.matcher, settings[TAG])
        chunk.bodiless = stream.matcher.bodiless
        chunk.sent = stream.matcher.requests
        chunk.asked = stream.matcher.requests
        chunk.status = 0
    scratch.position = wrap(u32, scratch.position + skip_opaque(chunk.matcher, wrap(u32, scratch.payload_length - scratch.position)))
    length: u32 = wrap(u32, scratch.payload_length - scratch.position)
    if length != 0:
        if length > CHUNK_BYTES:
            length = CHUNK_BYTES
        if not packet.load_bytes(wrap(u32, scratch.payload_offset + scratch.position), chunk.octets, length):
            return lose(stream)
        chunk.length = length
        if feed(chunk) != Reason.POLICY:
            return lose(stream)
        scratch.position = wrap(u32, scratch.position + length)
        if scratch.position < scratch.payload_length:
            stages.tail_call(packet, STAGE_REPLY)
            return lose(stream)
    if stream.upgrade == Upgrade.AWAITED and chunk.status != 0 and not answer_upgrade(scratch, stream, chunk.status):
        if scratch.watched != 0:
            return lose(stream)
        release_reply(stream)
        return drop(scratch, Reason.BUSY)
    as_reply(chunk.matcher, stream.reply, wrap(u32, scratch.sequence + scratch.payload_length))
    if chunk.status != 0:
        tell_reply(stream, chunk.status)
    release_reply(stream)
    return Action.OK


@function
def lose(stream: Stream) -> int:
    """It is no longer known where replies begin."""
    stream.reply.lost = 1
    release_reply(stream)
    return Action.OK


@function
def answer_upgrade(scratch: Scratch, stream: Stream, status: u32) -> bool:
    """Note what the server says to the wish for another protocol, before the opener hears it; False when the stream cannot be had."""
    if not hold(stream, scratch):
        return False
    if is_same(stream.key, scratch.key) and stream.upgrade == Upgrade.AWAITED:
        stream.upgrade = Upgrade.GRANTED if status == SWITCHING else Upgrade.DENIED
    release(stream)
    return True
