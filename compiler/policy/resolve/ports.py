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


def renamed(names: Names, numbers: Mapping[int, Sequence[frozenset[PortName]]], join: Callable[..., frozenset[PortName]]) -> Names:
    """The same names when the endpoints of some identities are others: `numbers` has the port names of all of theirs now. The
    same object if that makes no difference."""
    wanted = {number: join(*of_endpoints) if of_endpoints else frozenset[PortName]() for number, of_endpoints in numbers.items()}
    found = dict(names)
    for name in {*names, *(each.name for joined in wanted.values() for each in joined)}:
        meanings = dict(names.get(name, {}))
        for meaning in {*meanings, *((each.protocol, each.number) for joined in wanted.values() for each in joined if each.name == name)}:
            having = meanings.get(meaning, frozenset())
            come = {number for number, joined in wanted.items() if PortName(name, *meaning) in joined}
            kept = (having - (numbers.keys() - come)) | come
            if kept != having:
                meanings[meaning] = kept
        found[name] = {meaning: having for meaning, having in meanings.items() if having}
    found = {name: meanings for name, meanings in found.items() if meanings}
    return names if found == names else found


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
        for (protocol, number), having in sorted(names.get(name.name, {}).items(), key=lambda meaning: meaning[0]):
            those = having if peers.identities is None else having & peers.identities
            if those and _fits(name, protocol):
                yield PeerSet(those), (_port(name, protocol, number),)


def _fits(port: NamedPort, protocol: Protocol) -> bool:
    return port.protocol in (Protocol.ANY, protocol)


def _port(port: NamedPort, protocol: Protocol, number: int) -> PortRange:
    return PortRange(protocol, number, number, port.span)
