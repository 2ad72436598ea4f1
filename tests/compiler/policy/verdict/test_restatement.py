"""Policies by chance: resolve and verdict say what the restatement says."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import IPv4Network, ip_address

import pytest

from pybpf.compiler.policy.model.flow import Flow, HttpRequest, Outcome, Party
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import KUBERNETES, NAMESPACE_KEY, Operator, Requirement, Selector
from pybpf.compiler.policy.model.layer7 import Http
from pybpf.compiler.policy.model.peers import Cidr, DnsNames, DnsPattern, Endpoints, Entities, Entity, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule, Rule
from pybpf.compiler.policy.model.ports import IcmpType, Port, Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.made import HERE, endpoint, policy, port, ports, rule
from tests.compiler.policy.verdict.restatement import outcome
from tests.support.rules import http_rule

SETS, FLOWS = 300, 60
NETWORKS = [IPv4Network(each) for each in ("0.0.0.0/0", "203.0.113.0/24", "203.0.113.128/25", "203.0.113.192/26", "10.0.0.0/8")]
ADDRESSES = [ip_address(each) for each in ("203.0.113.1", "203.0.113.130", "203.0.113.200", "8.8.8.8", "10.9.9.9", "10.0.0.1")]
NAMES = ["a.example", "b.example"]
REQUESTS = [None, HttpRequest("GET", "/a"), HttpRequest("POST", "/b")]
SCOPES = [
    Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, ("default",)),
    Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, ("default", "other")),
    Requirement(KUBERNETES, NAMESPACE_KEY, Operator.EXISTS),
]
OWN = [
    Requirement("any", "app", Operator.IN, ("a",)),
    Requirement("any", "app", Operator.NOT_IN, ("b",)),
    Requirement("any", "tier", Operator.EXISTS),
    Requirement("any", "tier", Operator.DOES_NOT_EXIST),
]
ENTITIES = [Entity.ALL, Entity.WORLD, Entity.HOST, Entity.CLUSTER, Entity.NONE]


def inventory() -> Inventory:
    made = [
        endpoint(f"{app}{tier}", namespace, app=app, **({"tier": tier} if tier else {}))
        for namespace in ("default", "other")
        for app in "ab"
        for tier in ("x", "")
    ]
    return Inventory(tuple(Endpoint(each.name, each.namespace, each.labels, (ip_address(f"10.0.0.{last}"),)) for last, each in enumerate(made, 1)))


class Chance:
    """Random policies and flows out of few labels, networks and ports, so that they meet often."""

    def __init__(self, seed: int) -> None:
        self.of = random.Random(seed)

    def policies(self) -> list[Policy]:
        return [self.policy(number) for number in range(self.of.randint(1, 4))]

    def policy(self, number: int) -> Policy:
        rules = [self.rule() for _ in range(self.of.randint(1, 4))]
        directions = frozenset(each.direction for each in rules)
        declined = frozenset[Direction]() if self.of.random() < 0.2 and not any(_looks(each) for each in rules) else directions
        return policy(self.selecting(), *rules, name=f"p{number}", default_deny=declined)

    def rule(self) -> Rule:
        action = self.of.choices([Action.ALLOW, Action.DENY], [4, 1])[0]
        peers = None if self.of.random() < 0.2 else [self.peer() for _ in range(self.of.randint(0, 3))]
        parts = None if self.of.random() < 0.2 else [self.part(action) for _ in range(self.of.randint(0, 2))]
        return rule(peers, parts, self.of.choice(list(Direction)), action)

    def peer(self) -> Peer:
        kind = self.of.randrange(6)
        if kind < 3:
            return self.selecting()
        if kind == 3:
            network = self.of.choice(NETWORKS)
            inner = [each for each in NETWORKS if each != network and each.subnet_of(network)]
            return Cidr(network, tuple(self.of.sample(inner, self.of.randint(0, min(2, len(inner))))), HERE)
        return Entities(self.of.choice(ENTITIES), HERE) if kind == 4 else DnsNames(DnsPattern(self.of.choice(NAMES), True, HERE))

    def selecting(self) -> Endpoints:
        return Endpoints(Selector((self.of.choice(SCOPES), *self.of.sample(OWN, self.of.choice([0, 0, 1, 2]))), HERE))

    def part(self, action: Action) -> PortRule:
        if action is Action.ALLOW and self.of.random() < 0.7:
            rules = tuple(http_rule(*self.of.choice([("GET", "/a"), ("POST", None), (None, "/b")]), HERE) for _ in range(self.of.randint(1, 2)))
            return ports(port(self.of.choice([80, 81])), layer7=Http(rules))
        return ports(*(self.port() for _ in range(self.of.randint(0, 2))))

    def port(self) -> Port:
        if self.of.random() < 0.2:
            return IcmpType(Protocol.ICMP, self.of.choice([0, 8]), HERE)
        protocol = self.of.choice([Protocol.ANY, Protocol.TCP, Protocol.UDP])
        return port(self.of.choice([0, 80, 81]), protocol) if self.of.random() < 0.7 else port(80, protocol, last=90)

    def party(self, who: Inventory) -> Party:
        kind = self.of.randrange(4)
        if kind == 0:
            return Party(entity="host")
        if kind == 1:
            return Party(address=self.of.choice(ADDRESSES), names=tuple(self.of.sample(NAMES, self.of.randint(0, 1))))
        return self.own(who)

    def own(self, who: Inventory) -> Party:
        chosen = self.of.choice(who.endpoints)
        return Party((chosen.namespace, chosen.name))

    def flow(self, who: Inventory) -> Flow:
        direction = self.of.choice(list(Direction))
        ends = (self.party(who), self.own(who))
        protocol, number = self.of.choice([(Protocol.TCP, 80), (Protocol.TCP, 80), (Protocol.TCP, 81), (Protocol.TCP, 85), (Protocol.UDP, 80), (Protocol.ICMP, 8), (47, 0)])
        request = self.of.choice(REQUESTS) if protocol is Protocol.TCP else None
        return Flow(*(ends if direction is Direction.INGRESS else ends[::-1]), direction, protocol, number, request)


def _looks(of: Rule) -> bool:
    """Whether it looks at requests: where nothing denies by default, that is another matter (the corpus has it)."""
    return any(part.layer7 is not None for part in of.port_rules or ())


@pytest.mark.parametrize("batch", range(6))
def test_resolve_and_verdict_say_what_the_restatement_says(batch: int) -> None:
    who = inventory()
    for seed in range(batch * SETS // 6, (batch + 1) * SETS // 6):
        chance = Chance(seed)
        said = chance.policies()
        resolved = resolve(said, who)
        for _ in range(FLOWS):
            flow = chance.flow(who)
            assert verdict(resolved, flow).outcome is outcome(said, who, flow), (seed, flow)


def test_the_sets_are_worth_asking_about() -> None:
    """Every outcome comes often."""
    who, met = inventory(), Counter[Outcome]()
    for seed in range(SETS):
        chance = Chance(seed)
        said = chance.policies()
        met.update(outcome(said, who, chance.flow(who)) for _ in range(FLOWS))
    assert min(met[each] for each in Outcome) > 50, met
