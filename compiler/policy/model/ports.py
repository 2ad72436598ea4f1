"""Where a flow goes: protocols, ports, ranges, names of ports, and ICMP types."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from pybpf.compiler.diag import Span

LAST_PORT: Final = 65535


class Protocol(IntEnum):
    """An IP protocol by its IANA number. ANY, for rules only, is any of TCP, UDP and SCTP; it is not every protocol."""

    ANY = 0
    ICMP = 1
    IGMP = 2
    IPIP = 4
    TCP = 6
    UDP = 17
    IPV6 = 41
    GRE = 47
    ESP = 50
    AH = 51
    ICMPV6 = 58
    VRRP = 112
    SCTP = 132


WITH_PORTS: Final = (Protocol.TCP, Protocol.UDP, Protocol.SCTP)


@dataclass(frozen=True, slots=True)
class PortRange:
    """Destination ports `first` to `last`, both included, of one protocol. Every port is 0 to 65535.

    Protocols without ports (GRE, ESP, ...) have the range 0 to 65535 as well.
    """

    protocol: Protocol
    first: int
    last: int
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NamedPort:
    """The port that the destination calls by this name (lower-case), if its protocol is the one given."""

    protocol: Protocol
    name: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IcmpType:
    """ICMP or ICMPv6 (`protocol`) messages of one type, 0 to 255, whatever their code."""

    protocol: Protocol
    number: int
    span: Span = field(compare=False, repr=False)


Port: TypeAlias = PortRange | NamedPort | IcmpType
