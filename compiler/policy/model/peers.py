"""Whom a rule is about: the kinds of peers, as files name them. A rule's peers are alternatives, of one kind or several."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.labels import Selector

Network: TypeAlias = IPv4Network | IPv6Network


class Entity(Enum):
    """A group that is known without labels; the values are Cilium's names."""

    ALL = "all"
    WORLD = "world"
    WORLD_IPV4 = "world-ipv4"
    WORLD_IPV6 = "world-ipv6"
    HOST = "host"
    REMOTE_NODE = "remote-node"
    KUBE_APISERVER = "kube-apiserver"
    CLUSTER = "cluster"
    CLUSTER_MESH = "cluster-mesh"
    INIT = "init"
    INGRESS = "ingress"
    HEALTH = "health"
    UNMANAGED = "unmanaged"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Endpoints (and whatever else carries labels) by selector."""

    selector: Selector


@dataclass(frozen=True, slots=True)
class Nodes:
    """Hosts by their own labels: other nodes when it is a peer, hosts whose own traffic is judged when it is a subject."""

    selector: Selector


@dataclass(frozen=True, slots=True)
class Entities:
    """One entity."""

    entity: Entity
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Cidr:
    """Addresses outside the cluster in `network` but in none of `excepts`, each of which lies in it.

    Never endpoints or nodes, whatever their address (settings may say otherwise). An exception is a hole in this peer
    and no deny: another rule may still allow it.
    """

    network: Network
    excepts: tuple[Network, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CidrGroups:
    """The addresses of one group by `name`, or of the groups that `selector` chooses (exactly one is given), without `excepts`."""

    name: str | None
    selector: Selector | None
    excepts: tuple[Network, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Services:
    """What stands behind services: those of this `name`, or those whose labels `selector` chooses (exactly one is given).

    `namespace` None: of any namespace. The ports of a service say nothing here.
    """

    name: str | None
    selector: Selector | None
    namespace: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DnsPattern:
    """Names in Cilium's notation (patterns.py says what they match), lower-case, without the dot at the end.

    `exact`: a name and no pattern; a star in it is refused by the reader.
    """

    text: str
    exact: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DnsNames:
    """Addresses outside the cluster that a name of this pattern was seen to have."""

    pattern: DnsPattern


@dataclass(frozen=True, slots=True)
class CloudGroups:
    """Groups that a cloud provider keeps (`fields` sorted, as written). Nothing here asks the provider: selects nobody."""

    provider: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    span: Span = field(compare=False, repr=False)


Peer: TypeAlias = Endpoints | Nodes | Entities | Cidr | CidrGroups | Services | DnsNames | CloudGroups
