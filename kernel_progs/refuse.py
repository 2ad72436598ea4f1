"""Answering what is refused over TCP: 403, RST or ACK to the sender, RST to the receiver, from the refused packet itself.

The packet is first made the answer and a clone of it sent back where it came from; then it is made the RST and
goes on.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action as TcAction
from pybpf.compiler.lang import (
    Skb,
    Struct,
    checksum_add,
    function,
    program,
    u8,
    u32,
    wrap,
)
from pybpf.kernel_progs.abi import Verdict
from pybpf.kernel_progs.answers import send_back, turn_ethernet
from pybpf.kernel_progs.checksums import (
    Field16,
    fold,
    internet_sum,
    pseudo_sum4,
    pseudo_sum6,
    set_l4_checksum,
)
from pybpf.kernel_progs.counting import count_frame
from pybpf.kernel_progs.events import finish, report
from pybpf.kernel_progs.headers import (
    ACK,
    FIN,
    IPV4_BYTES,
    IPV4_PLAIN,
    IPV6_BYTES,
    PROTOCOL_TCP,
    PSH,
    RST,
    SYN,
    TCP_BYTES,
    Ipv4,
    Ipv6,
    Tcp,
)
from pybpf.kernel_progs.matching import NO_HEAD, Answer, Scratch
from pybpf.kernel_progs.packets import drop
from pybpf.kernel_progs.request_events import tell_refused
from pybpf.kernel_progs.state import scratches

RESPONSE: Final = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-length: 15\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nAccess denied\r\n"
)
RESPONSE_SUM: Final = internet_sum(RESPONSE)
WORDS_PLAIN: Final = (TCP_BYTES // 4) << 4  # Tcp.words of a header without options
WINDOW: Final = 0xFFFF
HOPS: Final = 64
CHECKSUM_OFFSET: Final = 16  # in a TCP header


class Shape(Struct):
    """What the programs must know of the refused packet after the scratch may be another packet's."""

    l3_offset: u32
    l4_offset: u32
    sequence: u32
    end: u32  # the sequence number behind the packet
    old_length: u32  # of TCP, in bytes
    version: u8
    answer: u8
    direction: u8
    went_alone: u8  # 1: a SYN, or an answer that is a mere ACK: nothing goes on


@function
def write_tcp(packet: Skb, shape: Shape, tcp: Tcp, pseudo_sum: u32, length: int, payload_sum: int) -> bool:
    """A TCP header of `length` bytes with its payload, in front of what is there, and the right checksum."""
    current = Field16()
    at: u32 = (shape.l4_offset + CHECKSUM_OFFSET) & 0xFFFFFFFF
    if not packet.load(at, current):
        return False
    tcp.checksum = 0
    target = fold(checksum_add(tcp, pseudo_sum) + payload_sum)
    tcp.checksum = current.value
    if not packet.store(shape.l4_offset, tcp):
        return False
    before: u32 = shape.old_length
    shape.old_length = length & 0xFFFF
    return set_l4_checksum(packet, at, before, length, target)


@function
def write_ip4(packet: Skb, shape: Shape, turned: bool, length: int) -> u32:
    """The IPv4 header for `length` bytes of TCP, its ends turned round or not; gives the pseudo header's sum, 0 when it failed."""
    ip = Ipv4()
    if not packet.load(shape.l3_offset, ip):
        return 0
    ip.version_and_words = IPV4_PLAIN
    ip.total_bytes = IPV4_BYTES + length
    ip.hops = HOPS
    if turned:
        address = ip.source
        ip.source = ip.destination
        ip.destination = address
    ip.checksum = 0
    ip.checksum = fold(checksum_add(ip, 0))
    if not packet.store(shape.l3_offset, ip):
        return 0
    return pseudo_sum4(ip, PROTOCOL_TCP, length)


@function
def write_ip6(packet: Skb, shape: Shape, turned: bool, length: int) -> u32:
    """The same of IPv6."""
    ip = Ipv6()
    if not packet.load(shape.l3_offset, ip):
        return 0
    ip.payload_bytes = length
    ip.hops = HOPS
    if turned:
        high = ip.source_high
        ip.source_high = ip.destination_high
        ip.destination_high = high
        low = ip.source_low
        ip.source_low = ip.destination_low
        ip.destination_low = low
    if not packet.store(shape.l3_offset, ip):
        return 0
    return pseudo_sum6(ip, PROTOCOL_TCP, length)


