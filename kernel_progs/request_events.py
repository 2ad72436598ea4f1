"""The access log: an event for each request, with the beginning of its head; and what the server said to it.

User space reads method, target and host from the text. A head that comes in several packets is gathered in `beginnings` on its way.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, function, ktime_ns, u32, u64, wrap
from pybpf.kernel_progs.abi import TEXT_BYTES, Reason, Verdict
from pybpf.kernel_progs.counting import count_frame, count_rule
from pybpf.kernel_progs.events import claim, finish, place_of, write
from pybpf.kernel_progs.matching import EARLIER, MOST_HEADS, NO_HEAD, Choice, Chunk, Scratch, Stream
from pybpf.kernel_progs.state import beginnings, control, incoming, log_replies, log_texts

RULE_MASK: Final = Choice.AUDITED - 1
TEXT_MASK: Final = TEXT_BYTES - 1


@function
def tell_requests(packet: Skb, scratch: Scratch, stream: Stream, chunk: Chunk) -> None:
    """An event for each request whose head ends in this packet, which passes."""
    settings = control.lookup(0)
    if settings is None:
        return
    for index in range(MOST_HEADS):
        if index >= chunk.heads:
            break
        rule: u32 = chunk.head_rules[index] & RULE_MASK
        verdict: u32 = Verdict.AUDITED if (chunk.head_rules[index] & Choice.AUDITED) != 0 else Verdict.FORWARDED
        reason: u32 = Reason.REQUEST if verdict == Verdict.AUDITED else Reason.POLICY
        count_rule(rule, verdict == Verdict.AUDITED)
        number = claim(scratch, verdict, reason, settings.requests_sampled)
        if number != 0:
            text_bytes = write_text(packet, scratch, number, chunk.head_starts[index])
            write(scratch, number, verdict, reason, rule, packet.length, text_bytes)
            stream.asked_event = number
            stream.asked_ns = ktime_ns()
            stream.asked = wrap(u32, stream.matcher.requests + index + 1)


@function
def finish_request(packet: Skb, scratch: Scratch, action: int) -> int:
    """As events.finish, of a packet that may have brought a refused request."""
    if scratch.verdict != 0 and scratch.head_at != NO_HEAD:
        count_frame(scratch, packet.length)
        tell_refused(packet, scratch, scratch.verdict)
        return wrap(u32, Action.UNSPEC) if action == Action.OK else action
    return finish(packet, scratch, action)


@function
def tell_refused(packet: Skb, scratch: Scratch, verdict: u32) -> None:
    """An event for a request that is refused: it begins at scratch.head_at."""
    count_rule(scratch.rule, True)
    number = claim(scratch, verdict, scratch.reason, 1)
    if number != 0:
        write(scratch, number, verdict, scratch.reason, scratch.rule, packet.length, write_text(packet, scratch, number, scratch.head_at))


@function
def write_text(packet: Skb, scratch: Scratch, number: u64, head_at: u32) -> u32:
    """Write how a head begins beside its event; gives how many bytes that are."""
    text = log_texts.lookup(place_of(number))
    if text is None:
        return 0
    if head_at == EARLIER:
        gather(packet, scratch, EARLIER)
        beginning = beginnings.lookup(scratch.stream)
        if beginning is None:
            return 0
        text.copy_from(beginning.text)
        return beginning.length
    if head_at >= scratch.payload_length:
        return 0
    length: u32 = wrap(u32, scratch.payload_length - head_at)
    if length > TEXT_BYTES:
        length = TEXT_BYTES
    if length == 0 or not packet.load_bytes(wrap(u32, scratch.payload_offset + head_at), text.octets, length):
        return 0
    return length


@function
def gather(packet: Skb, scratch: Scratch, head_at: u32) -> None:
    """Keep how a head begins that does not end in this packet, or go on with one that started in an earlier one."""
    beginning = beginnings.lookup(scratch.stream)
    beside = incoming.lookup(0)
    if beginning is None or beside is None:
        return
    start: u32 = 0
    if head_at == EARLIER:
        start = beginning.length
        head_at = 0
    beginning.length = start
    if start >= TEXT_BYTES or head_at >= scratch.payload_length:
        return
    length: u32 = wrap(u32, scratch.payload_length - head_at)
    if length > TEXT_BYTES - start:
        length = wrap(u32, TEXT_BYTES - start)
    if length == 0 or length > TEXT_BYTES or not packet.load_bytes(wrap(u32, scratch.payload_offset + head_at), beside.octets, length):
        return
    for index in range(TEXT_BYTES):
        if index >= length:
            break
        beginning.text.octets[(start + index) & TEXT_MASK] = beside.octets[index]
    beginning.length = wrap(u32, start + length)


@function
def tell_reply(stream: Stream, status: u32) -> None:
    """What the server said to the request that was told of last."""
    if stream.asked_event == 0 or stream.asked != stream.matcher.requests:
        return
    replied = log_replies.lookup(place_of(stream.asked_event))
    if replied is not None:
        replied.number = 0
        replied.status = status
        replied.after_ns = wrap(u64, ktime_ns() - stream.asked_ns)
        replied.exchange("number", stream.asked_event)
    stream.asked_event = 0
