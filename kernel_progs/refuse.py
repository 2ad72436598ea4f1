"""Answering what is refused: 403, RST or ACK to the sender, RST to the receiver, from the refused packet itself.

The packet is first made the answer and a clone of it sent back where it came from; then it is made the RST and
goes on. Checksums: first the pseudo header's part is replaced for the new length, which is all there is to do
for a packet whose checksum the device will finish (CHECKSUM_PARTIAL). Then the field is replaced by the full
sum, without the pseudo-header flag, which changes finished packets only (net/core/filter.c,
bpf_l4_csum_replace; net/core/utils.c, inet_proto_csum_replace4).
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import (
    PSEUDO_HEADER,
    REDIRECT_INGRESS,
    Skb,
    Struct,
    checksum_add,
    function,
    program,
    u8,
    u16,
    u32,
    u64,
    wrap,
)
from pybpf.compiler.lang import Action as TcAction
from pybpf.kernel_progs.abi import Answer, ConnectionState, Direction, Scratch, Verdict
from pybpf.kernel_progs.events import report
from pybpf.kernel_progs.headers import (
    ACK,
    ETHERNET_BYTES,
    FIN,
    FRAME_BYTES,
    IPV4_BYTES,
    IPV4_PLAIN,
    PROTOCOL_TCP,
    PSH,
    RST,
    TCP_BYTES,
    TCP_CHECKSUM_OFFSET,
    TCP_OFFSET,
    Ethernet,
    Ipv4,
    PseudoHeader,
    Tcp,
)
from pybpf.kernel_progs.state import connections, scratches

RESPONSE: Final = (
    b"HTTP/1.1 403 Forbidden\r\ncontent-length: 15\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nAccess denied\r\n"
)


def internet_sum(content: bytes) -> int:
    """The unfolded 32-bit one's-complement sum of `content`, little-endian words, zero-padded."""
    padded = content + bytes(-len(content) % 4)
    return sum(int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4)) % 0xFFFFFFFF


