"""What nearly every packet is, read at fixed places: TCP, UDP or an echo, over IPv4 without options or IPv6 without extension headers.

Whatever is not exactly that is left to parsing.py, which knows the rest; nothing is decided here.
"""

from __future__ import annotations

from pybpf.compiler.lang import Skb, function, u8, u16, u32
from pybpf.kernel_progs.abi import Direction
from pybpf.kernel_progs.headers import (
    ECHO,
    ECHO_REPLY,
    ECHO_REPLY_V6,
    ECHO_V6,
    ETHERNET_BYTES,
    FRAGMENT_MASK,
    IPV4_PLAIN,
    KIND_IPV4,
    KIND_IPV6,
    MAPPED_UPPER,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TCP_BYTES,
    TRANSPORT4,
    TRANSPORT6,
    UDP_BYTES,
    Ethernet,
    Frame4,
    Frame6,
    Icmp,
    Ipv6,
    Tcp,
    Udp,
)
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.packets import set_between4, set_message, set_ports, set_protocol, set_segment


@function
def read_plain(packet: Skb, scratch: Scratch, direction: u8) -> bool:
    """Write the packet's facts to `scratch`; False, and some of them written, when it is not plain."""
    ethernet = packet.header(Ethernet, 0)
    if ethernet is None:
        return False
    scratch.vlan_tags = packet.vlan_present & 1
    if ethernet.kind == KIND_IPV4:
        return read_plain4(packet, scratch, direction)
    if ethernet.kind == KIND_IPV6:
        return read_plain6(packet, scratch, direction)
    return False


@function
def read_plain4(packet: Skb, scratch: Scratch, direction: u8) -> bool:
    """The same, of IPv4."""
    frame = packet.header(Frame4, 0)
    if frame is None or frame.ip.version_and_words != IPV4_PLAIN or (frame.ip.fragment & FRAGMENT_MASK) != 0:
        return False
    end: u32 = ETHERNET_BYTES + frame.ip.total_bytes
    if end > packet.length or end < TRANSPORT4 + UDP_BYTES:
        return False
    set_between4(scratch, direction, frame.ip.source, frame.ip.destination)
    scratch.l3_offset = ETHERNET_BYTES
    scratch.l4_offset = TRANSPORT4
    protocol: u8 = frame.ip.protocol
    set_protocol(scratch, protocol)
    if protocol == PROTOCOL_TCP:
        tcp = packet.header(Tcp, TRANSPORT4)
        return tcp is not None and read_tcp(scratch, direction, tcp, TRANSPORT4, end)
    if protocol == PROTOCOL_UDP:
        return read_udp(scratch, direction, frame.udp, TRANSPORT4, end)
    if protocol == PROTOCOL_ICMP:
        icmp = packet.header(Icmp, TRANSPORT4)
        if icmp is not None and (icmp.kind == ECHO or icmp.kind == ECHO_REPLY):
            set_message(scratch, direction, icmp.kind, icmp.identifier)
            return True
    return False


@function
def read_plain6(packet: Skb, scratch: Scratch, direction: u8) -> bool:
    """The same, of IPv6."""
    frame = packet.header(Frame6, 0)
    if frame is None or (frame.ip.version_and_flow >> 28) != 6 or not has_true_addresses(frame.ip):
        return False
    end: u32 = TRANSPORT6 + frame.ip.payload_bytes
    if end > packet.length or end < TRANSPORT6 + UDP_BYTES:
        return False
    set_between6(scratch, direction, frame.ip)
    scratch.l3_offset = ETHERNET_BYTES
    scratch.l4_offset = TRANSPORT6
    protocol: u8 = frame.ip.next_header
    set_protocol(scratch, protocol)
    if protocol == PROTOCOL_TCP:
        tcp = packet.header(Tcp, TRANSPORT6)
        return tcp is not None and read_tcp(scratch, direction, tcp, TRANSPORT6, end)
    if protocol == PROTOCOL_UDP:
        return read_udp(scratch, direction, frame.udp, TRANSPORT6, end)
    if protocol == PROTOCOL_ICMPV6:
        icmp = packet.header(Icmp, TRANSPORT6)
        if icmp is not None and (icmp.kind == ECHO_V6 or icmp.kind == ECHO_REPLY_V6):
            set_message(scratch, direction, icmp.kind, icmp.identifier)
            return True
    return False


@function
def has_true_addresses(ip: Ipv6) -> bool:
    """Whether neither end looks like an IPv4 address: on the wire those are nobody's (RFC 4942 section 2.2), and here they would be taken for one."""
    if ip.source_high == 0 and (ip.source_low >> 32) == MAPPED_UPPER:
        return False
    return ip.destination_high != 0 or (ip.destination_low >> 32) != MAPPED_UPPER


@function
def set_between6(scratch: Scratch, direction: u8, ip: Ipv6) -> None:
    """From whom to whom, by IPv6."""
    scratch.version = 6
    if direction == Direction.INGRESS:
        scratch.key.local_address.high = ip.destination_high
        scratch.key.local_address.low = ip.destination_low
        scratch.key.remote_address.high = ip.source_high
        scratch.key.remote_address.low = ip.source_low
    else:
        scratch.key.local_address.high = ip.source_high
        scratch.key.local_address.low = ip.source_low
        scratch.key.remote_address.high = ip.destination_high
        scratch.key.remote_address.low = ip.destination_low


@function
def read_tcp(scratch: Scratch, direction: u8, tcp: Tcp, offset: u32, end: u32) -> bool:
    """A TCP header at `offset` of a packet that ends at `end`; False when it does not fit."""
    header: u32 = (tcp.words >> 4) * 4
    if header < TCP_BYTES or offset + header > end:
        return False
    set_ports(scratch, direction, tcp.source, tcp.destination)
    set_segment(scratch, tcp.flags, tcp.sequence, tcp.acknowledgement)
    scratch.payload_offset = (offset + header) & 0xFFFFFFFF
    scratch.payload_length = (end - offset - header) & 0xFFFFFFFF
    return True


@function
def read_udp(scratch: Scratch, direction: u8, udp: Udp, offset: u32, end: u32) -> bool:
    """A UDP header, as read_tcp."""
    length: u16 = udp.length
    if length < UDP_BYTES or offset + length > end:
        return False
    set_ports(scratch, direction, udp.source, udp.destination)
    scratch.opens = 1
    return True

