"""How neighbours find each other, as values: ARP, and the neighbour discovery messages of IPv6."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from tests.support.ip_packets import Ipv6
from tests.support.transports import Icmpv6

__all__ = [
    "ALL_NODES", "ALL_ROUTERS", "ARP_REPLY", "ARP_REQUEST", "NEIGHBOUR_ADVERTISEMENT", "NEIGHBOUR_SOLICITATION", "REDIRECT",
    "ROUTER_ADVERTISEMENT", "ROUTER_SOLICITATION", "Arp", "Option", "arp_announcement", "arp_bytes", "arp_probe", "arp_reply",
    "neighbour_advertisement", "neighbour_solicitation", "prefix", "redirect", "router_advertisement", "router_solicitation",
    "solicited_node", "source_link_layer", "target_link_layer",
]  # fmt: skip

ARP_REQUEST: Final = 1
ARP_REPLY: Final = 2

ROUTER_SOLICITATION: Final = 133
ROUTER_ADVERTISEMENT: Final = 134
NEIGHBOUR_SOLICITATION: Final = 135
NEIGHBOUR_ADVERTISEMENT: Final = 136
REDIRECT: Final = 137

ALL_NODES: Final = "ff02::1"
ALL_ROUTERS: Final = "ff02::2"
ON_LINK_HOPS: Final = 255  # RFC 4861 section 7.1.1: any other number comes from off the link


@dataclass(frozen=True, slots=True)
class Arp:
    """RFC 826, for IPv4 over Ethernet unless `hardware`, `protocol` or the sizes say otherwise."""

    operation: int = ARP_REQUEST
    sender: str = "10.0.0.1"
    target: str = "10.0.0.2"
    sender_mac: bytes = bytes.fromhex("020000000001")
    target_mac: bytes = bytes(6)
    hardware: int = 1
    protocol: int = 0x0800
    hardware_bytes: int = 6
    protocol_bytes: int = 4


@dataclass(frozen=True, slots=True)
class Option:
    """RFC 4861 section 4.6: `body` after the length byte, filled up to whole units of eight bytes.

    `units`: what stands there instead of the right length.
    """

    kind: int
    body: bytes
    units: int | None = None


def arp_reply(request: Arp, mac: bytes) -> Arp:
    """What the target answers."""
    return Arp(ARP_REPLY, request.target, request.sender, mac, request.sender_mac)


def arp_probe(address: str, mac: bytes) -> Arp:
    """Whether anybody has `address` (RFC 5227 section 2.1.1)."""
    return Arp(ARP_REQUEST, "0.0.0.0", address, mac)


def arp_announcement(address: str, mac: bytes) -> Arp:
    """That `mac` has `address` now (RFC 5227 section 2.3)."""
    return Arp(ARP_REQUEST, address, address, mac)


def arp_bytes(arp: Arp) -> bytes:
    """The 28 bytes after the Ethernet header."""
    fixed = struct.pack(">HHBBH", arp.hardware, arp.protocol, arp.hardware_bytes, arp.protocol_bytes, arp.operation)
    return fixed + arp.sender_mac + IPv4Address(arp.sender).packed + arp.target_mac + IPv4Address(arp.target).packed


def router_solicitation(source: str, *options: Option, hops: int = ON_LINK_HOPS) -> Ipv6:
    """RFC 4861 section 4.1."""
    return _message(source, ALL_ROUTERS, Icmpv6(ROUTER_SOLICITATION, body=_options(options)), hops)


def router_advertisement(source: str, *options: Option, destination: str = ALL_NODES, hops: int = ON_LINK_HOPS) -> Ipv6:
    """RFC 4861 section 4.2: a default router for half an hour, hop limit 64."""
    rest = struct.pack(">BBH", 64, 0, 1800)
    return _message(source, destination, Icmpv6(ROUTER_ADVERTISEMENT, rest=rest, body=bytes(8) + _options(options)), hops)


def neighbour_solicitation(
    source: str, target: str, *options: Option, destination: str | None = None, hops: int = ON_LINK_HOPS
) -> Ipv6:
    """RFC 4861 section 4.3, to the target's solicited-node address if not told otherwise; from "::" it asks for duplicates."""
    body = IPv6Address(target).packed + _options(options)
    return _message(source, destination or solicited_node(target), Icmpv6(NEIGHBOUR_SOLICITATION, body=body), hops)


def neighbour_advertisement(
    source: str, target: str, *options: Option, destination: str = ALL_NODES, solicited: bool = False, hops: int = ON_LINK_HOPS
) -> Ipv6:
    """RFC 4861 section 4.4, with the override flag."""
    rest = struct.pack(">I", solicited << 30 | 1 << 29)
    body = IPv6Address(target).packed + _options(options)
    return _message(source, destination, Icmpv6(NEIGHBOUR_ADVERTISEMENT, rest=rest, body=body), hops)


def redirect(source: str, destination: str, target: str, about: str, *options: Option, hops: int = ON_LINK_HOPS) -> Ipv6:
    """RFC 4861 section 4.5: `target` is the better first hop towards `about`."""
    body = IPv6Address(target).packed + IPv6Address(about).packed + _options(options)
    return _message(source, destination, Icmpv6(REDIRECT, body=body), hops)


def source_link_layer(mac: bytes) -> Option:
    """RFC 4861 section 4.6.1."""
    return Option(1, mac)


def target_link_layer(mac: bytes) -> Option:
    """RFC 4861 section 4.6.1."""
    return Option(2, mac)


def prefix(network: str, bits: int) -> Option:
    """RFC 4861 section 4.6.2: on link, autonomous, for a day."""
    return Option(3, struct.pack(">BBIII", bits, 0xC0, 86400, 86400, 0) + IPv6Address(network).packed)


def solicited_node(address: str) -> str:
    """RFC 4291 section 2.7.1."""
    return str(IPv6Address(IPv6Address("ff02::1:ff00:0").packed[:13] + IPv6Address(address).packed[13:]))


def _message(source: str, destination: str, message: Icmpv6, hops: int) -> Ipv6:
    return Ipv6(source, destination, message, hops=hops)


def _options(options: tuple[Option, ...]) -> bytes:
    return b"".join(map(_option, options))


def _option(option: Option) -> bytes:
    body = option.body + bytes(-(2 + len(option.body)) % 8)
    units = (2 + len(body)) // 8 if option.units is None else option.units
    return bytes([option.kind, units]) + body
