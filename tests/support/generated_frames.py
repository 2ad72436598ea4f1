"""Valid frames over the whole space of what is understood, as values; what is common comes up most."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from tests.support import extension_headers, neighbours
from tests.support.extension_headers import FRAGMENT, Extension
from tests.support.frames import KIND_CUSTOMER_TAG, KIND_SERVICE_TAG, Frame, FrameContent, Other, Vlan
from tests.support.ip_packets import Ipv4, Ipv6, Packet, error_about, fragments
from tests.support.transports import ECHO_REQUEST_V6, Chunk, Icmp, Icmpv6, Raw, Sctp, Tcp, Transport, Udp

__all__ = ["POOLS", "Pools", "pieces", "valid_frame", "valid_frames", "valid_packet", "wrapped"]

TCP_FLAGS: Final = (0x02, 0x12, 0x10, 0x10, 0x10, 0x18, 0x18, 0x11, 0x04, 0x14, 0x00, 0x29, 0xFF)
TCP_OPTIONS: Final = (b"", b"", b"\2\4\5\xb4", b"\1\1\x08\x0a" + bytes(8), b"\2\4\5\xb4\4\2\x08\x0a" + bytes(8) + b"\1\3\3\7", bytes(40))
IPV4_OPTIONS: Final = (
    b"\x94\4\0\0",  # router alert
    b"\7\7\4" + bytes(4),  # record route
    b"\x44\x0c\5\0" + bytes(8),  # timestamp
    b"\1\1\1\0",
    b"\x86\6\0\0\0\1",  # CIPSO
    b"\0\x83\1",  # nothing counts after end-of-list
    bytes([7, 39, 4]) + bytes(36),
)
OTHER_PROTOCOLS: Final = (2, 4, 41, 47, 50, 103, 112, 253, 255)
OTHER_KINDS: Final = (0x88CC, 0x8847, 0x8863, 0x0842, 0x0027)  # LLDP, MPLS, PPPoE, wake-on-LAN, a length
EMPTY_OPTIONS: Final = (b"", b"\5\2\0\0", b"\1\4\0\0\0\0", bytes(6))  # router alert, padding


@dataclass(frozen=True, slots=True)
class Pools:
    """What addresses and ports are chosen from."""

    v4: tuple[str, ...] = ("10.0.0.1", "10.0.0.2", "10.0.0.9", "192.0.2.77", "198.51.100.255", "255.255.255.255", "224.0.0.5", "0.0.0.0")
    v6: tuple[str, ...] = ("fd00::1", "fd00::2", "fd00::9", "2001:db8::77", "fe80::1", "ff02::1", "::")
    ports: tuple[int, ...] = (0, 1, 53, 80, 443, 1023, 1024, 8080, 40000, 65535)


POOLS: Final = Pools()
NEIGHBOUR_DISCOVERY: Final = range(133, 138)


def valid_frames(seed: int, count: int, pools: Pools = POOLS) -> Iterator[Frame]:
    """`count` frames, the same ones for the same seed."""
    source = random.Random(seed)
    for _ in range(count):
        yield valid_frame(source, pools)


def valid_frame(source: random.Random, pools: Pools = POOLS) -> Frame:
    """A frame in which nothing is wrong: a packet, one fragment of a packet, ARP, or another ethertype."""
    choice = source.random()
    if choice < 0.85:
        return wrapped(source, valid_packet(source, pools))
    if choice < 0.93:
        return wrapped(source, source.choice(pieces(source, valid_packet(source, pools))))
    if choice < 0.97:
        return wrapped(source, _arp(source, pools))
    return wrapped(source, Other(source.choice(OTHER_KINDS), source.randbytes(source.randrange(64))))


def valid_packet(source: random.Random, pools: Pools = POOLS) -> Packet:
    """A whole packet; one in twenty has an IPv6 fragment header that splits nothing."""
    choice = source.random()
    if choice < 0.5:
        return _ipv4(source, pools)
    if choice < 0.9:
        return _ipv6(source, pools)
    if choice < 0.94:
        return _neighbour_discovery(source, pools)
    kind, code = source.choice(((3, 1), (3, 3), (3, 4), (11, 0), (12, 0)))
    kind_v6, code_v6 = source.choice(((1, 0), (1, 4), (2, 0), (3, 0), (4, 1)))
    packet = source.choice((_ipv4, _ipv6))(source, pools)
    return error_about(packet, kind, code) if isinstance(packet, Ipv4) else error_about(packet, kind_v6, code_v6)


def pieces(source: random.Random, packet: Packet) -> list[Packet]:
    """The packet in at least two valid fragments, in order; the first has all headers, a payload is put in where there is none."""
    match packet:
        case Ipv4():
            return fragments(replace(packet, content=_longer(source, packet.content)), _size(source, 0), source.getrandbits(16))
        case Ipv6():
            kept = tuple(each for each in packet.extensions if each.kind != FRAGMENT)
            headers = sum(1 + len(each.content) for each in kept)
            longer = replace(packet, content=_longer(source, packet.content), extensions=kept)
            return fragments(longer, _size(source, headers), source.getrandbits(32))


def wrapped(source: random.Random, content: FrameContent) -> Frame:
    """In a frame with up to two tags, and with padding up to the least length, sometimes."""
    tags = source.choices((0, 1, 2), (80, 12, 8))[0]
    vlans = tuple(Vlan(source.randrange(4096), source.randrange(8), source.choice((KIND_CUSTOMER_TAG, KIND_SERVICE_TAG))) for _ in range(tags))
    return Frame(content, vlans, trailer=bytes(source.choice((0, 0, 0, 0, 6, 18))))


def _ipv4(source: random.Random, pools: Pools) -> Ipv4:
    return Ipv4(
        source.choice(pools.v4), source.choice(pools.v4), _transport(source, pools, Icmp), hops=source.choice((64, 64, 255, 1, 0)),
        service=source.choice((0, 0, 0xB8, 3)), identification=source.getrandbits(16), dont_fragment=source.random() < 0.5,
        options=source.choice(IPV4_OPTIONS) if source.random() < 0.1 else b"",
    )  # fmt: skip


def _ipv6(source: random.Random, pools: Pools) -> Ipv6:
    destination = source.choice(pools.v6)
    extensions = _extensions(source, destination) if source.random() < 0.25 else ()
    return Ipv6(
        source.choice(pools.v6), destination, _transport(source, pools, Icmpv6), extensions,
        hops=source.choice((64, 64, 255, 1, 0)), traffic_class=source.choice((0, 0, 0xB8)), flow_label=source.getrandbits(20),
    )  # fmt: skip


def _extensions(source: random.Random, destination: str) -> tuple[Extension, ...]:
    """At most seven that are stepped over, 320 bytes at most of them; the last may be one that is not.

    Routes end, as they must where no segments are left, at the packet's own destination.
    """
    chosen: list[Extension] = []
    if source.random() < 0.3:
        chosen.append(extension_headers.hop_by_hop(source.choice(EMPTY_OPTIONS)))
    if source.random() < 0.3:
        chosen.append(extension_headers.routing(source.choice((2, 3, 4)), 0, (destination,) * source.randrange(1, 3)))
    if source.random() < 0.2:
        chosen.append(extension_headers.fragment(source.getrandbits(32)))
    for _ in range(source.choice((0, 1, 1, 1, 2, 4))):
        chosen.append(extension_headers.destination_options(source.choice((*EMPTY_OPTIONS, b"\x1e\x3c" + bytes(60)))))
    if source.random() < 0.2:
        chosen.append(source.choice((extension_headers.authentication(), extension_headers.mobility(), extension_headers.hip(), extension_headers.shim6())))
    return tuple(chosen)


def _transport(source: random.Random, pools: Pools, message: type[Icmp] | type[Icmpv6]) -> Transport:
    here, there = source.choice(pools.ports), source.choice(pools.ports)
    match source.choices(("tcp", "udp", "echo", "message", "sctp", "other", "nothing"), (40, 25, 8, 5, 8, 9, 2))[0]:
        case "tcp":
            return Tcp(
                here, there, source.getrandbits(32), source.getrandbits(32), source.choice(TCP_FLAGS), source.getrandbits(16),
                options=source.choice(TCP_OPTIONS), payload=_payload(source),
            )  # fmt: skip
        case "udp":
            unsummed = message is Icmp and source.random() < 0.2  # IPv6 demands the sum (RFC 8200 section 8.1)
            return Udp(here, there, _payload(source), checksum=0 if unsummed else None)
        case "sctp":
            return Sctp(here, there, source.getrandbits(32), source.choice(((Chunk(),), (), (Chunk(0, 3, source.randbytes(13)), Chunk(3)))))
        case "echo":
            kind = source.choice((0, 8) if message is Icmp else (128, 129))
            return message(kind, rest=source.randbytes(4), body=_payload(source))
        case "message":
            return message(source.randrange(256), source.choice((0, 0, source.randrange(256))), source.randbytes(4), _payload(source))
        case "other":
            return Raw(source.choice(OTHER_PROTOCOLS), _payload(source))
        case _:
            return Raw(extension_headers.NO_NEXT_HEADER)


def _payload(source: random.Random) -> bytes:
    return source.randbytes(source.choice((0, 0, 1, 7, 8, 64, 200)))


def _longer(source: random.Random, content: Transport) -> Transport:
    """With 600 bytes that fragments can be cut from; neighbour discovery, which never is (RFC 6980), becomes an echo."""
    more = source.randbytes(600 + source.randrange(9))
    match content:
        case Icmpv6(kind) if kind in NEIGHBOUR_DISCOVERY:
            return replace(content, kind=ECHO_REQUEST_V6, body=more)
        case Tcp() | Udp() | Raw():
            return replace(content, payload=more)
        case Icmp() | Icmpv6():
            return replace(content, body=more)
        case Sctp():
            return replace(content, chunks=(Chunk(0, 3, more),))


def _size(source: random.Random, headers: int) -> int:
    """Bytes of a fragment: room for the headers and 60 bytes of TCP, in units of eight."""
    return (headers + 60 + source.randrange(200) + 7) // 8 * 8


def _arp(source: random.Random, pools: Pools) -> neighbours.Arp:
    mac = source.randbytes(6)
    address = source.choice(pools.v4)
    request = neighbours.Arp(sender=address, target=source.choice(pools.v4), sender_mac=mac)
    return source.choice((request, neighbours.arp_reply(request, mac), neighbours.arp_probe(address, mac), neighbours.arp_announcement(address, mac)))


def _neighbour_discovery(source: random.Random, pools: Pools) -> Ipv6:
    here, there, mac = source.choice(pools.v6), source.choice(pools.v6), source.randbytes(6)
    own, other = neighbours.source_link_layer(mac), neighbours.target_link_layer(mac)
    return source.choice((
        neighbours.router_solicitation(here, own),
        neighbours.router_advertisement(here, own, neighbours.prefix("fd00::", 64)),
        neighbours.neighbour_solicitation(here, there, own),
        neighbours.neighbour_solicitation("::", there),
        neighbours.neighbour_advertisement(here, there, other, solicited=source.random() < 0.5),
        neighbours.redirect(here, there, "fe80::2", "2001:db8::77", other),
        neighbours.neighbour_solicitation(here, there, own, hops=64),
    ))  # fmt: skip