RESPONSE_SUM: Final = internet_sum(RESPONSE)
WORDS_PLAIN: Final = (TCP_BYTES // 4) << 4  # Tcp.words of a header without options
WINDOW: Final = 0xFFFF
HOPS: Final = 64


class Field16(Struct):
    """Two bytes of the packet, as they lie there."""

    value: u16


@function
def fold(total: int) -> u16:
    """The Internet checksum (RFC 1071) of a sum below 2^40."""
    once = (total & 0xFFFF) + (total >> 16)
    twice = (once & 0xFFFF) + (once >> 16)
    thrice = (twice & 0xFFFF) + (twice >> 16)
    return ~thrice & 0xFFFF


@function
def swapped16(number: int) -> u16:
    """A 16-bit number as it lies in memory in network order."""
    return ((number & 0xFF) << 8) | ((number >> 8) & 0xFF)


@function
def pseudo_sum(ip: Ipv4, length: int) -> u32:
    """The pseudo header's part of the TCP checksum, for `length` bytes of TCP."""
    pseudo = PseudoHeader()
    pseudo.source = ip.source
    pseudo.destination = ip.destination
    pseudo.protocol = PROTOCOL_TCP
    pseudo.length = length
    return checksum_add(pseudo, 0)


@function
def write_headers(packet: Skb, ethernet: Ethernet, ip: Ipv4, tcp: Tcp, old_length: int, payload: int, payload_sum: int) -> bool:
    """Make the packet these headers and `payload` bytes that sum to `payload_sum`; `old_length` of TCP before."""
    length = TCP_BYTES + payload
    current = Field16()
    if not packet.load(TCP_CHECKSUM_OFFSET, current):
        return False
    ip.total_bytes = IPV4_BYTES + length
    ip.checksum = 0
    ip.checksum = fold(checksum_add(ip, 0))
    tcp.checksum = 0
    target = fold(checksum_add(tcp, pseudo_sum(ip, length)) + payload_sum)
    tcp.checksum = current.value
    if not packet.store(0, ethernet) or not packet.store(ETHERNET_BYTES, ip) or not packet.store(TCP_OFFSET, tcp):
        return False
    if not packet.replace_l4_checksum(TCP_CHECKSUM_OFFSET, swapped16(old_length), swapped16(length), PSEUDO_HEADER | 2):
        return False
    if not packet.load(TCP_CHECKSUM_OFFSET, current):
        return False
    return packet.replace_l4_checksum(TCP_CHECKSUM_OFFSET, ~current.value & 0xFFFF, ~target & 0xFFFF, 2)


@function
def swap_ends(ethernet: Ethernet, ip: Ipv4, tcp: Tcp) -> None:
    """Exchange source and destination at every layer."""
    high = ethernet.destination_high
    ethernet.destination_high = ethernet.source_high
    ethernet.source_high = high
    low = ethernet.destination_low
    ethernet.destination_low = ethernet.source_low
    ethernet.source_low = low
    address = ip.source
    ip.source = ip.destination
    ip.destination = address
    port = tcp.source
    tcp.source = tcp.destination
    tcp.destination = port


@function
def send_answer(packet: Skb, scratch: Scratch, ethernet: Ethernet, ip: Ipv4, tcp: Tcp, old_length: int) -> bool:
    """Make the packet the answer and send a clone of it back; False when the packet could not be changed."""
    end = scratch.sequence + scratch.payload_length + (tcp.flags & FIN)
    swap_ends(ethernet, ip, tcp)
    tcp.sequence = tcp.acknowledgement
    tcp.acknowledgement = end & 0xFFFFFFFF
    ip.hops = HOPS
    if scratch.answer == Answer.FORBIDDEN:
        tcp.flags = FIN | PSH | ACK
        if not packet.change_tail(FRAME_BYTES + len(RESPONSE)) or not packet.store(FRAME_BYTES, RESPONSE):
            return False
        if not write_headers(packet, ethernet, ip, tcp, old_length, len(RESPONSE), RESPONSE_SUM):
            return False
    else:
        tcp.flags = (RST | ACK) if scratch.answer == Answer.RESET else ACK
        if not packet.change_tail(FRAME_BYTES) or not write_headers(packet, ethernet, ip, tcp, old_length, 0, 0):
            return False
    return packet.clone_redirect(packet.interface_index, REDIRECT_INGRESS if scratch.direction == Direction.INGRESS else 0)


@function
def send_reset_on(packet: Skb, sequence: u32, answer: u8, ethernet: Ethernet, ip: Ipv4, tcp: Tcp) -> bool:
    """Make the answered packet the RST that goes on to the receiver; False when it could not be changed."""
    old_length = TCP_BYTES + (len(RESPONSE) if answer == Answer.FORBIDDEN else 0)
    swap_ends(ethernet, ip, tcp)
    tcp.acknowledgement = tcp.sequence
    tcp.sequence = sequence
    tcp.flags = RST | ACK
    return packet.change_tail(FRAME_BYTES) and write_headers(packet, ethernet, ip, tcp, old_length, 0, 0)


@function
def choose_answer(scratch: Scratch, tcp: Tcp) -> None:
    """Mark the connection refused, and turn a 403 into a RST where the receiver has bytes under way: its
    sequence numbers are not ours to take then."""
    connection = connections.lookup(scratch.key)
    if connection is not None:
        if connection.reply_sequence != tcp.acknowledgement and scratch.answer == Answer.FORBIDDEN:
            scratch.answer = Answer.RESET
        connection.state = ConnectionState.REFUSED
        connection.busy = 0


@program("tc")
def refuse_packet(packet: Skb) -> int:
    """Answer the packet that `scratch` describes and let a RST go on in its place (unless the answer is an ACK)."""
    scratch = scratches.lookup(0)
    if scratch is None:
        return TcAction.SHOT
    ethernet = Ethernet()
    ip = Ipv4()
    tcp = Tcp()
    if not packet.load(0, ethernet) or not packet.load(ETHERNET_BYTES, ip) or not packet.load(TCP_OFFSET, tcp):
        return TcAction.SHOT
    choose_answer(scratch, tcp)
    if scratch.answer != Answer.ACKNOWLEDGE:
        verdict = Verdict.REFUSED_403 if scratch.answer == Answer.FORBIDDEN else Verdict.REFUSED_RESET
        report(scratch, verdict, scratch.reason, scratch.rule, packet.length)
    old_length = wrap(u64, ip.total_bytes - IPV4_BYTES)
    ip.version_and_words = IPV4_PLAIN
    tcp.words = WORDS_PLAIN
    tcp.window = WINDOW
    tcp.urgent = 0
    # Sending the clone may run the device's other hook here and now, which writes its own things to the scratch.
    sequence: u32 = scratch.sequence
    answer: u8 = scratch.answer
    if not send_answer(packet, scratch, ethernet, ip, tcp, old_length):
        return TcAction.SHOT
    if answer == Answer.ACKNOWLEDGE or not send_reset_on(packet, sequence, answer, ethernet, ip, tcp):
        return TcAction.SHOT
    return TcAction.OK
