"""Damaged frames: lengths that lie, headers cut off, chains without end, fragments that do not fit."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from tests.support import extension_headers
from tests.support.extension_headers import Extension, destination_options, fragment, hop_by_hop, routing
from tests.support.frame_reading import Refusal
from tests.support.frames import KIND_CUSTOMER_TAG, KIND_IPV4, KIND_IPV6, Frame, Vlan, frame_bytes
from tests.support.generated_frames import valid_frame, valid_packet, wrapped
from tests.support.ip_packets import Ipv4, Ipv6, Packet, packet_bytes
from tests.support.transports import Icmp, Icmpv6, Raw, Tcp, Transport, Udp, protocol_of, transport_bytes

__all__ = ["DAMAGES", "Damage", "Damaged", "damaged_frames", "truncations"]

ETHERTYPE_AT: Final = 12
HEADER_BYTES: Final = 90  # most headers end before


@dataclass(frozen=True, slots=True)
class Damage:
    """A kind of damage. `refusal` is how every frame of it is refused; None: some are, and some are still valid."""

    make: Callable[[random.Random], bytes]
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Damaged:
    """A frame, and the name in DAMAGES of what was done to it."""

    what: str
    frame: bytes


def damaged_frames(seed: int, count: int) -> Iterator[Damaged]:
    """`count` frames, every kind of damage in turn, the same ones for the same seed."""
    source = random.Random(seed)
    kinds = list(DAMAGES.items())
    for index in range(count):
        what, damage = kinds[index % len(kinds)]
        yield Damaged(what, damage.make(source))


def truncations(frame: bytes) -> Iterator[bytes]:
    """The frame cut off at every place, the empty one first and the whole one left out."""
    return (frame[:end] for end in range(len(frame)))


def _ipv4(source: random.Random) -> Ipv4:
    packet = valid_packet(source)
    while not isinstance(packet, Ipv4):
        packet = valid_packet(source)
    return packet


def _plain_ipv6(source: random.Random) -> Ipv6:
    """Without extension headers."""
    packet = valid_packet(source)
    while not isinstance(packet, Ipv6):
        packet = valid_packet(source)
    return replace(packet, extensions=())


def _bytes(source: random.Random, packet: Packet) -> bytes:
    return frame_bytes(replace(wrapped(source, packet), trailer=b""))


def _chained(source: random.Random, *extensions: Extension) -> bytes:
    """A packet with this chain before a TCP segment."""
    return _bytes(source, replace(_plain_ipv6(source), content=Tcp(payload=bytes(64)), extensions=extensions))


def _truncated(source: random.Random) -> bytes:
    whole = _bytes(source, valid_packet(source))
    return whole[: source.randrange(len(whole))]


def _flipped(source: random.Random) -> bytes:
    damaged = bytearray(frame_bytes(valid_frame(source)))
    for _ in range(source.choice((1, 1, 1, 2, 5))):
        damaged[source.randrange(ETHERTYPE_AT, min(len(damaged), HEADER_BYTES))] ^= 1 << source.randrange(8)
    return bytes(damaged)


def _overwritten(source: random.Random) -> bytes:
    damaged = bytearray(frame_bytes(valid_frame(source)))
    damaged[source.randrange(ETHERTYPE_AT, min(len(damaged), HEADER_BYTES))] = source.choice((0, 1, 2, 7, 0x7F, 0x80, 0xFF, source.randrange(256)))
    return bytes(damaged)


def _noise(source: random.Random) -> bytes:
    kind = source.choice((KIND_IPV4, KIND_IPV6, KIND_CUSTOMER_TAG))
    first = {KIND_IPV4: b"\x45", KIND_IPV6: b"\x60"}.get(kind, b"") if source.random() < 0.7 else b""
    return bytes(12) + struct.pack(">H", kind) + first + source.randbytes(source.randrange(120))


def _third_tag(source: random.Random) -> bytes:
    return frame_bytes(replace(wrapped(source, valid_packet(source)), vlans=(Vlan(), Vlan(), Vlan())))


def _cut_tag(source: random.Random) -> bytes:
    tags = source.choice((1, 2))
    return frame_bytes(Frame(vlans=(Vlan(),) * tags))[: 14 + 4 * tags - source.randrange(1, 5)]


def _version(source: random.Random) -> bytes:
    packet = valid_packet(source)
    return _bytes(source, replace(packet, version=source.choice([each for each in range(16) if each != packet.version])))


def _wrong_ethertype(source: random.Random) -> bytes:
    packet = valid_packet(source)
    return frame_bytes(replace(wrapped(source, packet), kind=KIND_IPV6 if isinstance(packet, Ipv4) else KIND_IPV4))


def _ipv4_words(source: random.Random) -> bytes:
    return _bytes(source, replace(_ipv4(source), words=source.randrange(16)))


def _ipv4_short_header(source: random.Random) -> bytes:
    return _bytes(source, replace(_ipv4(source), words=source.randrange(5)))


def _ipv4_total(source: random.Random) -> bytes:
    packet = _ipv4(source)
    right = len(packet_bytes(packet))
    return _bytes(source, replace(packet, total_bytes=max(0, right - source.randrange(1, 40))))


def _ipv4_total_beyond(source: random.Random) -> bytes:
    packet = _ipv4(source)
    right = len(packet_bytes(packet))
    return _bytes(source, replace(packet, total_bytes=source.choice((right + 1, right + 8, 65535))))


def _ipv4_total_within_header(source: random.Random) -> bytes:
    return _bytes(source, replace(_ipv4(source), total_bytes=source.choice((0, 1, 19))))


def _ipv4_bad_option(source: random.Random) -> bytes:
    bad = source.choice((b"\x07\0", b"\x07\1", b"\x44\x29", b"\x94\5\0\0", b"\1\1\1\x07", b"\x07\3\4\x82\xff", b"\xff\xff"))
    before = source.choice((b"", b"\1", b"\x94\4\0\0"))
    filling = b"\1" * (-len(before + bad) % 4)  # in front: behind, it could make up what the option lacks
    return _bytes(source, replace(_ipv4(source), options=filling + before + bad))


def _ipv4_source_route(source: random.Random) -> bytes:
    route = bytes([source.choice((131, 137)), 7, 4]) + source.randbytes(4)
    before = source.choice((b"", b"\1", b"\1\1\1", b"\x94\4\0\0", b"\x07\7\4" + bytes(4)))
    return _bytes(source, replace(_ipv4(source), options=before + route))


def _ipv6_length(source: random.Random) -> bytes:
    packet = _plain_ipv6(source)
    right = len(packet_bytes(packet)) - 40
    return _bytes(source, replace(packet, payload_bytes=max(0, right - source.randrange(1, 40))))


def _ipv6_length_beyond(source: random.Random) -> bytes:
    packet = _plain_ipv6(source)
    right = len(packet_bytes(packet)) - 40
    return _bytes(source, replace(packet, payload_bytes=source.choice((right + 1, right + 8, 65535))))


def _jumbo(source: random.Random) -> bytes:
    return _bytes(source, replace(_plain_ipv6(source), extensions=(extension_headers.jumbo(70000),), payload_bytes=0))


def _many_extensions(source: random.Random) -> bytes:
    return _chained(source, *[destination_options()] * source.randrange(9, 60))


def _large_extensions(source: random.Random) -> bytes:
    """More than 512 bytes in one to eight of them."""
    count = source.randrange(1, 9)
    return _chained(source, *[destination_options(bytes(512 // count // 8 * 8 + 6)) for _ in range(count)])


def _late_hop_by_hop(source: random.Random) -> bytes:
    before = source.choice((hop_by_hop(), destination_options(), fragment(1), routing(4, 0)))
    return _chained(source, before, hop_by_hop())


def _second_fragment_header(source: random.Random) -> bytes:
    between = source.choice(((), (destination_options(),)))
    return _chained(source, fragment(1, more=source.random() < 0.5), *between, fragment(source.choice((1, 2))))


def _extension_beyond(source: random.Random) -> bytes:
    """A length that leads out of the packet."""
    kind = source.choice((extension_headers.HOP_BY_HOP, extension_headers.ROUTING, extension_headers.DESTINATION_OPTIONS))
    content = bytes([source.choice((30, 62, 255)), 4, 0]) + bytes(4)
    return _bytes(source, replace(_plain_ipv6(source), content=Raw(6, bytes(20)), extensions=(Extension(kind, content),)))


def _shuffled_extensions(source: random.Random) -> bytes:
    chain = [hop_by_hop(), routing(4, 0), destination_options(), fragment(7, source.choice((0, 0, 8, 1480)), more=source.random() < 0.3), destination_options()]
    chain += [extension_headers.authentication(), extension_headers.mobility(), extension_headers.hip(), extension_headers.shim6()]
    return _chained(source, *source.sample(chain, source.randrange(1, len(chain) + 1)))


def _relinked_extension(source: random.Random) -> bytes:
    """A next header that tells something else of what follows."""
    told = source.choice((0, 1, 6, 17, 43, 44, 51, 58, 59, 60, 132, 135, source.randrange(256)))
    return _chained(source, *([destination_options()] * source.randrange(3)), replace(destination_options(), next_header=told))


def _ipv6_source_route(source: random.Random) -> bytes:
    kind = source.choice((0, 0, 2, 3, 4, 255))
    left = source.choice((0, 1, 2)) if kind == 0 else source.choice((1, 2, 255))
    before = source.choice(((), (hop_by_hop(),), (destination_options(),)))
    return _chained(source, *before, routing(kind, left, ("fd00::9",)))


def _tcp_words(source: random.Random) -> bytes:
    return _with_content(source, Tcp(payload=source.randbytes(source.randrange(64)), words=source.randrange(16)))


def _tcp_short_header(source: random.Random) -> bytes:
    return _with_content(source, Tcp(payload=source.randbytes(source.randrange(64)), words=source.randrange(5)))


def _udp_length(source: random.Random) -> bytes:
    """Too short for its header, or longer than the packet."""
    payload = source.randbytes(source.randrange(64))
    return _with_content(source, Udp(payload=payload, length=source.choice((0, 1, 7, 9 + len(payload), 65535))))


def _short_transport(source: random.Random) -> bytes:
    """A packet that ends, by its own length, within the transport header."""
    protocol, needed = source.choice(((6, 20), (17, 8), (132, 12), (1, 8), (58, 8)))
    content = Raw(protocol, source.randbytes(source.randrange(needed)))
    plain: Packet = Ipv4(content=content) if protocol != 58 and (protocol == 1 or source.random() < 0.5) else Ipv6(content=content)
    return _bytes(source, plain)


def _with_content(source: random.Random, content: Transport) -> bytes:
    return _bytes(source, source.choice((Ipv4(content=content), Ipv6(content=content))))


def _tiny_fragment(source: random.Random) -> bytes:
    """A first fragment that ends within the transport header (RFC 1858, RFC 7112)."""
    whole, keeps = source.choice(((Tcp(), (0, 8, 16)), (Tcp(options=bytes(40)), (24, 56)), (Udp(), (0,)), (Raw(132, bytes(12)), (0, 8))))
    part = Raw(protocol_of(whole), transport_bytes(whole, bytes(4), bytes(4))[: source.choice(keeps)])
    match source.randrange(3):
        case 0:
            return _bytes(source, Ipv4(content=part, more=True))
        case 1:
            return _bytes(source, Ipv6(content=part, extensions=(fragment(9, more=True),)))
        case _:  # the chain itself goes on in the next fragment
            return _bytes(source, Ipv6(content=Raw(60, source.choice((b"", b"\6\1" + bytes(6)))), extensions=(fragment(9, more=True),)))


def _unaligned_fragment(source: random.Random) -> bytes:
    offset, part = source.choice((0, 8, 1480)), Raw(17, bytes(64 + source.randrange(1, 8)))
    return _bytes(source, source.choice((
        Ipv4(content=part, more=True, offset=offset), Ipv6(content=part, extensions=(fragment(9, offset, more=True),)),
    )))  # fmt: skip


def _fragment_of_nothing(source: random.Random) -> bytes:
    """A fragment without a byte of content, first, in the middle or last."""
    offset, more = source.choice(((0, True), (8, True), (8, False), (1480, False)))
    part = Raw(source.choice((1, 6, 17, 47)))
    return _bytes(source, source.choice((
        Ipv4(content=part, more=more, offset=offset), Ipv6(content=part, extensions=(fragment(9, offset, more=more),)),
    )))  # fmt: skip


def _fragment_bits(source: random.Random) -> bytes:
    """Any of the three bits before an IPv4 offset: reserved, don't fragment, more."""
    content = Raw(source.choice((6, 17, 47)), source.randbytes(source.choice((24, 25, 64))))
    bits, offset = source.randrange(8), source.choice((0, 0, 1, 3))
    frame = bytearray(frame_bytes(Frame(Ipv4(content=content))))
    struct.pack_into(">H", frame, 14 + 6, bits << 13 | offset)
    return bytes(frame)


