"""The kernel's policy lookup over the lowered entries says what the oracle says, for every peer and port."""

from __future__ import annotations

import random
from itertools import product

import pytest

from pybpf.compiler.diag import Source, span_of_line
from pybpf.compiler.lower import Entries, entries
from pybpf.compiler.narrow import (
    Direction,
    Endpoint,
    Flow,
    HttpRule,
    Outcome,
    Policy,
    Port,
    PortRule,
    Protocol,
    Request,
    Resolved,
    Rule,
    Selector,
    Text,
    matches,
    resolve,
    verdict,
)
from pybpf.enforce import contents
from pybpf.kernel_progs import policy as kernel_policy
from pybpf.kernel_progs.abi import PolicyAction, PolicyEntry, PolicyKey
from pybpf.kernel_progs.state import policies as policy_map

SOURCE = Source("generated.yaml", "generated\n" * 200)
LABELS = [("app", "a"), ("app", "b"), ("env", "prod"), ("env", "test")]
PORTS = [0, 80, 81, 443]
REQUESTS = [Request("GET", "/a"), Request("POST", "/a"), Request("GET", "/b")]


def inventory() -> list[Endpoint]:
    choices = product([("app", "a"), ("app", "b")], [("env", "prod"), ("env", "test")])
    return [Endpoint(f"e{number}", "default", labels) for number, labels in enumerate(choices)]


class Generator:
    """Random policies out of a few labels and ports, so that their rules overlap often."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.line = 0

    def policies(self) -> list[Policy]:
        return [self.policy(f"p{number}") for number in range(self.source.randint(1, 4))]

    def policy(self, name: str) -> Policy:
        rules = tuple(self.rule() for _ in range(self.source.randint(1, 4)))
        return Policy(name, "default", self.selector(), rules, span_of_line(SOURCE, self.next_line()))

    def rule(self) -> Rule:
        direction = self.source.choice(list(Direction))
        peers = self.source.choice([None, tuple(self.selector() for _ in range(self.source.randint(0, 2)))])
        ports = self.source.choice([None, tuple(self.port_rule() for _ in range(self.source.randint(0, 2)))])
        return Rule(direction, peers, ports, span_of_line(SOURCE, self.next_line()))

    def port_rule(self) -> PortRule:
        span = span_of_line(SOURCE, self.next_line())
        if self.source.random() < 0.5:
            rules = tuple(HttpRule(Text(self.source.choice(["GET", "POST"]), span), Text(self.source.choice(["/a", "/b"]), span), span) for _ in range(2))
            return PortRule((Port(self.source.choice(PORTS[1:]), Protocol.TCP),), rules, span)
        ports = tuple(Port(self.source.choice(PORTS), self.source.choice(list(Protocol))) for _ in range(self.source.randint(0, 2)))
        return PortRule(ports, None, span)

    def selector(self) -> Selector:
        labels = tuple(sorted(set(self.source.sample(LABELS, self.source.randint(0, 1)))))
        return Selector(labels, "default", span_of_line(SOURCE, self.next_line()))

    def next_line(self) -> int:
        self.line += 1
        return self.line


def fill(lowered: Entries) -> None:
    """Put the entries where the kernel program looks them up in CPython."""
    policy_map.clear()
    for key, value in contents.policies(lowered):
        policy_map.update(PolicyKey.view(bytearray(key)), PolicyEntry.view(bytearray(value)))


def decided(resolved: Resolved, lowered: Entries, flow: Flow) -> Outcome:
    """What the datapath does with a flow: enforcement flag, entry, then the rule set."""
    number = next(each.number for each in lowered.endpoints if each.name == flow.endpoint)
    endpoint = lowered.endpoints[number - 1]
    rule = endpoint.ingress_rule if flow.direction is Direction.INGRESS else endpoint.egress_rule
    if rule == 0:
        return Outcome.ALLOW
    hook = 0 if flow.direction is Direction.INGRESS else 1
    entry = kernel_policy.entry_of(number, flow.peer_identity, hook, flow.protocol.value, flow.port)
    if entry is None:
        return Outcome.DENY_DEFAULT
    if entry.action == PolicyAction.ALLOW:
        return Outcome.ALLOW
    assert flow.http is not None
    rules = lowered.rule_sets[entry.rule_set].rules
    return Outcome.ALLOW if any(matches(each, flow.http) for each in rules) else Outcome.HTTP_DENIED


@pytest.mark.parametrize("seed", range(120))
def test_every_flow_is_decided_as_the_oracle_says(seed: int) -> None:
    resolved = resolve(Generator(seed).policies(), inventory())
    lowered = entries(resolved)
    fill(lowered)
    peers = [*(each.number for each in resolved.identities), 2]
    for each, direction, peer, protocol, port, request in product(
        resolved.endpoints, Direction, peers, [Protocol.TCP, Protocol.UDP], [*PORTS[1:], 9999], REQUESTS
    ):
        flow = Flow(each.endpoint.name, direction, peer, protocol, port, request)
        assert decided(resolved, lowered, flow) == verdict(resolved, flow).outcome, flow


def test_equal_rule_sets_share_one_program() -> None:
    span = span_of_line(SOURCE, 1)
    rules = (HttpRule(Text("GET", span), Text("/a", span), span),)
    ports = tuple(Port(number, Protocol.TCP) for number in (80, 81, 82))
    policy = Policy("p", "default", Selector((), "default", span), (Rule(Direction.INGRESS, None, (PortRule(ports, rules, span),), span),), span)
    assert len(entries(resolve([policy], inventory())).rule_sets) == 1


def test_every_entry_names_the_rule_it_came_from() -> None:
    lowered = entries(resolve(Generator(3).policies(), inventory()))
    for _, entry in lowered.policies:
        assert str(lowered.origins[entry.rule - 1].span).startswith("generated.yaml:")
