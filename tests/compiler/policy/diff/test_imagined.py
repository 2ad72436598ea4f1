"""What differs under some inventory differs without one: nobody is forgotten who might exist."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest

from pybpf.compiler.policy.diff import Unproven, differences
from pybpf.compiler.policy.model.inventory import CidrGroup, Endpoint, Inventory, Namespace, Node, Service
from pybpf.compiler.policy.model.labels import (
    CIDR_GROUP,
    CLUSTER_KEY,
    KUBERNETES,
    NAMESPACE_LABELS_PREFIX,
    NODE,
    Label,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.model.peers import (
    CidrGroups,
    Endpoints,
    Entities,
    Entity,
    Network,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.model.policy import Policy, Tier
from pybpf.compiler.policy.resolve.identities import NAMESPACE_NAME_KEY
from tests.compiler.policy.made import HERE
from tests.compiler.policy.verdict.test_restatement import Chance

SPACES = ["default", "other", "third"]
SERVICES = ["db", "cache"]
OUTSIDE = [ip_address(each) for each in ("203.0.113.1", "203.0.113.200", "10.9.9.9", "8.8.8.8", "2001:db8::5")]
NETWORKS: list[Network] = [IPv4Network("203.0.113.0/25"), IPv4Network("10.9.0.0/16"), IPv6Network("2001:db8::/32")]
SOURCES = {NAMESPACE_LABELS_PREFIX + NAMESPACE_NAME_KEY: SPACES, NAMESPACE_LABELS_PREFIX + "team": ["x", "y"], CLUSTER_KEY: ["default", "far"]}
EASY = Requirement(KUBERNETES, "app", Operator.IN, ("a", "b", "c"))


class Wide(Chance):
    """Policies by chance with peers of every kind, and inventories in which they may meet."""

    def selecting(self) -> Endpoints:
        if self.of.random() < 0.7:
            return super().selecting()
        key = self.of.choice(list(SOURCES))
        operator = self.of.choice(list(Operator))
        values = (self.of.choice(SOURCES[key]),) if operator in (Operator.IN, Operator.NOT_IN) else ()
        return Endpoints(Selector((Requirement(KUBERNETES, key, operator, values),), HERE))

    def peer(self) -> Peer:
        by_labels = Selector((Requirement(CIDR_GROUP, "of", self.of.choice([Operator.EXISTS, Operator.DOES_NOT_EXIST])),), HERE)
        by_keys = Selector((Requirement("any", "of", self.of.choice([Operator.EXISTS, Operator.DOES_NOT_EXIST])),), HERE)
        space = self.of.choice([None, *SPACES])
        match self.of.randrange(12):
            case 0:
                return Services(self.of.choice(SERVICES), None, space, HERE)
            case 1:
                return Services(None, by_keys, space, HERE)
            case 2:
                return CidrGroups("partners", None, self.of.choice([(), (IPv4Network("203.0.113.0/26"),)]), HERE)
            case 3:
                return CidrGroups(None, by_labels, (), HERE)
            case 4:
                return Nodes(Selector((Requirement("any", "role", self.of.choice([Operator.EXISTS, Operator.DOES_NOT_EXIST])),), HERE))
            case 5:
                return Entities(self.of.choice(list(Entity)), HERE)
            case _:
                return super().peer()

    def policy(self, number: int) -> Policy:
        made = super().policy(number)
        tier = self.of.choices([Tier.NORMAL, Tier.ADMIN], [5, 1])[0]
        subject = Nodes(Selector((), HERE)) if self.of.random() < 0.1 else made.subject
        return replace(made, tier=tier, subject=subject, audit=self.of.random() < 0.1)

    def changed(self, old: list[Policy]) -> list[Policy]:
        """The same with one thing changed."""
        new, at = list(old), self.of.randrange(len(old))
        rules = old[at].rules
        match self.of.randrange(5):
            case 0:
                new.append(self.policy(9))
            case 1:
                del new[at]
            case 2:
                new[at] = replace(old[at], rules=(*rules[:-1], self.rule()))
            case 3:
                new[at] = replace(old[at], rules=(replace(rules[0], peers=(*(rules[0].peers or ()), self.peer())), *rules[1:]))
            case _:
                new[at] = replace(old[at], rules=(replace(rules[0], peers=(rules[0].peers or ())[1:]), *rules[1:]))
        return new

    def inventory(self) -> Inventory:
        owned = iter(range(1, 200))
        endpoints = tuple(
            Endpoint(f"e{number}", self.of.choice(SPACES), self._labels(KUBERNETES, {"app": "abc", "tier": "x"}), (ip_address(f"10.0.0.{next(owned)}"),))
            for number in range(self.of.randint(1, 6))
        )
        nodes = tuple(
            Node(f"n{number}", self._labels(NODE, {"role": "w"}), (ip_address(f"10.0.0.{next(owned)}"),), number == 0, self.of.random() < 0.3)
            for number in range(self.of.randint(1, 3))
        )
        services = tuple(self._service(name, space) for name in SERVICES for space in SPACES if self.of.random() < 0.5)
        groups = (CidrGroup("partners", self._labels(CIDR_GROUP, {"of": "x"}), tuple(self.of.sample(NETWORKS, 2))),) if self.of.random() < 0.5 else ()
        spaces = tuple(Namespace(name, self._labels(KUBERNETES, {"team": "xy"})) for name in SPACES)
        return Inventory(endpoints, nodes, services, groups, spaces, self.of.choice(["default", "far"]))

    def _service(self, name: str, space: str) -> Service:
        backends = (self.of.choice(OUTSIDE),) if self.of.random() < 0.5 else ()
        return Service(name, space, self._labels(KUBERNETES, {"of": "x"}), None if backends else Selector((EASY,), HERE), backends)

    def _labels(self, source: str, values: dict[str, str]) -> tuple[Label, ...]:
        return tuple(sorted(Label(source, key, self.of.choice(each)) for key, each in values.items() if self.of.random() < 0.6))


@pytest.mark.parametrize("seed", range(60))
def test_what_differs_under_some_inventory_differs_without_one(seed: int) -> None:
    chance = Wide(seed)
    old = chance.policies()
    new = chance.changed(old)
    try:
        anywhere = {(each.change, each.direction) for each in differences(old, new)}
    except Unproven:
        return
    for _ in range(3):
        for each in differences(old, new, chance.inventory()):
            assert (each.change, each.direction) in anywhere, each
