"""The fragments of one datagram as an attacker sends them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import replace

from tests.support.extension_headers import Extension
from tests.support.frames import Frame, frame_bytes
from tests.support.generated_frames import pieces, valid_packet
from tests.support.ip_packets import Ipv4, Ipv6, Packet
from tests.support.transports import SCTP, TCP, UDP, Raw

__all__ = ["fragment_trains"]


def fragment_trains(seed: int, count: int) -> Iterator[list[bytes]]:
    """`count` lists of frames, each of one datagram: they overlap, repeat, come in another order, or lack the first.

    Every frame is valid by itself. The same ones for the same seed.
    """
    source = random.Random(seed)
    for _ in range(count):
        parts = pieces(source, valid_packet(source))
        match source.randrange(5):
            case 0:  # over the first one's ports, from its second eight bytes on
                parts.insert(1, _moved(_refilled(source, parts[0]), 8))
            case 1:  # another first one comes before it
                parts.insert(0, _with_another_port(parts[0]))
            case 2:
                source.shuffle(parts)
            case 3:
                del parts[0]
            case _:  # one again, with other content
                parts.append(_refilled(source, source.choice(parts[1:])))
        yield [frame_bytes(Frame(each)) for each in parts]


def _moved(part: Packet, offset: int) -> Packet:
    """The fragment at another offset."""
    match part:
        case Ipv4():
            return replace(part, offset=offset)
        case Ipv6(extensions=(*before, last)):
            return replace(part, extensions=(*before, Extension(last.kind, struct.pack(">BH", 0, offset | last.content[2] & 1) + last.content[3:])))
        case _:
            raise AssertionError("not a fragment")


def _refilled(source: random.Random, part: Packet) -> Packet:
    """The fragment with other content of the same length."""
    assert isinstance(part.content, Raw)
    return replace(part, content=Raw(part.content.protocol, source.randbytes(len(part.content.payload))))


def _with_another_port(part: Packet) -> Packet:
    """A first fragment with another destination port, where the transport header comes first and has one."""
    assert isinstance(part.content, Raw)
    protocol, payload = part.content.protocol, part.content.payload
    if protocol not in (TCP, UDP, SCTP):
        return part
    return replace(part, content=Raw(protocol, payload[:3] + bytes([payload[3] ^ 1]) + payload[4:]))
