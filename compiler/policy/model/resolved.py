"""Policies joined with an inventory: identities, and what each endpoint's two sides allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.inventory import Address, Endpoint, Inventory
from pybpf.compiler.policy.model.labels import Label
from pybpf.compiler.policy.model.peers import DnsPattern, Network
from pybpf.compiler.policy.model.policy import Action, Authentication, OnDeny, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.model.ports import IcmpType, PortRange

# Identity numbers as Cilium gives them out: the low ones are reserved, the inventory's endpoints begin at 256, networks
# and nodes with labels are local to one host.
RESERVED_IDENTITIES: Final = {
    "host": 1,
    "world": 2,
    "unmanaged": 3,
    "health": 4,
    "init": 5,
    "remote-node": 6,
    "kube-apiserver": 7,
    "ingress": 8,
    "world-ipv4": 9,
    "world-ipv6": 10,
}
FIRST_IDENTITY: Final = 256
LAST_IDENTITY: Final = 65535
FIRST_LOCAL_IDENTITY: Final = 1 << 24
FIRST_NODE_IDENTITY: Final = 2 << 24


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything with the same labels, under one number. Labels are sorted.

    `network` is given for addresses outside the cluster that some policy tells apart: the identity of an address is that
    of the longest network which holds it; 0.0.0.0/0 and ::/0 are world-ipv4 and world-ipv6.
    """

    number: int
    labels: tuple[Label, ...]
    network: Network | None = None


@dataclass(frozen=True, slots=True)
class PeerSet:
    """Whom an entry covers: None is anybody at all; else the identities, and outside addresses by the names they were seen with."""

    identities: frozenset[int] | None
    names: tuple[DnsPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule's say on some ports of some peers, for one side of one endpoint.

    `ports`: None is every port of every protocol; names of ports are numbers here, so that one rule may give several
    entries. `port_rule` is the part of the rule it comes from, None where the rule has no ports; `checked` is whether
    that part's requests and server names are to be looked at (not where the policy does not deny by default).
    `policy` and `rule` None: made by a setting (the local host), explained by `reason`.
    """

    action: Action
    tier: Tier
    priority: float
    peers: PeerSet
    ports: tuple[PortRange | IcmpType, ...] | None
    port_rule: PortRule | None
    checked: bool
    authentication: Authentication | None
    on_deny: OnDeny | None
    audit: bool
    policy: Policy | None
    rule: Rule | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of one endpoint. Not enforced: every flow passes. `default_deny`: what no entry covers is refused.

    `selected_by` are the policies with rules for this side; the first that denies by default is `origin`, and its first rule for
    this side is at `origin_span`; None where a setting enforces or nothing does. `entries` are in the order of tier, priority, policy and rule.
    """

    enforced: bool
    default_deny: bool
    selected_by: tuple[Policy, ...]
    origin: Policy | None
    origin_span: Span | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class ResolvedEndpoint:
    """An endpoint, its identity number, and what policies make of its two sides."""

    endpoint: Endpoint
    identity: int
    ingress: Side
    egress: Side


@dataclass(frozen=True, slots=True)
class Resolved:
    """Policies joined with an inventory.

    `endpoints` by (namespace, name), in the inventory's order; the local host, when host policies or the inventory name
    it, is ("", "host"). `identities` by number; `addresses` are those of endpoints and nodes, `networks` those outside that
    have an identity of their own, each with its number.
    """

    policies: tuple[Policy, ...]
    inventory: Inventory
    identities: Mapping[int, Identity]
    addresses: Mapping[Address, int]
    networks: Mapping[Network, int]
    endpoints: Mapping[tuple[str, str], ResolvedEndpoint]
