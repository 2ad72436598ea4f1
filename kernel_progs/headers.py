"""Ethernet, IPv4 and TCP as they lie in a packet, and where one ends and the next begins."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Struct, be16, be32, u8, u16

ETHERNET_BYTES: Final = 14
IPV4_BYTES: Final = 20  # without options
TCP_BYTES: Final = 20  # without options

KIND_IPV4: Final = 0x0800
KIND_ARP: Final = 0x0806
PROTOCOL_TCP: Final = 6

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20

IPV4_PLAIN: Final = 0x45  # version 4, five words: no options
FRAGMENT_MASK: Final = 0x3FFF  # more-fragments bit and offset
FRAME_BYTES: Final = 54
TCP_OFFSET: Final = 34
TCP_CHECKSUM_OFFSET: Final = 50


class Ethernet(Struct, packed=True):
    """IEEE 802.3; addresses in two parts, as numbers."""

    destination_high: be32
    destination_low: be16
    source_high: be32
    source_low: be16
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


class Frame(Struct, packed=True):
    """The headers of a TCP packet over IPv4 without options, in one view."""

    ethernet: Ethernet
    ip: Ipv4
    tcp: Tcp


class PseudoHeader(Struct, packed=True):
    """What the TCP checksum covers of the IPv4 header (RFC 9293 section 3.1)."""

    source: be32
    destination: be32
    zero: u8
    protocol: u8
    length: be16
