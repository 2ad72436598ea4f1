"""Policies and an inventory -> Resolved.

Policies add up: a side is enforced once a policy has a rule for it, and denies by default once one of those policies says
so. Endpoints with the same labels and port names have the same sides, which are made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, PortName
from pybpf.compiler.policy.model.labels import RESERVED, Selector, selects
from pybpf.compiler.policy.model.peers import Nodes
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.model.resolved import (
    RESERVED_IDENTITIES,
    Entry,
    Identity,
    PeerSet,
    Resolved,
    ResolvedEndpoint,
    Side,
)
from pybpf.compiler.policy.resolve.checks import check_inventory
from pybpf.compiler.policy.resolve.identities import Identities, identities
from pybpf.compiler.policy.resolve.parties import HOST
from pybpf.compiler.policy.resolve.peers import Peers
from pybpf.compiler.policy.resolve.ports import Names, Ports, named, ported

NOT_ENFORCED: Final = Side(False, False, (), None, None, ())
_INIT: Final = "init"


def resolve(policies: Sequence[Policy], inventory: Inventory) -> Resolved:
    """What policies mean for an inventory; deterministic. ValueError for an inventory that cannot be (checks.py), and for more
    identities than there are numbers."""
    check_inventory(inventory)
    return Resolving(tuple(policies), inventory).resolved()


@dataclass(frozen=True, slots=True)
class Part:
    """A rule's say on some ports, before it is known whose side it is for: everything but the ports that names stand for."""

    policy: Policy
    rule: Rule
    peers: PeerSet


