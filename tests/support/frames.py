"""Ethernet frames, as values and as bytes. `Frame(Ipv4(content=Tcp()))` is the plainest."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from tests.support.ip_packets import Ipv4, Ipv6, packet_bytes
from tests.support.neighbours import Arp, arp_bytes

__all__ = [
    "KIND_ARP", "KIND_CUSTOMER_TAG", "KIND_IPV4", "KIND_IPV6", "KIND_SERVICE_TAG", "Frame", "FrameContent", "Other", "Vlan", "frame_bytes",
]  # fmt: skip

KIND_IPV4: Final = 0x0800
KIND_ARP: Final = 0x0806
KIND_CUSTOMER_TAG: Final = 0x8100
KIND_IPV6: Final = 0x86DD
KIND_SERVICE_TAG: Final = 0x88A8


@dataclass(frozen=True, slots=True)
class Vlan:
    """IEEE 802.1Q; `kind` is the tag's own ethertype."""

    identifier: int = 1
    priority: int = 0
    kind: int = KIND_CUSTOMER_TAG


@dataclass(frozen=True, slots=True)
class Other:
    """A frame of another ethertype."""

    kind: int
    payload: bytes = b""


FrameContent: TypeAlias = Ipv4 | Ipv6 | Arp | Other
PLAIN_PACKET: Final = Ipv4()


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame; `vlans` outermost first. `kind`: what stands there instead of the content's ethertype.

    `trailer` follows the content and belongs to no packet: the padding of short frames, or anything.
    """

    content: FrameContent = PLAIN_PACKET
    vlans: tuple[Vlan, ...] = ()
    source_mac: bytes = bytes.fromhex("020000000001")
    destination_mac: bytes = bytes.fromhex("020000000002")
    kind: int | None = None
    trailer: bytes = b""


def frame_bytes(frame: Frame) -> bytes:
    """The frame from its destination address on, without preamble and check sequence."""
    kind, content = _content(frame.content)
    ending = struct.pack(">H", kind if frame.kind is None else frame.kind) + content + frame.trailer
    for vlan in reversed(frame.vlans):
        ending = struct.pack(">HH", vlan.kind, vlan.priority << 13 | vlan.identifier) + ending
    return frame.destination_mac + frame.source_mac + ending


def _content(content: FrameContent) -> tuple[int, bytes]:
    match content:
        case Ipv4():
            return KIND_IPV4, packet_bytes(content)
        case Ipv6():
            return KIND_IPV6, packet_bytes(content)
        case Arp():
            return KIND_ARP, arp_bytes(content)
        case Other(kind, payload):
            return kind, payload
        case _:
            assert_never(content)
