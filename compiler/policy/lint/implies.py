"""Whether what one condition covers another covers too, or can at all: of selectors, peers and ports.

Both answers are careful: `implies` is True only if it is certain, `may_meet` is False only if it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import combinations

from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    KUBERNETES,
    NAMESPACE_KEY,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.model.peers import Cidr, Endpoints, Entities, Entity, Network, Peer
from pybpf.compiler.policy.model.ports import WITH_PORTS, Port, PortRange, Protocol


def implies(narrow: Selector, wide: Selector) -> bool:
    """Whether whatever the one chooses the other chooses too."""
    return all(any(_implies(each, wanted) for each in narrow.requirements) for wanted in wide.requirements)


def may_meet(one: Selector, other: Selector) -> bool:
    """Whether there can be something that both choose."""
    return not any(_exclude(a, b) for a in one.requirements for b in other.requirements)


def is_contradiction(selector: Selector) -> bool:
    """Whether a selector asks of one label what it cannot be at once."""
    return any(_exclude(a, b) for a, b in combinations(selector.requirements, 2))


def covers_peers(wide: Sequence[Peer] | None, narrow: Sequence[Peer] | None) -> bool:
    """Whether every peer of the one list is one of the other."""
    if wide is None or any(isinstance(each, Entities) and each.entity is Entity.ALL for each in wide):
        return True
    return narrow is not None and all(any(_covers_peer(each, peer) for each in wide) for peer in narrow)


def covers_ports(wide: Sequence[Port] | None, narrow: Sequence[Port] | None) -> bool:
    """Whether every port of the one list is one of the other; None is every port of every protocol."""
    return wide is None or (narrow is not None and all(any(covers_port(each, port) for each in wide) for port in narrow))


def covers_port(wide: Port, narrow: Port) -> bool:
    """Whether a port, range or name covers another."""
    if wide == narrow:
        return True
    if not isinstance(wide, PortRange) or not isinstance(narrow, PortRange):
        return False
    same = wide.protocol is narrow.protocol or (wide.protocol is Protocol.ANY and narrow.protocol in WITH_PORTS)
    return same and wide.first <= narrow.first and narrow.last <= wide.last


def contains(outer: Network, inner: Network) -> bool:
    """Whether a network lies in another, or is it."""
    match outer, inner:
        case (IPv4Network(), IPv4Network()):
            return inner.subnet_of(outer)
        case (IPv6Network(), IPv6Network()):
            return inner.subnet_of(outer)
        case _:
            return False


def _implies(have: Requirement, wanted: Requirement) -> bool:
    if have.key != wanted.key:
        return False
    # A label of one source is one of any source; that it is absent from one says nothing of the others.
    positive = wanted.operator in (Operator.IN, Operator.EXISTS)
    if have.source != wanted.source and not (positive and wanted.source == ANY_SOURCE):
        return False
    values, wanted_values = set(have.values), set(wanted.values)
    match have.operator, wanted.operator:
        case Operator.IN, Operator.IN:
            return values <= wanted_values
        case (Operator.IN | Operator.EXISTS), Operator.EXISTS:
            return True
        case Operator.IN, Operator.NOT_IN:
            return not values & wanted_values and have.source != ANY_SOURCE
        case Operator.NOT_IN, Operator.NOT_IN:
            return wanted_values <= values
        case Operator.DOES_NOT_EXIST, (Operator.NOT_IN | Operator.DOES_NOT_EXIST):
            return True
        case _:
            return False


def _exclude(one: Requirement, other: Requirement) -> bool:
    """Whether nothing meets both. A label has one value for each source."""
    if one.key != other.key or one.source != other.source:
        return False
    values, others = set(one.values), set(other.values)
    match one.operator, other.operator:
        case Operator.IN, Operator.IN:
            return not values & others
        case Operator.IN, Operator.NOT_IN:
            return values <= others
        case Operator.NOT_IN, Operator.IN:
            return others <= values
        case (Operator.IN | Operator.EXISTS), Operator.DOES_NOT_EXIST:
            return True
        case Operator.DOES_NOT_EXIST, (Operator.IN | Operator.EXISTS):
            return True
        case _:
            return False


def _covers_peer(wide: Peer, narrow: Peer) -> bool:
    if wide == narrow:
        return True
    match wide, narrow:
        case Endpoints(outer), Endpoints(inner):
            return implies(inner, outer)
        case Entities(Entity.CLUSTER), Endpoints(inner):
            present = (Operator.IN, Operator.EXISTS)
            return any(each.source == KUBERNETES and each.key == NAMESPACE_KEY and each.operator in present for each in inner.requirements)
        case Cidr(outer, holes), Cidr(inner, left_out):
            return contains(outer, inner) and all((not contains(inner, hole) and not contains(hole, inner)) or any(contains(out, hole) for out in left_out) for hole in holes)
        case _:
            return False
