"""Inventory and policies -> identities: everything with the same labels under one number.

Reserved identities always exist. Endpoints are numbered from FIRST_IDENTITY in the sorted order of their labels, so that
the same input gives the same numbers. Every network that a policy tells apart, exceptions included, is an identity of
its own: the longest one that holds an address says all that policies say of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from pybpf.compiler.policy.model.inventory import (
    Address,
    CidrGroup,
    Endpoint,
    Inventory,
    InventoryError,
    Node,
    Service,
)
from pybpf.compiler.policy.model.labels import (
    CLUSTER_KEY,
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    RESERVED,
    SERVICE_ACCOUNT_KEY,
    Label,
)
from pybpf.compiler.policy.model.peers import Cidr, CidrGroups, Network
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.resolved import (
    FIRST_IDENTITY,
    FIRST_LOCAL_IDENTITY,
    FIRST_NODE_IDENTITY,
    LAST_IDENTITY,
    RESERVED_IDENTITIES,
    Identity,
)

NAMESPACE_NAME_KEY: Final = "kubernetes.io/metadata.name"  # Kubernetes gives every namespace this label
CIDR: Final = "cidr"
_WORLDS: Final = {4: "world-ipv4", 6: "world-ipv6"}


@dataclass(frozen=True, slots=True)
class Identities:
    """Who there is: identities by number, and what leads to one.

    `of_endpoint` by (namespace, name); `of_address` for addresses of endpoints and nodes; `of_network` for those outside.
    """

    by_number: Mapping[int, Identity]
    of_endpoint: Mapping[tuple[str, str], int]
    of_address: Mapping[Address, int]
    of_network: Mapping[Network, int]


def identities(policies: Iterable[Policy], inventory: Inventory) -> Identities:
    """The identities of an inventory under some policies. InventoryError when the inventory has more than there are numbers."""
    labels_of = endpoint_labels(inventory)
    distinct = sorted(set(labels_of.values()))
    if len(distinct) > LAST_IDENTITY - FIRST_IDENTITY:
        raise InventoryError(f"{len(distinct)} different sets of labels are more than there are identities")
    number_of = {labels: FIRST_IDENTITY + index for index, labels in enumerate(distinct)}
    nodes = _nodes(inventory.nodes)
    networks = {network: _number(network, index) for index, network in enumerate(networks_of(policies, inventory))}
    found = [
        *reserved(inventory.nodes),
        *(Identity(number, labels) for labels, number in number_of.items()),
        *(Identity(number, _node_labels(node)) for node, number in nodes.items() if not node.local),
        *(Identity(number, network_labels(network), network) for network, number in networks.items() if network.prefixlen),
    ]
    of_endpoint = {name: number_of[labels] for name, labels in labels_of.items()}
    of_address = {address: of_endpoint[each.namespace, each.name] for each in inventory.endpoints for address in each.addresses}
    of_address |= {address: number for node, number in nodes.items() for address in node.addresses}
    return Identities({each.number: each for each in found}, of_endpoint, of_address, networks)


def endpoint_labels(inventory: Inventory) -> dict[tuple[str, str], tuple[Label, ...]]:
    """All labels of every endpoint, sorted, with those that are made of its namespace, service account and cluster."""
    namespaces = {each.name: each.labels for each in inventory.namespaces}
    made = {each.namespace: made_labels(each.namespace, namespaces, inventory.cluster) for each in inventory.endpoints}
    return {(each.namespace, each.name): labels_of(each, made[each.namespace]) for each in inventory.endpoints}


def labels_of(endpoint: Endpoint, made: Iterable[Label]) -> tuple[Label, ...]:
    """All labels of an endpoint, sorted: its own and those that are made of its namespace."""
    return tuple(sorted({*_own(endpoint), *made}))


def network_labels(network: Network) -> tuple[Label, ...]:
    """The labels of outside addresses: their prefix (none for a whole family) and the world's."""
    world = (Label(RESERVED, "world"), Label(RESERVED, _WORLDS[network.version]))
    return tuple(sorted((*((Label(CIDR, str(network)),) if network.prefixlen else ()), *world)))


def group_networks(peer: CidrGroups, groups: Iterable[CidrGroup]) -> Iterator[Network]:
    """The networks of the groups that a peer names or chooses."""
    from pybpf.compiler.policy.resolve.peers import chooses_group

    return (network for group in groups if chooses_group(peer, group) for network in group.networks)


def backend_networks(service: Service) -> Iterator[Network]:
    """A network of one address for each backend of a service without a selector."""
    return (ip_network(address) for address in service.backends) if service.selector is None else iter(())


def _own(endpoint: Endpoint) -> Iterator[Label]:
    yield from endpoint.labels
    if endpoint.service_account:
        yield Label(KUBERNETES, SERVICE_ACCOUNT_KEY, endpoint.service_account)


def made_labels(name: str, namespaces: Mapping[str, Iterable[Label]], cluster: str) -> tuple[Label, ...]:
    """The labels that every endpoint of a namespace has; `namespaces` are the labels of those that have any, by name."""
    own = {label.key: label.value for label in namespaces.get(name, ())} | {NAMESPACE_NAME_KEY: name}
    return (
        Label(KUBERNETES, NAMESPACE_KEY, name),
        Label(KUBERNETES, CLUSTER_KEY, cluster),
        *(Label(KUBERNETES, NAMESPACE_LABELS_PREFIX + key, value) for key, value in own.items()),
    )


def reserved(nodes: Iterable[Node]) -> Iterator[Identity]:
    """The identities of RESERVED_IDENTITIES. The local host has its node's labels."""
    local = next((node for node in nodes if node.local), None)
    for name, number in RESERVED_IDENTITIES.items():
        labels = [Label(RESERVED, name)]
        if name.startswith("world-"):
            labels.append(Label(RESERVED, "world"))
        if name == "kube-apiserver":
            labels.append(Label(RESERVED, "remote-node"))
        if name == "host" and local is not None:
            labels += [*local.labels, *([Label(RESERVED, "kube-apiserver")] if local.api_server else [])]
        yield Identity(number, tuple(sorted(labels)))


def _nodes(nodes: Iterable[Node]) -> dict[Node, int]:
    """Every node's number; the local one is the host."""
    remote = sorted((node for node in nodes if not node.local), key=lambda node: node.name)
    numbers = {node: FIRST_NODE_IDENTITY + index for index, node in enumerate(remote)}
    return numbers | {node: RESERVED_IDENTITIES["host"] for node in nodes if node.local}


def _node_labels(node: Node) -> tuple[Label, ...]:
    reserved = ["remote-node", *(["kube-apiserver"] if node.api_server else [])]
    return tuple(sorted((*node.labels, *(Label(RESERVED, name) for name in reserved))))


def _number(network: Network, index: int) -> int:
    return FIRST_LOCAL_IDENTITY + index if network.prefixlen else RESERVED_IDENTITIES[_WORLDS[network.version]]


def networks_of(policies: Iterable[Policy], inventory: Inventory) -> list[Network]:
    """Every network that policies tell apart, and the two that hold all addresses; sorted."""
    found: set[Network] = {ip_network("0.0.0.0/0"), ip_network("::/0")}
    for policy in policies:
        for rule in policy.rules:
            for peer in rule.peers or ():
                if isinstance(peer, Cidr):
                    found.update((peer.network, *peer.excepts))
                elif isinstance(peer, CidrGroups):
                    found.update((*group_networks(peer, inventory.cidr_groups), *peer.excepts))
    for service in inventory.services:
        found.update(backend_networks(service))
    return sorted(found, key=lambda network: (network.version, int(network.network_address), network.prefixlen))