class Resolving:
    """One resolution: what is looked up once and used for every endpoint. Policies that are to be compared share their identities:
    `known` holds those of both."""

    def __init__(self, policies: tuple[Policy, ...], inventory: Inventory, known: Identities | None = None) -> None:
        self.policies = policies
        self.inventory = inventory
        self.known: Identities = known if known is not None else identities(policies, inventory)
        self.peers = Peers(self.known, inventory)
        agreed: Names = named(inventory, self.known, frozenset.intersection)
        claimed: Names = named(inventory, self.known, frozenset.union)
        self.names = {Action.ALLOW: agreed, Action.PASS: agreed, Action.DENY: claimed}
        self._rank = {id(policy): index for index, policy in enumerate(policies)}
        self._parts: dict[tuple[int, Direction], list[Part]] = {}
        self._sides: dict[tuple[int, tuple[PortName, ...]], tuple[Side, Side]] = {}
        self._subjects = self._by_identity()

    def resolved(self) -> Resolved:
        """The whole of it."""
        endpoints = {(each.namespace, each.name): self._endpoint(each) for each in self.inventory.endpoints}
        local = next((node for node in self.inventory.nodes if node.local), None)
        if local is not None or any(isinstance(policy.subject, Nodes) for policy in self.policies):
            host = RESERVED_IDENTITIES["host"]
            addresses = local.addresses if local is not None else ()
            sides = self.sides(host, ())
            endpoints[HOST] = ResolvedEndpoint(Endpoint(HOST[1], HOST[0], (), addresses), host, *sides)
        known = self.known
        return Resolved(self.policies, self.inventory, known.by_number, known.of_address, known.of_network, endpoints)

    def _endpoint(self, endpoint: Endpoint) -> ResolvedEndpoint:
        number = self.known.of_endpoint[endpoint.namespace, endpoint.name]
        return ResolvedEndpoint(endpoint, number, *self.sides(number, endpoint.port_names))

    def sides(self, number: int, port_names: tuple[PortName, ...]) -> tuple[Side, Side]:
        """Ingress and egress of endpoints of this identity that have these names for ports."""
        key = number, tuple(sorted(port_names, key=lambda each: (each.name, each.protocol, each.number)))
        if key not in self._sides:
            chosen = self._subjects.get(number, [])
            self._sides[key] = self._side(number, key[1], chosen, Direction.INGRESS), self._side(number, key[1], chosen, Direction.EGRESS)
        return self._sides[key]

    def _by_identity(self) -> dict[int, list[Policy]]:
        """The policies that select each identity, in their order. Only policies for hosts select the host."""
        host = RESERVED_IDENTITIES["host"]
        found: dict[int, list[Policy]] = {}
        for policy in self.policies:
            subject = policy.subject
            if isinstance(subject, Nodes):
                chosen = {host} if self._is_local(subject.selector) else set[int]()
            else:
                chosen = set(self.peers.selected(subject.selector)) - {host}
            for number in chosen:
                found.setdefault(number, []).append(policy)
        return found

    def _is_local(self, selector: Selector) -> bool:
        return selects(selector, self.known.by_number[RESERVED_IDENTITIES["host"]].labels)

    def _side(self, number: int, port_names: tuple[PortName, ...], chosen: list[Policy], direction: Direction) -> Side:
        settings = self.inventory.settings
        if settings.enforcement == "never":
            return NOT_ENFORCED
        selecting = tuple(policy for policy in chosen if any(rule.direction is direction for rule in policy.rules))
        denying = [policy for policy in selecting if direction in policy.default_deny]
        always = settings.enforcement == "always" or _is_unknown(self.known.by_number[number])
        if not selecting and not always:
            return NOT_ENFORCED
        entries = [entry for policy in selecting for entry in self._entries(policy, direction, port_names)]
        default_deny = bool(denying) or always
        if default_deny and direction is Direction.INGRESS and settings.allow_localhost and number != RESERVED_IDENTITIES["host"]:
            entries.append(_FROM_LOCAL_HOST)
        entries.sort(key=lambda entry: (entry.tier, entry.priority))
        origin = denying[0] if denying else None
        origin_span = next((rule.span for rule in origin.rules if rule.direction is direction), origin.span) if origin is not None else None
        return Side(True, default_deny, selecting, origin, origin_span, tuple(entries))

    def _entries(self, policy: Policy, direction: Direction, port_names: tuple[PortName, ...]) -> Iterable[Entry]:
        key = self._rank[id(policy)], direction
        if key not in self._parts:
            self._parts[key] = [
                Part(policy, rule, self.peers.peer_set(rule.peers, any if rule.action is Action.DENY else all))
                for rule in policy.rules
                if rule.direction is direction
            ]
        for part in self._parts[key]:
            if part.rule.port_rules is None:
                yield _entry(part, part.peers, None, None)
                continue
            for port_rule in part.rule.port_rules:
                own = port_names if direction is Direction.INGRESS else None
                for peers, ports in ported(port_rule.ports, part.peers, own, self.names[part.rule.action]):
                    yield _entry(part, peers, ports, port_rule)


def _entry(part: Part, peers: PeerSet, ports: Ports | None, port_rule: PortRule | None) -> Entry:
    policy, rule = part.policy, part.rule
    return Entry(
        action=rule.action,
        tier=policy.tier,
        priority=policy.priority,
        peers=peers,
        ports=ports,
        port_rule=port_rule,
        checked=rule.action is not Action.ALLOW or rule.direction in policy.default_deny,
        authentication=rule.authentication,
        on_deny=rule.on_deny if rule.on_deny is not None else policy.on_deny,
        audit=policy.audit,
        policy=policy,
        rule=rule,
    )


def _is_unknown(identity: Identity) -> bool:
    """Whether its labels are not known yet: nothing may reach it before they are."""
    return any(label.source == RESERVED and label.key == _INIT for label in identity.labels)


_FROM_LOCAL_HOST: Final = Entry(
    action=Action.ALLOW,
    tier=Tier.DEFAULT,
    priority=0,
    peers=PeerSet(frozenset({RESERVED_IDENTITIES["host"]})),
    ports=None,
    port_rule=None,
    checked=False,
    authentication=None,
    on_deny=None,
    audit=False,
    policy=None,
    rule=None,
    reason="the local host reaches its endpoints (allowLocalhost)",
)
