"""Who exists: endpoints, nodes, services, groups of addresses, namespaces. Read from a file now, from a cluster later."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from pybpf.compiler.policy.model.labels import Label, Selector
from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.model.ports import Protocol

Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class PortName:
    """A port that an endpoint has a name for (lower-case)."""

    name: str
    protocol: Protocol
    number: int


class InventoryError(ValueError):
    """An inventory that cannot be."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A workload. `labels` are its own, sorted, without those that are made of its namespace and service account.

    `interface` and `network_namespace` say where it is attached on this host, None where that is not known. `audit`: what would be
    refused is told and passes.
    """

    name: str
    namespace: str
    labels: tuple[Label, ...]
    addresses: tuple[Address, ...] = ()
    port_names: tuple[PortName, ...] = ()
    service_account: str = ""
    interface: str | None = None
    network_namespace: str | None = None
    audit: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A host of the cluster. `local`: the one whose kernel enforces. `api_server`: the Kubernetes API is served here."""

    name: str
    labels: tuple[Label, ...]
    addresses: tuple[Address, ...]
    local: bool = False
    api_server: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service: with a selector, the endpoints of its namespace that it chooses; without one (None), `backends`."""

    name: str
    namespace: str
    labels: tuple[Label, ...]
    selector: Selector | None
    backends: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class CidrGroup:
    """A named, labelled list of networks."""

    name: str
    labels: tuple[Label, ...]
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace and its labels."""

    name: str
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a cluster's administrator chose; the defaults are Cilium's.

    `enforcement`: "default" (a side is enforced once a policy selects it), "always" or "never". `allow_localhost`: the
    local host reaches its endpoints unless a rule denies it. `cidr_matches_endpoints`, `cidr_matches_nodes`: networks
    in rules cover addresses of endpoints or nodes too.
    """

    enforcement: str = "default"
    allow_localhost: bool = True
    cidr_matches_endpoints: bool = False
    cidr_matches_nodes: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything a policy can be about. Endpoints are distinct by (namespace, name), addresses by owner."""

    endpoints: tuple[Endpoint, ...] = ()
    nodes: tuple[Node, ...] = ()
    services: tuple[Service, ...] = ()
    cidr_groups: tuple[CidrGroup, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    cluster: str = "default"
    settings: Settings = Settings()
