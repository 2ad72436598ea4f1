"""The kernel's policy lookup over the lowered entries says what the oracle says, for every peer and port."""

from __future__ import annotations

import random
from itertools import product

import pytest

from pybpf.compiler.lower import Entries, entries
from pybpf.compiler.policy.model.flow import Fit, Flow, HttpRequest, Outcome, Party
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, Settings
from pybpf.compiler.policy.model.layer7 import Http
from pybpf.compiler.policy.model.peers import Endpoints
from pybpf.compiler.policy.model.policy import Direction, Policy, PortRule, Rule
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.resolve import identity_of, resolve
from pybpf.compiler.policy.verdict import verdict
from pybpf.compiler.policy.verdict.requests import http_fit
from pybpf.enforce import contents
from pybpf.kernel_progs import policy as kernel_policy
from pybpf.kernel_progs.abi import PolicyAction, PolicyEntry, PolicyKey
from pybpf.kernel_progs.state import policies as policy_map
from tests.compiler.policy.made import endpoint, line, policy, port, ports, rule, selecting
from tests.support.rules import http_rule

LABELS = [{"app": "a"}, {"app": "b"}, {"env": "prod"}, {"env": "test"}, {}]
PORTS = [0, 80, 81, 443]
PROTOCOLS = [Protocol.ANY, Protocol.TCP, Protocol.UDP, Protocol.SCTP]
REQUESTS = [HttpRequest("GET", "/a"), HttpRequest("POST", "/a"), HttpRequest("GET", "/b")]
ENDPOINTS = tuple(endpoint(f"e{app}{env}", app=app, env=env) for app, env in product("ab", ("prod", "test")))
WORLD = Party(entity="world")


class Generator:
    """Random policies out of a few labels and ports, so that their rules overlap often."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.line = 0

    def policies(self) -> list[Policy]:
        return [self.policy(f"p{number}") for number in range(self.source.randint(1, 4))]

    def policy(self, name: str) -> Policy:
        rules = [self.rule() for _ in range(self.source.randint(1, 4))]
        return policy(self.selecting(), *rules, name=name, span=line(self.next_line()))

    def rule(self) -> Rule:
        direction = self.source.choice(list(Direction))
        peers = self.source.choice([None, [self.selecting() for _ in range(self.source.randint(0, 2))]])
        port_rules = self.source.choice([None, [self.port_rule() for _ in range(self.source.randint(0, 2))]])
        return rule(peers, port_rules, direction, span=line(self.next_line()))

    def port_rule(self) -> PortRule:
        span = line(self.next_line())
        if self.source.random() < 0.5:
            pairs = [(self.source.choice(["GET", "POST"]), self.source.choice(["/a", "/b"])) for _ in range(2)]
            http = Http(tuple(http_rule(*pair, span) for pair in pairs))
            return ports(port(self.source.choice(PORTS[1:])), layer7=http, span=span)
        chosen = [port(self.source.choice(PORTS), self.source.choice(PROTOCOLS)) for _ in range(self.source.randint(0, 2))]
        return ports(*chosen, span=span)

    def selecting(self) -> Endpoints:
        return selecting(span=line(self.next_line()), **self.source.choice(LABELS))

    def next_line(self) -> int:
        self.line += 1
        return self.line


def fill(lowered: Entries) -> None:
    """Put the entries where the kernel program looks them up in CPython."""
    policy_map.clear()
    for key, value in contents.policies(lowered):
        policy_map.update(PolicyKey.view(bytearray(key)), PolicyEntry.view(bytearray(value)))


def decided(resolved: Resolved, lowered: Entries, of: Endpoint, flow: Flow, peer: Party) -> Outcome:
    """What the datapath does with a flow: enforcement flag, entry, then the rule set."""
    known = next(each for each in lowered.endpoints if each.name == of.name)
    if (known.ingress_rule if flow.direction is Direction.INGRESS else known.egress_rule) == 0:
        return Outcome.ALLOW
    hook = 0 if flow.direction is Direction.INGRESS else 1
    entry = kernel_policy.entry_of(known.number, identity_of(resolved, peer).number, hook, int(flow.protocol), flow.port)
    if entry is None:
        return Outcome.DENY_DEFAULT
    if entry.action == PolicyAction.ALLOW:
        return Outcome.ALLOW
    assert isinstance(flow.request, HttpRequest)
    rules = lowered.rule_sets[entry.rule_set].rules
    return Outcome.ALLOW if any(http_fit(each, flow.request) is Fit.COVERS for each in rules) else Outcome.REFUSE_REQUEST


@pytest.mark.parametrize("seed", range(120))
def test_every_flow_is_decided_as_the_oracle_says(seed: int) -> None:
    resolved = resolve(Generator(seed).policies(), Inventory(ENDPOINTS))
    lowered = entries(resolved)
    fill(lowered)
    parties = [*(Party((each.namespace, each.name)) for each in ENDPOINTS), WORLD]
    asked = product(ENDPOINTS, Direction, parties, [Protocol.TCP, Protocol.UDP], [*PORTS[1:], 9999], REQUESTS)
    for of, direction, peer, protocol, number, request in asked:
        own = Party((of.namespace, of.name))
        ends = (peer, own) if direction is Direction.INGRESS else (own, peer)
        flow = Flow(*ends, direction, protocol, number, request if protocol is Protocol.TCP else None)
        if protocol is Protocol.UDP and request is not REQUESTS[0]:
            continue
        assert decided(resolved, lowered, of, flow, peer) == verdict(resolved, flow).outcome, flow


def test_equal_rule_sets_share_one_program() -> None:
    http = Http((http_rule("GET", "/a", line(1)),))
    several = ports(*(port(number) for number in (80, 81, 82)), layer7=http)
    assert len(entries(resolve([policy(selecting(), rule(None, [several]))], Inventory(ENDPOINTS))).rule_sets) == 1


def test_every_entry_names_the_rule_it_came_from() -> None:
    lowered = entries(resolve(Generator(3).policies(), Inventory(ENDPOINTS)))
    for _, entry in lowered.policies:
        assert str(lowered.origins[entry.rule - 1].span).startswith("made.yaml:")


def test_an_endpoint_that_a_setting_enforces_is_refused() -> None:
    inventory = Inventory(ENDPOINTS, settings=Settings(enforcement="always"))
    with pytest.raises(ValueError, match="by a setting"):
        entries(resolve([], inventory))
