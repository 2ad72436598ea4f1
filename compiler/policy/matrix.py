"""Resolved -> who reaches whom: every pair of endpoints, and the world and the local host, on some ports, judged at both ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pybpf.compiler.policy.model.flow import Flow, Outcome, Party
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import WITH_PORTS, PortRange, Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.verdict import verdict

Place = tuple[Protocol, int]
OTHERS: Final = ("world", "host")


class Reach(Enum):
    """What becomes of connections."""

    YES = "yes"
    REQUESTS = "requests decide"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Cell:
    """Connections of one pair to one port."""

    source: str
    destination: str
    place: Place
    reach: Reach


def matrix(resolved: Resolved, places: Sequence[Place]) -> Iterator[Cell]:
    """A cell for every ordered pair and port, sources and destinations in the inventory's order. Pairs of the same identities with
    the same sides are judged once. What does not lead to or from an endpoint is left out."""
    parties = [*(_party(name) for name in resolved.endpoints if name[0]), *(Party(entity=name) for name in OTHERS)]
    known: dict[tuple[object, ...], Outcome] = {}
    for source in parties:
        for destination in parties:
            if source is destination or (source.endpoint is None and destination.endpoint is None):
                continue
            for place in places:
                outcomes = [
                    _outcome(resolved, source, destination, direction, place, known)
                    for direction, judged in ((Direction.EGRESS, source), (Direction.INGRESS, destination))
                    if judged.endpoint is not None
                ]
                yield Cell(party_name(source), party_name(destination), place, _reach(outcomes))


def places_of(resolved: Resolved) -> tuple[Place, ...]:
    """Every single port that a policy names; of a range the first and the last."""
    found: set[Place] = set()
    for endpoint in resolved.endpoints.values():
        for entry in (*endpoint.ingress.entries, *endpoint.egress.entries):
            found.update(place for port in entry.ports or () if isinstance(port, PortRange) for place in _edges(port))
    return tuple(sorted(found))


def party_name(party: Party) -> str:
    """`namespace/name`, or the entity."""
    return "/".join(party.endpoint) if party.endpoint is not None else str(party.entity)


def _edges(port: PortRange) -> Iterator[Place]:
    protocols = WITH_PORTS if port.protocol is Protocol.ANY else (port.protocol,)
    return ((protocol, number) for protocol in protocols if protocol in WITH_PORTS for number in (port.first, port.last) if 0 < number < 65535)


def _outcome(
    resolved: Resolved, source: Party, destination: Party, direction: Direction, place: Place, known: dict[tuple[object, ...], Outcome]
) -> Outcome:
    judged, peer = (source, destination) if direction is Direction.EGRESS else (destination, source)
    assert judged.endpoint is not None
    own = resolved.endpoints[judged.endpoint]
    side = own.egress if direction is Direction.EGRESS else own.ingress
    who = resolved.endpoints[peer.endpoint].identity if peer.endpoint is not None else peer.entity
    key = (id(side), who, place)
    if key not in known:
        answer = verdict(resolved, Flow(source, destination, direction, *place))
        known[key] = Outcome.ALLOW if answer.allowed else answer.outcome  # a refusal that is only told refuses nothing
    return known[key]


def _reach(outcomes: Iterable[Outcome]) -> Reach:
    met = set(outcomes)
    if met <= {Outcome.ALLOW}:
        return Reach.YES
    return Reach.REQUESTS if met <= {Outcome.ALLOW, Outcome.INSPECT} else Reach.NO


def _party(name: tuple[str, str]) -> Party:
    return Party(endpoint=name)
