"""Where a side's entries see a difference: the places to which flows go, one of each sort.

Between two ports at which some range begins or ends all ports are alike to policy, and so are all protocols that no rule names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.policy.model.ports import LAST_PORT, WITH_PORTS, IcmpType, PortRange, Protocol
from pybpf.compiler.policy.model.resolved import Entry, Side

_LAST_TYPE: Final = 255
_TYPED: Final = (Protocol.ICMP, Protocol.ICMPV6)
UNNAMED: Final = 253  # for experiments (RFC 3692): stands for every protocol that no rule can name


@dataclass(frozen=True, slots=True)
class Place:
    """Ports (or ICMP types) `first` to `last` of one protocol, all alike; 0 where there are none."""

    protocol: Protocol | int
    first: int
    last: int


def places(sides: Iterable[Side]) -> tuple[Place, ...]:
    """Every place that these sides tell apart; together they are everything that flows can go to."""
    ports = [port for side in sides for entry in side.entries for port in _ports(entry)]
    found = [place for protocol in WITH_PORTS for place in _cut(protocol, ports, LAST_PORT)]
    found += [place for protocol in _TYPED for place in _cut(protocol, ports, _LAST_TYPE)]
    others = [each for each in Protocol if each not in (*WITH_PORTS, *_TYPED, Protocol.ANY)]
    return (*found, *(Place(each, 0, 0) for each in (*others, UNNAMED)))


def joined(cut: Iterable[Place]) -> tuple[Place, ...]:
    """Places in their order, those that touch as one."""
    found: list[Place] = []
    for each in cut:
        if found and found[-1].protocol == each.protocol and found[-1].last + 1 == each.first:
            found[-1] = Place(each.protocol, found[-1].first, each.last)
        else:
            found.append(each)
    return tuple(found)


def _ports(entry: Entry) -> tuple[PortRange | IcmpType, ...]:
    return entry.ports or ()


def _cut(protocol: Protocol, ports: Iterable[PortRange | IcmpType], last: int) -> Iterator[Place]:
    """A protocol's numbers, cut where a range begins or ends."""
    starts = {0}
    for port in ports:
        if port.protocol is protocol or (port.protocol is Protocol.ANY and protocol in WITH_PORTS):
            first, end = (port.first, port.last) if isinstance(port, PortRange) else (port.number, port.number)
            starts |= {first, end + 1}
    ordered = sorted(each for each in starts if each <= last)
    return (Place(protocol, first, stop - 1) for first, stop in zip(ordered, [*ordered[1:], last + 1], strict=True))
