"""Peers -> identity numbers, at one moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from typing import Final, TypeAlias, assert_never

from pybpf.compiler.policy.model.inventory import Address, CidrGroup, Inventory, Service
from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    CIDR_GROUP,
    CIDR_GROUP_NAME_KEY,
    CLUSTER_KEY,
    KUBERNETES,
    NAMESPACE_KEY,
    RESERVED,
    Label,
    Operator,
    Requirement,
    Selector,
    selects,
)
from pybpf.compiler.policy.model.peers import (
    Cidr,
    CidrGroups,
    CloudGroups,
    DnsNames,
    Endpoints,
    Entities,
    Entity,
    Network,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.model.resolved import PeerSet
from pybpf.compiler.policy.resolve.identities import Identities, backend_networks, group_networks
from pybpf.compiler.policy.resolve.selecting import Selecting

# Entities that are a reserved label, and those that several make.
ENTITY_LABELS: Final = {
    Entity.WORLD: ("world",),
    Entity.WORLD_IPV4: ("world-ipv4",),
    Entity.WORLD_IPV6: ("world-ipv6",),
    Entity.HOST: ("host",),
    Entity.REMOTE_NODE: ("remote-node",),
    Entity.KUBE_APISERVER: ("kube-apiserver",),
    Entity.INIT: ("init",),
    Entity.INGRESS: ("ingress",),
    Entity.HEALTH: ("health",),
    Entity.UNMANAGED: ("unmanaged",),
    Entity.NONE: (),
}
# all for what allows, any for what denies.
Enough: TypeAlias = Callable[[Iterable[bool]], bool]
_OF_CLUSTER: Final = ("host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver")


class Peers:
    """Answers "whom does this peer stand for" for one set of identities and one inventory. `selecting` are the answers of the same
    identities that are known already."""

    def __init__(self, known: Identities, inventory: Inventory, selecting: Selecting | None = None) -> None:
        self.known = known
        self.inventory = inventory
        self._of_networks: dict[tuple[tuple[Network, ...], tuple[Network, ...], bool], frozenset[int]] = {}
        # By version of IP: first address, length in bits, number.
        self._by_address: dict[int, list[tuple[int, int, int]]] = {4: [], 6: []}
        for network, number in known.of_network.items():
            self._by_address[network.version].append((int(network.network_address), network.prefixlen, number))
        for each in self._by_address.values():
            each.sort()
        self.selecting = selecting if selecting is not None else Selecting(known.by_number.values())

    def peer_set(self, peers: tuple[Peer, ...] | None, enough: Enough = all) -> PeerSet:
        """All peers of a rule together. `enough` is whether all or any addresses of an endpoint must lie in a network."""
        if peers is None or any(isinstance(peer, Entities) and peer.entity is Entity.ALL for peer in peers):
            return PeerSet(None)
        names = tuple(peer.pattern for peer in peers if isinstance(peer, DnsNames))
        return PeerSet(frozenset().union(*(self.numbers(peer, enough) for peer in peers)), names)

    def numbers(self, peer: Peer, enough: Enough = all) -> frozenset[int]:
        """The identities of one peer; names are not among them, for they are known only when they are seen."""
        match peer:
            case Endpoints(selector=selector):
                return self.selected(selector)
            case Nodes(selector=selector):
                return self.selected(selector) & self.selecting.labelled(RESERVED, "remote-node")
            case Entities(entity=entity):
                return self._entity(entity)
            case Cidr(network=network, excepts=excepts):
                return self._within([network], excepts, enough)
            case CidrGroups(excepts=excepts):
                return self._within(list(group_networks(peer, self.inventory.cidr_groups)), excepts, enough)
            case Services():
                return frozenset().union(*(self._behind(each) for each in self.inventory.services if chooses_service(peer, each)))
            case DnsNames() | CloudGroups():
                return frozenset()
        assert_never(peer)

    def selected(self, selector: Selector) -> frozenset[int]:
        """The identities that a selector chooses."""
        return self.selecting.chosen(selector)

    def _entity(self, entity: Entity) -> frozenset[int]:
        if entity is Entity.ALL:
            return self.selecting.everybody
        if entity in (Entity.CLUSTER, Entity.CLUSTER_MESH):
            reserved = frozenset().union(*(self.selecting.labelled(RESERVED, name) for name in _OF_CLUSTER))
            return reserved | self.selecting.labelled(KUBERNETES, CLUSTER_KEY)
        return frozenset().union(*(self.selecting.labelled(RESERVED, name) for name in ENTITY_LABELS[entity]))

    def _within(self, networks: list[Network], excepts: tuple[Network, ...], enough: Enough) -> frozenset[int]:
        """Identities of addresses that lie in one of `networks` and in none of `excepts`."""
        key = tuple(networks), excepts, enough is any
        if key not in self._of_networks:
            outside = frozenset().union(*map(self._beneath, networks)).difference(*map(self._beneath, excepts))
            self._of_networks[key] = outside | frozenset(self._inside(networks, excepts, enough))
        return self._of_networks[key]

    def _beneath(self, network: Network) -> frozenset[int]:
        """Identities of networks that lie in a network: they stand together where all stand in the order of their first addresses."""
        first, last = int(network.network_address), int(network.broadcast_address)
        known = self._by_address[network.version]
        found = known[bisect_left(known, (first, 0, 0)) : bisect_right(known, (last, 1 << 8, 0))]
        return frozenset(number for _, length, number in found if length >= network.prefixlen)

    def _inside(self, networks: list[Network], excepts: tuple[Network, ...], enough: Enough) -> Iterator[int]:
        """Endpoints and nodes by their addresses, where the settings say that networks cover them.

        An identity has one verdict for all of its addresses: what allows must cover all of them, what denies any.
        """
        settings = self.inventory.settings
        if not (settings.cidr_matches_nodes or settings.cidr_matches_endpoints):
            return
        addresses: dict[int, list[Address]] = defaultdict(list)
        for address, number in self.known.of_address.items():
            addresses[number].append(address)
        for number, owned in addresses.items():
            is_node = any(label.source == RESERVED for label in self.known.by_number[number].labels)
            chosen = settings.cidr_matches_nodes if is_node else settings.cidr_matches_endpoints
            if chosen and enough(_is_in(ip_network(address), networks, excepts) for address in owned):
                yield number

    def _behind(self, service: Service) -> frozenset[int]:
        if service.selector is None:
            return frozenset(self.known.of_network[network] for network in backend_networks(service))
        in_namespace = Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, (service.namespace,))
        return self.selected(Selector((*service.selector.requirements, in_namespace), service.selector.span))


def chooses_group(peer: CidrGroups, group: CidrGroup) -> bool:
    """Whether a peer means a group, by name or by labels (of source cidrgroup)."""
    if peer.selector is None:
        return group.name == peer.name
    labels = [Label(CIDR_GROUP, label.key, label.value) for label in group.labels]
    return selects(peer.selector, [*labels, Label(CIDR_GROUP, CIDR_GROUP_NAME_KEY + group.name)])


def chooses_service(peer: Services, service: Service) -> bool:
    """Whether a peer means a service. The source of labels does not count here."""
    if peer.namespace not in (None, service.namespace):
        return False
    return service.name == peer.name if peer.selector is None else selects(_of_any_source(peer.selector), service.labels)


def _of_any_source(selector: Selector) -> Selector:
    requirements = (Requirement(ANY_SOURCE, each.key, each.operator, each.values) for each in selector.requirements)
    return Selector(tuple(requirements), selector.span)


def _is_in(network: Network, networks: Iterable[Network], excepts: Iterable[Network]) -> bool:
    return any(_holds(each, network) for each in networks) and not any(_holds(each, network) for each in excepts)


def _holds(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # of one family: just checked