def _mapped_address(source: random.Random) -> bytes:
    """An IPv4 address where an IPv6 one belongs, at either end or both."""
    mapped = f"::ffff:10.0.0.{source.randrange(1, 10)}"
    ends = source.choice((("fd00::1", mapped), (mapped, "fd00::2"), (mapped, "::ffff:10.0.0.2")))
    return _bytes(source, replace(_plain_ipv6(source), source=ends[0], destination=ends[1]))


def _other_icmp(source: random.Random) -> bytes:
    """ICMP over IPv6, ICMPv6 over IPv4."""
    kind, body = source.choice((0, 3, 8, 128, 129, 135)), source.randbytes(source.choice((0, 8, 64)))
    return _bytes(source, source.choice((Ipv4(content=Icmpv6(kind, body=body)), Ipv6(content=Icmp(kind, body=body)))))


def _divided_discovery(source: random.Random) -> bytes:
    """The first fragment of a message of neighbour discovery."""
    part = Raw(58, bytes([source.randrange(133, 138)]) + source.randbytes(31))
    return _bytes(source, Ipv6(content=part, extensions=(fragment(9, more=True),), hops=255))


def _ipv6_length_zero(source: random.Random) -> bytes:
    """A payload of no bytes, and bytes that are there all the same."""
    return _bytes(source, replace(_plain_ipv6(source), payload_bytes=0))


