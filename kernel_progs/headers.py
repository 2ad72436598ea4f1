"""Ethernet to TCP, UDP and ICMP as they lie in a packet, over both versions of IP."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Struct, be16, be32, be64, u8, u16
from pybpf.kernel_progs.numbers import MAPPED as MAPPED
from pybpf.kernel_progs.numbers import MAPPED_UPPER as MAPPED_UPPER

ETHERNET_BYTES: Final = 14
VLAN_BYTES: Final = 4
IPV4_BYTES: Final = 20  # without options
IPV6_BYTES: Final = 40
TCP_BYTES: Final = 20  # without options
UDP_BYTES: Final = 8
SCTP_BYTES: Final = 12
ICMP_BYTES: Final = 8

KIND_IPV4: Final = 0x0800
KIND_ARP: Final = 0x0806
KIND_VLAN: Final = 0x8100
KIND_IPV6: Final = 0x86DD
KIND_SERVICE_VLAN: Final = 0x88A8

PROTOCOL_ICMP: Final = 1
PROTOCOL_TCP: Final = 6
PROTOCOL_UDP: Final = 17
PROTOCOL_ICMPV6: Final = 58
PROTOCOL_SCTP: Final = 132

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20

IPV4_PLAIN: Final = 0x45  # version 4, five words: no options
MORE_FRAGMENTS: Final = 0x2000
FRAGMENT_OFFSET: Final = 0x1FFF  # in eights
FRAGMENT_MASK: Final = MORE_FRAGMENTS | FRAGMENT_OFFSET

ECHO: Final = 8
ECHO_REPLY: Final = 0
UNREACHABLE: Final = 3
SOURCE_QUENCH: Final = 4
TIME_EXCEEDED: Final = 11
PARAMETER_PROBLEM: Final = 12
PROHIBITED_CODE: Final = 13  # communication administratively prohibited (RFC 1812 section 5.2.7.1)
UNREACHABLE_V6: Final = 1
LAST_ERROR_V6: Final = 4  # types 1 to 4: unreachable, too big, time exceeded, parameter problem
PROHIBITED_CODE_V6: Final = 1
ECHO_V6: Final = 128
ECHO_REPLY_V6: Final = 129
ROUTER_SOLICITATION: Final = 133
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136
NEIGHBOUR_HOPS: Final = 255  # of neighbour discovery, which no router lets by (RFC 4861 section 3.1)


class Ethernet(Struct, packed=True):
    """IEEE 802.3; addresses in two parts, as numbers."""

    destination_high: be32
    destination_low: be16
    source_high: be32
    source_low: be16
    kind: be16


class Vlan(Struct, packed=True):
    """IEEE 802.1Q: a tag, and the kind of what follows."""

    tag: be16
    kind: be16


class Ipv4(Struct, packed=True):
    """RFC 791 section 3.1, without options."""

    version_and_words: u8
    service: u8
    total_bytes: be16
    identification: be16
    fragment: be16
    hops: u8
    protocol: u8
    checksum: u16  # as it lies in memory: one's-complement sums do not care for byte order
    source: be32
    destination: be32


class Tcp(Struct, packed=True):
    """RFC 9293 section 3.1, without options. `words` has the header length in its upper four bits."""

    source: be16
    destination: be16
    sequence: be32
    acknowledgement: be32
    words: u8
    flags: u8
    window: be16
    checksum: u16
    urgent: be16


class Ipv6(Struct, packed=True):
    """RFC 8200 section 3."""

    version_and_flow: be32
    payload_bytes: be16
    next_header: u8
    hops: u8
    source_high: be64
    source_low: be64
    destination_high: be64
    destination_low: be64


class Ports(Struct, packed=True):
    """What TCP, UDP and SCTP begin with."""

    source: be16
    destination: be16


class Udp(Struct, packed=True):
    """RFC 768."""

    source: be16
    destination: be16
    length: be16
    checksum: u16


class Icmp(Struct, packed=True):
    """RFC 792, RFC 4443 section 2.1; `identifier` and `sequence` are an echo's."""

    kind: u8
    code: u8
    checksum: u16
    identifier: be16
    sequence: be16


class Arp(Struct, packed=True):
    """RFC 826, of IPv4 over Ethernet."""

    hardware: be16
    protocol: be16
    hardware_bytes: u8
    protocol_bytes: u8
    operation: be16
    sender_high: be32
    sender_low: be16
    sender: be32
    target_high: be32
    target_low: be16
    target: be32


class Frame4(Struct, packed=True):
    """The headers of an IPv4 packet without options and of UDP, in one view; other transports begin where UDP's does."""

    ethernet: Ethernet
    ip: Ipv4
    udp: Udp


class Frame6(Struct, packed=True):
    """The same of IPv6 without extension headers."""

    ethernet: Ethernet
    ip: Ipv6
    udp: Udp


TRANSPORT4: Final = ETHERNET_BYTES + IPV4_BYTES
TRANSPORT6: Final = ETHERNET_BYTES + IPV6_BYTES


class PseudoHeader(Struct, packed=True):
    """What the TCP checksum covers of the IPv4 header (RFC 9293 section 3.1)."""

    source: be32
    destination: be32
    zero: u8
    protocol: u8
    length: be16


class PseudoHeader6(Struct, packed=True):
    """What checksums cover of the IPv6 header (RFC 8200 section 8.1)."""

    source_high: be64
    source_low: be64
    destination_high: be64
    destination_low: be64
    length: be32
    protocol: be32
