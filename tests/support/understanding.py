"""What must become of a frame at an endpoint: reading and policy, without a connection, but with the fragments before it.

The datapath is held against this. It says what frame_reading.py says of the frame and, of later fragments, what their first one
said; the policy is asked by the caller, who knows it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_network
from types import MappingProxyType
from typing import Final

from pybpf.compiler.policy.model.policy import Direction
from pybpf.kernel_progs.abi import Reason
from tests.support.frame_reading import FragmentPlace, Kind, Reading, Refusal

__all__ = ["ECHOES", "Asked", "Memory", "Neighbours", "Passes", "Refused", "Understood", "may_send", "understood"]

Address = IPv4Address | IPv6Address

LINK_LOCAL: Final = ip_network("fe80::/10")
DISCOVERY: Final = range(133, 137)  # redirects are asked of the policy
WITH_PORTS: Final = (6, 17, 132)
ECHOES: Final[Mapping[tuple[int, int], bool]] = MappingProxyType({(1, 8): True, (1, 0): False, (58, 128): True, (58, 129): False})
INIT: Final = 1
SYN, ACK = 0x02, 0x10


class Passes(Enum):
    """Nothing that is enforced is about it."""

    UNKNOWN_KIND = "neither IP nor ARP"
    LATER_FRAGMENT = "a fragment whose first one is not known"


class Neighbours(Enum):
    """Addresses are resolved: the rules of neighbours.py decide."""

    ARP = "ARP"
    DISCOVERY = "neighbour discovery"


@dataclass(frozen=True, slots=True)
class Refused:
    """Dropped, and the event says why."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Asked:
    """The policy decides on `port` (an ICMP message's type) of `protocol`; the event has the ports. `kind`: of an ICMP message;
    `opens`: the packet may begin a connection."""

    source: Address
    destination: Address
    protocol: int
    port: int
    source_port: int = 0
    destination_port: int = 0
    kind: int = 0
    flags: int = 0
    opens: bool = False


Understood = Passes | Neighbours | Refused | Asked
DatagramKey = tuple[Direction, Address, Address, int, int]


@dataclass(frozen=True, slots=True)
class First:
    """What the first fragment of a datagram said; later ones begin at `length` or behind it."""

    asked: Asked
    length: int


Memory = dict[DatagramKey, First]  # the first fragments met so far, of one endpoint


def understood(frame: bytes, reading: Reading, direction: Direction, own: Collection[Address], memory: Memory, *, enforced: bool) -> Understood:
    """What is to be done with a frame of the endpoint at `own`. A first fragment is added to `memory`."""
    if reading.refused is not None:
        return Refused(REASONS[reading.refused])
    if reading.kind is Kind.ARP:
        return Neighbours.ARP
    if reading.kind is Kind.OTHER:
        return Refused(Reason.UNSUPPORTED) if enforced else Passes.UNKNOWN_KIND
    assert reading.source is not None and reading.destination is not None
    place = reading.fragment
    spoofed = direction is Direction.EGRESS and not may_send(reading.source, reading.protocol, own)
    if place is not None and place.offset > 0:
        first = memory.get(datagram(reading, direction, place))
        if first is None or place.offset < first.length:
            return Refused(Reason.FRAGMENT) if enforced or spoofed else Passes.LATER_FRAGMENT
        later = Asked(first.asked.source, first.asked.destination, first.asked.protocol, first.asked.port, *ends(first.asked), first.asked.kind)
        spoofed = direction is Direction.EGRESS and not may_send(reading.source, later.protocol, own)
        return Refused(Reason.SPOOFED_SOURCE) if spoofed else later
    asked = whole(frame, reading)
    if place is not None:
        memory[datagram(reading, direction, place)] = First(asked, place.length)
    elif asked.protocol == 58 and asked.kind in DISCOVERY and (asked.kind != 134 or direction is Direction.INGRESS):
        return Neighbours.DISCOVERY
    return Refused(Reason.SPOOFED_SOURCE) if spoofed else asked


def whole(frame: bytes, reading: Reading) -> Asked:
    """What a packet with all its headers asks of the policy."""
    assert reading.source is not None and reading.destination is not None
    asked = Asked(reading.source, reading.destination, reading.protocol, 0)
    at, protocol = reading.l4_offset, reading.protocol
    if protocol in WITH_PORTS:
        opens = protocol == 17 or (protocol == 6 and reading.tcp_flags & (SYN | ACK) == SYN)
        opens = opens or (protocol == 132 and reading.payload_length > 0 and frame[at + 12] == INIT)
        ports = reading.source_port, reading.destination_port
        return Asked(asked.source, asked.destination, protocol, ports[1], *ports, flags=reading.tcp_flags, opens=opens)
    if protocol in (1, 58):
        asks = ECHOES.get((protocol, reading.icmp_type))
        pair = (reading.icmp_identifier, 0) if reading.icmp_identifier else (65535, 1)
        ports = (0, 0) if asks is None else pair if asks else pair[::-1]
        return Asked(asked.source, asked.destination, protocol, reading.icmp_type, *ports, reading.icmp_type, opens=asks is True)
    return asked


def ends(asked: Asked) -> tuple[int, int]:
    """Source and destination port."""
    return asked.source_port, asked.destination_port


def datagram(reading: Reading, direction: Direction, place: FragmentPlace) -> DatagramKey:
    """RFC 791 section 3.2, RFC 8200 section 4.5: what the fragments of one datagram have in common."""
    assert reading.source is not None and reading.destination is not None
    protocol = reading.protocol if reading.kind is Kind.IPV4 else 0
    return direction, reading.source, reading.destination, place.identification, protocol


def may_send(source: Address, protocol: int, own: Collection[Address]) -> bool:
    """Whether the endpoint may send from this address; ICMPv6 also from those of the link."""
    return source in own or (protocol == 58 and source.version == 6 and source in LINK_LOCAL)


REASONS: Final[Mapping[Refusal, Reason]] = MappingProxyType({
    Refusal.MALFORMED: Reason.MALFORMED,
    Refusal.SOURCE_ROUTE: Reason.SOURCE_ROUTE,
    Refusal.TOO_MANY_HEADERS: Reason.TOO_MANY_HEADERS,
    Refusal.FRAGMENT: Reason.FRAGMENT,
})  # fmt: skip
