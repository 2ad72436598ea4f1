"""Policies and an inventory -> Resolved.

Policies add up: a side is enforced once a policy has a rule for it, and denies by default once one of those policies says
so. Endpoints that the same policies select, with the same port names, have the same sides, which are made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from operator import is_
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
from pybpf.compiler.policy.resolve.selecting import Selecting

NOT_ENFORCED: Final = Side(False, False, (), None, None, ())
_INIT: Final = "init"


def resolve(policies: Sequence[Policy], inventory: Inventory) -> Resolved:
    """What policies mean for an inventory; deterministic. InventoryError for an inventory that cannot be (checks.py), and for more
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
    `known` holds those of both.

    It is of one moment. `after` is the next: it shares with this one what was made before, and each part of that is used only as long
    as all that it was made of is still the same.
    """

    def __init__(self, policies: tuple[Policy, ...], inventory: Inventory, known: Identities | None = None) -> None:
        self.policies = policies
        self.inventory = inventory
        self.known: Identities = known if known is not None else identities(policies, inventory)
        self.peers = Peers(self.known, inventory)
        agreed: Names = named(inventory, self.known, frozenset.intersection)
        claimed: Names = named(inventory, self.known, frozenset.union)
        self.names = {Action.ALLOW: agreed, Action.PASS: agreed, Action.DENY: claimed}
        self._selected = {id(policy): self._selected_by(policy) for policy in policies}
        self.subjects = _by_identity(policies, self._selected)
        # By the ids of policies, which live as long as this.
        self._parts: dict[tuple[int, Direction], tuple[Part, ...]] = {}
        self._made_parts: dict[tuple[int, Direction], tuple[Part, ...]] = {}
        self._made_sides: dict[tuple[int, tuple[PortName, ...]], tuple[tuple[object, ...], tuple[Side, Side]]] = {}
        self._shared: dict[tuple[object, ...], tuple[tuple[object, ...], tuple[Side, Side]]] = {}

    def after(self, inventory: Inventory, known: Identities, selecting: Selecting, names: dict[Action, Names], subjects: dict[int, list[Policy]]) -> Resolving:
        """The next moment, whose identities have other numbers than those that are gone ever had."""
        new = copy(self)
        new.inventory, new.known, new.names, new.subjects = inventory, known, names, subjects
        new.peers = Peers(known, inventory, selecting)
        new._parts, new._shared, new._selected = {}, {}, {}
        return new

    def with_policies(self, policies: tuple[Policy, ...]) -> Resolving:
        """The next moment, when other policies tell apart the same networks."""
        new = copy(self)
        new.policies, new._shared = policies, {}
        staying = {id(policy) for policy in policies}
        before = self._selected or {id(policy): self._selected_by(policy) for policy in self.policies}
        new._selected = {id(policy): before.get(id(policy)) or self._selected_by(policy) for policy in policies}
        new.subjects = self._subjects_after(policies, before, new._selected)
        new._parts = {key: parts for key, parts in self._parts.items() if key[0] in staying}
        new._made_parts = {key: parts for key, parts in self._made_parts.items() if key[0] in staying}
        return new

    def resolved(self) -> Resolved:
        """The whole of it."""
        endpoints = {(each.namespace, each.name): self.endpoint(each) for each in self.inventory.endpoints}
        host = self.host()
        if host is not None:
            endpoints[HOST] = host
        known = self.known
        return Resolved(self.policies, self.inventory, known.by_number, known.of_address, known.of_network, endpoints)

    def endpoint(self, endpoint: Endpoint) -> ResolvedEndpoint:
        """What policies make of one endpoint of the inventory."""
        number = self.known.of_endpoint[endpoint.namespace, endpoint.name]
        return ResolvedEndpoint(endpoint, number, *self.sides(number, endpoint.port_names))

    def host(self) -> ResolvedEndpoint | None:
        """What policies make of the local host; None where neither they nor the inventory name it."""
        local = next((node for node in self.inventory.nodes if node.local), None)
        if local is None and not any(isinstance(policy.subject, Nodes) for policy in self.policies):
            return None
        number = RESERVED_IDENTITIES["host"]
        addresses = local.addresses if local is not None else ()
        return ResolvedEndpoint(Endpoint(HOST[1], HOST[0], (), addresses), number, *self.sides(number, ()))

    def sides(self, number: int, port_names: tuple[PortName, ...]) -> tuple[Side, Side]:
        """Ingress and egress of endpoints of this identity that have these names for ports."""
        key = number, tuple(sorted(port_names, key=lambda each: (each.name, each.protocol, each.number)))
        chosen = self.subjects.get(number, [])
        made_of = (*self.names.values(), *(self._parts_of(policy, direction) for direction in Direction for policy in chosen))
        before = self._made_sides.get(key)
        if before is not None and len(before[0]) == len(made_of) and all(map(is_, before[0], made_of)):
            return before[1]
        # All else that they depend on. The parts stay with them, so that their ids are those of nothing else.
        shared = key[1], tuple(map(id, made_of)), tuple(map(id, chosen)), self._is_host_or_unknown(number)
        if shared not in self._shared:
            sides = self._side(number, key[1], chosen, Direction.INGRESS), self._side(number, key[1], chosen, Direction.EGRESS)
            self._shared[shared] = made_of, sides
        self._made_sides[key] = made_of, self._shared[shared][1]
        return self._shared[shared][1]

    def _is_host_or_unknown(self, number: int) -> tuple[bool, bool]:
        return number == RESERVED_IDENTITIES["host"], _is_unknown(self.known.by_number[number])

    def _subjects_after(
        self, policies: tuple[Policy, ...], before: Mapping[int, frozenset[int]], selected: Mapping[int, frozenset[int]]
    ) -> dict[int, list[Policy]]:
        """The policies that select each identity, when `policies` take the place of those of this moment; both select as is given by their
        ids. What no other policy selects is not looked at."""
        if [id(policy) for policy in self.policies if id(policy) in selected] != [id(policy) for policy in policies if id(policy) in before]:
            return _by_identity(policies, selected)
        come, gone = selected.keys() - before.keys(), before.keys() - selected.keys()
        touched = frozenset().union(*(selected[each] for each in come), *(before[each] for each in gone))
        subjects = {number: chosen for number, chosen in self.subjects.items() if number not in touched}
        return subjects | _by_identity(policies, {each: numbers & touched for each, numbers in selected.items()})

    def _selected_by(self, policy: Policy) -> frozenset[int]:
        """The identities that a policy selects. Only policies for hosts select the host."""
        host = RESERVED_IDENTITIES["host"]
        if isinstance(policy.subject, Nodes):
            return frozenset({host}) if self._is_local(policy.subject.selector) else frozenset()
        return self.peers.selected(policy.subject.selector) - {host}

    def _is_local(self, selector: Selector) -> bool:
        return selects(selector, self.known.by_number[RESERVED_IDENTITIES["host"]].labels)

    def _parts_of(self, policy: Policy, direction: Direction) -> tuple[Part, ...]:
        """The rules of a policy with their peers: the same object as before if they are the same."""
        key = id(policy), direction
        found = self._parts.get(key)
        if found is None:
            found = tuple(
                Part(policy, rule, self.peers.peer_set(rule.peers, any if rule.action is Action.DENY else all))
                for rule in policy.rules
                if rule.direction is direction
            )
            before = self._made_parts.get(key)
            if before is not None and [each.peers for each in before] == [each.peers for each in found]:
                found = before
            self._parts[key] = self._made_parts[key] = found
        return found

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
        if default_deny and selecting and direction is Direction.INGRESS and settings.allow_localhost and number != RESERVED_IDENTITIES["host"]:
            entries.append(_FROM_LOCAL_HOST)
        entries.sort(key=lambda entry: (entry.tier, entry.priority))
        origin = denying[0] if denying else None
        origin_span = next((rule.span for rule in origin.rules if rule.direction is direction), origin.span) if origin is not None else None
        return Side(True, default_deny, selecting, origin, origin_span, tuple(entries))

    def _entries(self, policy: Policy, direction: Direction, port_names: tuple[PortName, ...]) -> Iterable[Entry]:
        for part in self._parts_of(policy, direction):
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


def _by_identity(policies: Iterable[Policy], selected: Mapping[int, frozenset[int]]) -> dict[int, list[Policy]]:
    """The policies that select each identity, in their order; `selected` are identities by the ids of policies."""
    found: dict[int, list[Policy]] = {}
    for policy in policies:
        for number in selected[id(policy)]:
            found.setdefault(number, []).append(policy)
    return found


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
