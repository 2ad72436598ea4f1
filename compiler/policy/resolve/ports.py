"""Names of ports -> numbers. At ingress a name is the subject's own; at egress each peer has its own meaning of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pybpf.compiler.policy.model.inventory import Inventory, PortName
from pybpf.compiler.policy.model.ports import IcmpType, NamedPort, Port, PortRange, Protocol
from pybpf.compiler.policy.model.resolved import PeerSet
from pybpf.compiler.policy.resolve.identities import Identities

Ports: TypeAlias = tuple[PortRange | IcmpType, ...]
# name -> (protocol, number) -> identities whose endpoints call this port so
Names: TypeAlias = Mapping[str, Mapping[tuple[Protocol, int], frozenset[int]]]


def named(inventory: Inventory, known: Identities, join: Callable[..., frozenset[PortName]]) -> Names:
    """What names of ports mean to peers. Policy sees no difference between the endpoints of one identity: for what allows,
    all of them must agree on a name (`join` is frozenset.intersection), for what denies one is enough (frozenset.union)."""
    endpoints_of: dict[int, list[frozenset[PortName]]] = defaultdict(list)
    for endpoint in inventory.endpoints:
        endpoints_of[known.of_endpoint[endpoint.namespace, endpoint.name]].append(frozenset(endpoint.port_names))
    found: dict[str, dict[tuple[Protocol, int], set[int]]] = defaultdict(lambda: defaultdict(set))
    for number, names in endpoints_of.items():
        for each in join(*names):
            found[each.name][each.protocol, each.number].add(number)
    return {name: {meaning: frozenset(numbers) for meaning, numbers in meanings.items()} for name, meanings in found.items()}


def ported(ports: Sequence[Port], peers: PeerSet, own: Sequence[PortName] | None, names: Names) -> Iterator[tuple[PeerSet, Ports]]:
    """The ports of a rule with names resolved, and the peers they are for: once for all that need no peer's names, and
    once for each meaning of a name to some peers. `own` are the subject's port names, None at egress.

    A name that nobody has a port for covers nothing.
    """
    plain: list[PortRange | IcmpType] = []
    of_peers: list[NamedPort] = []
    for port in ports:
        if not isinstance(port, NamedPort):
            plain.append(port)
        elif own is None:
            of_peers.append(port)
        else:
            plain += [_port(port, each.protocol, each.number) for each in own if each.name == port.name and _fits(port, each.protocol)]
    if plain or not of_peers:
        yield peers, tuple(plain)
    for name in of_peers:
        for (protocol, number), having in names.get(name.name, {}).items():
            those = having if peers.identities is None else having & peers.identities
            if those and _fits(name, protocol):
                yield PeerSet(those), (_port(name, protocol, number),)


def _fits(port: NamedPort, protocol: Protocol) -> bool:
    return port.protocol in (Protocol.ANY, protocol)


def _port(port: NamedPort, protocol: Protocol, number: int) -> PortRange:
    return PortRange(protocol, number, number, port.span)