@function
def write_turned(packet: Skb, shape: Shape, tcp: Tcp, payload: int, payload_sum: int) -> bool:
    """All headers with their ends exchanged at every layer, for `payload` bytes that are in their place already."""
    if not turn_ethernet(packet):
        return False
    port = tcp.source
    tcp.source = tcp.destination
    tcp.destination = port
    length = TCP_BYTES + payload
    total = write_ip4(packet, shape, True, length) if shape.version == 4 else write_ip6(packet, shape, True, length)
    return total != 0 and write_tcp(packet, shape, tcp, total, length, payload_sum)


@function
def send_answer(packet: Skb, shape: Shape, tcp: Tcp) -> bool:
    """Make the packet the answer and send a clone of it back; False when the packet could not be changed."""
    head: u32 = (shape.l4_offset + TCP_BYTES) & 0xFFFFFFFF
    had_ack = (tcp.flags & ACK) != 0
    tcp.sequence = tcp.acknowledgement if had_ack else 0
    tcp.acknowledgement = shape.end
    if shape.answer == Answer.FORBIDDEN:
        tcp.flags = FIN | PSH | ACK
        if not packet.change_tail((head + len(RESPONSE)) & 0xFFFFFFFF) or not packet.store(head, RESPONSE):
            return False
        if not write_turned(packet, shape, tcp, len(RESPONSE), RESPONSE_SUM):
            return False
    else:
        tcp.flags = (RST | ACK) if shape.answer == Answer.RESET else ACK
        if not packet.change_tail(head) or not write_turned(packet, shape, tcp, 0, 0):
            return False
    return send_back(packet, shape.direction)


@function
def send_reset_on(packet: Skb, shape: Shape, tcp: Tcp) -> bool:
    """Make the answered packet the RST that goes on to the receiver; False when it could not be changed."""
    tcp.acknowledgement = tcp.sequence
    tcp.sequence = shape.sequence
    tcp.flags = RST | ACK
    return packet.change_tail((shape.l4_offset + TCP_BYTES) & 0xFFFFFFFF) and write_turned(packet, shape, tcp, 0, 0)


@function
def verdict_of(answer: u8) -> u32:
    """The Verdict that an answer means; that of an ACK is not told, only counted."""
    if answer == Answer.FORBIDDEN:
        return Verdict.REFUSED_403
    return Verdict.REFUSED_RESET if answer == Answer.RESET else Verdict.DROPPED


@function
def shape_of(scratch: Scratch, shape: Shape, tcp: Tcp) -> None:
    """What is needed of the scratch: sending the clone may run the device's other hook here and now, which writes its own to it."""
    shape.l3_offset = scratch.l3_offset
    shape.l4_offset = scratch.l4_offset
    shape.version = scratch.version
    shape.answer = scratch.answer
    shape.direction = scratch.direction
    shape.sequence = scratch.sequence
    taken: u32 = (1 if (tcp.flags & FIN) != 0 else 0) + (1 if (tcp.flags & SYN) != 0 else 0)
    shape.end = (scratch.sequence + scratch.payload_length + taken) & 0xFFFFFFFF
    before_payload = (scratch.payload_offset - scratch.l4_offset) & 0xFFFF
    shape.old_length = (before_payload + scratch.payload_length) & 0xFFFFFFFF
    shape.went_alone = 1 if scratch.answer == Answer.ACKNOWLEDGE or (tcp.flags & (SYN | ACK)) == SYN else 0


@program("tc")
def refuse_packet(packet: Skb) -> int:
    """Answer the packet that `scratch` describes and let a RST go on in its place (unless the answer is an ACK, or it was a SYN).

    Packets with IPv4 options or extension headers are dropped without an answer.
    """
    scratch = scratches.lookup(0)
    if scratch is None:
        return TcAction.SHOT
    room: u32 = (scratch.l4_offset - scratch.l3_offset) & 0xFFFFFFFF
    tcp = Tcp()
    if room != (IPV4_BYTES if scratch.version == 4 else IPV6_BYTES) or not packet.load(scratch.l4_offset, tcp):
        return finish(packet, scratch, drop(scratch, scratch.reason))
    scratch.verdict = verdict_of(scratch.answer)
    count_frame(scratch, packet.length)
    if scratch.answer != Answer.ACKNOWLEDGE:
        if scratch.head_at != NO_HEAD:
            tell_refused(packet, scratch, scratch.verdict)
        else:
            report(scratch, scratch.verdict, scratch.reason, scratch.rule, packet.length)
    shape = Shape()
    shape_of(scratch, shape, tcp)
    tcp.words = WORDS_PLAIN
    tcp.window = WINDOW
    tcp.urgent = 0
    if not send_answer(packet, shape, tcp):
        return TcAction.SHOT
    if shape.went_alone != 0 or not send_reset_on(packet, shape, tcp):
        return TcAction.SHOT
    return wrap(u32, TcAction.UNSPEC)