def _fragment_beyond(source: random.Random) -> bytes:
    """One that would end after the last byte a datagram can have: the ping of death."""
    offset, part = 65528 - 8 * source.randrange(8), Raw(source.choice((1, 6, 17, 58)), bytes(72))
    return _bytes(source, source.choice((
        Ipv4(content=part, offset=offset, more=source.random() < 0.5), Ipv6(content=part, extensions=(fragment(9, offset),)),
    )))  # fmt: skip


DAMAGES: Final = {
    "cut off": Damage(_truncated, Refusal.MALFORMED),
    "bits flipped": Damage(_flipped),
    "a byte overwritten": Damage(_overwritten),
    "noise": Damage(_noise),
    "a third tag": Damage(_third_tag),
    "a tag cut off": Damage(_cut_tag, Refusal.MALFORMED),
    "another version": Damage(_version, Refusal.MALFORMED),
    "the other ethertype": Damage(_wrong_ethertype, Refusal.MALFORMED),
    "IPv4 header length": Damage(_ipv4_words),
    "IPv4 header too short": Damage(_ipv4_short_header, Refusal.MALFORMED),
    "IPv4 total length too small": Damage(_ipv4_total),
    "IPv4 total length beyond the frame": Damage(_ipv4_total_beyond, Refusal.MALFORMED),
    "IPv4 total length within the header": Damage(_ipv4_total_within_header, Refusal.MALFORMED),
    "IPv4 option length": Damage(_ipv4_bad_option, Refusal.MALFORMED),
    "IPv4 source route": Damage(_ipv4_source_route, Refusal.SOURCE_ROUTE),
    "IPv6 payload length too small": Damage(_ipv6_length),
    "IPv6 payload length beyond the frame": Damage(_ipv6_length_beyond, Refusal.MALFORMED),
    "jumbogram": Damage(_jumbo, Refusal.MALFORMED),
    "too many extension headers": Damage(_many_extensions, Refusal.TOO_MANY_HEADERS),
    "too many bytes of extension headers": Damage(_large_extensions, Refusal.TOO_MANY_HEADERS),
    "hop-by-hop not first": Damage(_late_hop_by_hop, Refusal.MALFORMED),
    "two fragment headers": Damage(_second_fragment_header, Refusal.MALFORMED),
    "extension header beyond the packet": Damage(_extension_beyond, Refusal.MALFORMED),
    "extension headers shuffled": Damage(_shuffled_extensions),
    "another next header": Damage(_relinked_extension),
    "IPv6 source route": Damage(_ipv6_source_route, Refusal.SOURCE_ROUTE),
    "TCP data offset": Damage(_tcp_words),
    "TCP header too short": Damage(_tcp_short_header, Refusal.MALFORMED),
    "UDP length": Damage(_udp_length, Refusal.MALFORMED),
    "transport header cut off": Damage(_short_transport, Refusal.MALFORMED),
    "tiny fragment": Damage(_tiny_fragment, Refusal.FRAGMENT),
    "fragment not in units of eight": Damage(_unaligned_fragment, Refusal.MALFORMED),
    "fragment beyond the last byte": Damage(_fragment_beyond, Refusal.MALFORMED),
    "fragment of nothing": Damage(_fragment_of_nothing, Refusal.FRAGMENT),
    "fragment bits": Damage(_fragment_bits),
    "IPv4 address in IPv6": Damage(_mapped_address, Refusal.MALFORMED),
    "neighbour discovery in fragments": Damage(_divided_discovery, Refusal.MALFORMED),
    "ICMP of the other version": Damage(_other_icmp, Refusal.MALFORMED),
    "IPv6 payload length zero": Damage(_ipv6_length_zero),
}
