"""Policies, inventories and flows by chance, of everything that the kernel enforces on connections: they meet often."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, Node
from pybpf.compiler.policy.model.labels import KUBERNETES, NAMESPACE_KEY, Operator, Requirement, Selector
from pybpf.compiler.policy.model.layer7 import Http
from pybpf.compiler.policy.model.peers import Cidr, Endpoints, Entities, Entity, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, OnDeny, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.model.ports import IcmpType, Port, Protocol
from tests.compiler.policy.made import HERE, endpoint, line, policy, port, ports, rule
from tests.support.rules import http_rule

NETWORKS: Final = [
    ip_network(each)
    for each in (
        "0.0.0.0/0", "203.0.113.0/24", "203.0.113.128/25", "203.0.113.200/32", "10.0.0.0/8",
        "::/0", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:8000::/49", "2001:db8:1::7/128",
    )
]  # fmt: skip
OUTSIDE: Final = [
    ip_address(each)
    for each in (
        "203.0.113.1", "203.0.113.130", "203.0.113.200", "8.8.8.8", "10.9.9.9",
        "2001:db8::1", "2001:db8:1::7", "2001:db8:1:8000::1", "2400::1", "2001:db8:1::8",
    )
]  # fmt: skip
SCOPES: Final = [
    Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, ("default",)),
    Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, ("default", "other")),
    Requirement(KUBERNETES, NAMESPACE_KEY, Operator.EXISTS),
]
OWN: Final = [
    Requirement("any", "app", Operator.IN, ("a",)),
    Requirement("any", "app", Operator.NOT_IN, ("b",)),
    Requirement("any", "tier", Operator.EXISTS),
    Requirement("any", "tier", Operator.DOES_NOT_EXIST),
]
ENTITIES: Final = [Entity.ALL, Entity.WORLD, Entity.HOST, Entity.REMOTE_NODE, Entity.CLUSTER, Entity.NONE]
PORTED: Final = [Protocol.TCP, Protocol.UDP, Protocol.SCTP]
PORTS: Final = [1, 79, 80, 81, 85, 90, 255, 256, 300, 8000, 65535]


def inventory() -> Inventory:
    """Endpoints of two namespaces, each with an address of both families, the last in audit; the local host and another node."""
    made = [
        endpoint(f"{app}{tier}", namespace, app=app, **({"tier": tier} if tier else {}))
        for namespace in ("default", "other")
        for app in "ab"
        for tier in ("x", "")
    ]
    endpoints = tuple(
        Endpoint(each.name, each.namespace, each.labels, (ip_address(f"10.0.0.{last}"), ip_address(f"fd00::{last}")), audit=last == len(made))
        for last, each in enumerate(made, 1)
    )
    nodes = (Node("here", (), (ip_address("192.168.0.1"),), local=True), Node("there", (), (ip_address("192.168.0.2"), ip_address("fd01::2"))))
    return Inventory(endpoints, nodes)


class PolicyChance:
    """Random policies and flows; every rule stands on a line of its own."""

    def __init__(self, seed: int) -> None:
        self.of = random.Random(seed)
        self._line = 0

    def policies(self) -> list[Policy]:
        """A few policies."""
        return [self.policy(number) for number in range(self.of.randint(1, 5))]

    def policy(self, number: int) -> Policy:
        """One policy, sometimes in audit, in another tier, with a refusal of its own, or without default deny."""
        rules = [self.rule() for _ in range(self.of.randint(1, 4))]
        changes: dict[str, object] = {"on_deny": self.of.choice([None, None, OnDeny.RESET, OnDeny.ICMP, OnDeny.DROP])}
        looks = any(part.layer7 is not None for each in rules for part in each.port_rules or ())
        if self.of.random() < 0.2 and not looks:
            changes["default_deny"] = frozenset[Direction]()
        if self.of.random() < 0.25 and not looks:
            changes |= {"tier": self.of.choice([Tier.ADMIN, Tier.BASELINE]), "priority": float(self.of.choice([0, 5]))}
        if self.of.random() < 0.15:
            changes["audit"] = True
        return policy(self.selecting(), *rules, name=f"p{number}", span=self.next_line(), **changes)

    def rule(self) -> Rule:
        """One rule of any action; requests are looked at by some allows."""
        action = self.of.choices([Action.ALLOW, Action.DENY], [4, 1])[0]
        peers = None if self.of.random() < 0.2 else [self.peer() for _ in range(self.of.randint(0, 3))]
        parts = None if self.of.random() < 0.2 else [self.part(action) for _ in range(self.of.randint(0, 3))]
        return rule(peers, parts, self.of.choice(list(Direction)), action, span=self.next_line())

    def peer(self) -> Peer:
        """Endpoints, a network with exceptions, or an entity."""
        kind = self.of.randrange(5)
        if kind < 2:
            return self.selecting()
        if kind < 4:
            network = self.of.choice(NETWORKS)
            inner = [each for each in NETWORKS if each != network and each.version == network.version and each.subnet_of(network)]  # type: ignore[arg-type]  # of one version
            return Cidr(network, tuple(self.of.sample(inner, self.of.randint(0, min(2, len(inner))))), HERE)
        return Entities(self.of.choice(ENTITIES), HERE)

    def selecting(self) -> Endpoints:
        """Endpoints by a namespace and perhaps labels."""
        return Endpoints(Selector((self.of.choice(SCOPES), *self.of.sample(OWN, self.of.choice([0, 0, 1, 2]))), HERE))

    def part(self, action: Action) -> PortRule:
        """Some ports, perhaps with requests to look at."""
        span = self.next_line()
        if action is Action.ALLOW and self.of.random() < 0.5:
            rules = tuple(http_rule(*self.of.choice([("GET", "/a"), ("POST", None), (None, "/b")]), self.next_line()) for _ in range(self.of.randint(1, 2)))
            return ports(port(self.of.choice([80, 81])), layer7=Http(rules), span=span)
        return ports(*(self.port() for _ in range(self.of.randint(0, 3))), span=span)

    def port(self) -> Port:
        """A port, a range, all ports, a type of ICMP, another protocol."""
        kind = self.of.random()
        if kind < 0.15:
            return IcmpType(*self.of.choice([(Protocol.ICMP, 0), (Protocol.ICMP, 8), (Protocol.ICMP, 255), (Protocol.ICMPV6, 128), (Protocol.ICMPV6, 1)]), HERE)
        if kind < 0.25:
            return port(0, self.of.choice([Protocol.GRE, Protocol.VRRP]))
        protocol = self.of.choice([Protocol.ANY, *PORTED])
        if kind < 0.6:
            return port(self.of.choice([0, *PORTS]), protocol)
        first, last = sorted(self.of.sample(PORTS, 2))
        return port(first, protocol, last=last)

    def next_line(self) -> Span:
        """A place nobody else has."""
        self._line = self._line % 490 + 1
        return line(self._line)

    def flow(self, who: Inventory, own: Endpoint) -> Flow:
        """A flow of `own` with anybody, both ends given by addresses of one family."""
        mine = self.of.choice(own.addresses)
        known = [each.addresses for each in who.endpoints] + [each.addresses for each in who.nodes]
        others = [address for each in known for address in each if address not in own.addresses] + OUTSIDE
        peer = self.of.choice([each for each in others if each.version == mine.version])
        direction = self.of.choice(list(Direction))
        ends = (Party(address=peer), Party(address=mine))
        icmp = (Protocol.ICMP, [0, 8, 13, 255]) if mine.version == 4 else (Protocol.ICMPV6, [128, 129, 1, 200])
        protocol, numbers = self.of.choice([(each, PORTS) for each in PORTED] + [(Protocol.TCP, [80, 81])] * 3 + [icmp, (47, [0]), (112, [0]), (200, [0])])
        return Flow(*(ends if direction is Direction.INGRESS else ends[::-1]), direction, protocol, self.of.choice(numbers))
