"""The words that pass are those of the flows that the oracle lets pass."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from pybpf.compiler.automata import Dfa, matches
from pybpf.compiler.policy.diff.passing import Covering, covering, passing, refused
from pybpf.compiler.policy.diff.words import ACCEPT, Words
from pybpf.compiler.policy.model.flow import DnsQuery, Flow, HttpRequest, KafkaRequest, Outcome
from pybpf.compiler.policy.model.layer7 import (
    Dns,
    HeaderMatch,
    Http,
    HttpRule,
    Kafka,
    KafkaRule,
    Layer7,
    MatchKind,
    Mismatch,
    TextMatch,
)
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.model.policy import Action, OnDeny, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.resolve.parties import endpoint_of, identity_of
from pybpf.compiler.policy.verdict import verdict
from pybpf.compiler.policy.verdict.allowing import Judge
from tests.compiler.policy.made import HERE, policy, port, ports, rule, selecting
from tests.compiler.policy.verdict.test_restatement import Chance, inventory

WORDS = Words(("x-team",))
NAMES = [DnsPattern("a.example", True, HERE), DnsPattern("*.example", False, HERE), DnsPattern("*", False, HERE)]
SETS, FLOWS = 40, 40


def exact(text: str) -> TextMatch:
    return TextMatch(MatchKind.EXACT, text, HERE)


class Speaking(Chance):
    """Policies by chance that look at what is said, in several tiers and with denies and passes; and what may be said."""

    def rule(self) -> Rule:
        action = self.of.choices([Action.ALLOW, Action.DENY, Action.PASS], [6, 2, 1])[0]
        parts = [self.part(action) for _ in range(self.of.randint(1, 2))]
        made = rule(None if self.of.random() < 0.5 else [self.peer()], parts if self.of.random() < 0.9 else None, action=action)
        return Rule(made.direction, made.action, made.peers, made.port_rules, None, self.of.choice([None, *OnDeny]), HERE)

    def policies(self) -> list[Policy]:
        return [self._policy(number) for number in range(self.of.randint(1, 3))]

    def _policy(self, number: int) -> Policy:
        tier = self.of.choice([Tier.ADMIN, Tier.NORMAL, Tier.NORMAL])
        audit = self.of.random() < 0.1
        return policy(selecting(None), *(self.rule() for _ in range(self.of.randint(1, 4))), name=f"p{number}", tier=tier, audit=audit)

    def part(self, action: Action) -> PortRule:
        whole = ports(port(80, last=self.of.choice([80, 80, 90]), protocol=self.of.choice([Protocol.TCP, Protocol.TCP, Protocol.UDP])), layer7=self.layer7(action))
        names = tuple(self.of.sample(NAMES[:2], self.of.choice([0, 0, 0, 1])))
        return PortRule(whole.ports, whole.layer7, names, None, None, None, HERE) if action is not Action.PASS else ports(*whole.ports)

    def layer7(self, action: Action) -> Layer7 | None:
        some = self.of.randint(1, 2)
        match self.of.randrange(5):
            case 0:
                return Http(tuple(self._http() for _ in range(some)))
            case 1:
                return Dns(tuple(self.of.sample(NAMES, some)))
            case 2:
                return Kafka(tuple(self._kafka(action) for _ in range(some)))
        return None

    def _http(self) -> HttpRule:
        wanted = HeaderMatch("X-Team", self.of.choice([None, exact("a")]), self.of.choice([Mismatch.REFUSE, Mismatch.LOG]), None, HERE)
        method, path, host = (self.of.choice([None, exact(text)]) for text in ("GET", "/a", "h"))
        return HttpRule(method, path, host, self.of.choice([(), (wanted,)]), HERE)

    def _kafka(self, action: Action) -> KafkaRule:
        topic = self.of.choice([None, "a", "b"]) if action is Action.ALLOW else None
        return KafkaRule(self.of.choice([None, frozenset({0, 12})]), self.of.choice([None, 1]), self.of.choice([None, "c"]), topic, HERE)

    def said(self, protocol: Protocol) -> HttpRequest | DnsQuery | KafkaRequest | None:
        kinds = {Protocol.TCP: 4, Protocol.UDP: 2}
        match self.of.randrange(kinds[protocol]):
            case 1:
                return DnsQuery(self.of.choice(["a.example.", "b.example.", "b."]))
            case 2:
                headers = self.of.choice([(), (("x-team", "a"),), (("x-team", "b"),)])
                return HttpRequest(self.of.choice(["GET", "PUT"]), self.of.choice(["/a", "/b"]), self.of.choice(["", "h", "H"]), headers)
            case 3:
                key = self.of.choice([0, 12, 18])
                return KafkaRequest(key, self.of.choice([0, 1]), self.of.choice(["", "c"]), (self.of.choice("ab"),) if key == 0 else ())
        return None


def word(flow: Flow) -> bytes:
    """What is said on a flow, as a word."""
    server = b"\2" + flow.server_name.encode() if flow.server_name is not None else b"\1"
    match flow.request:
        case HttpRequest(method, path, host, headers):
            value = b"\2" + headers[0][1].encode() if headers else b"\1"
            return b"\0".join([server, b"H" + method.encode(), path.encode(), host.encode(), value])
        case DnsQuery(name):
            return server + b"\0D" + name.encode()
        case KafkaRequest(key, version, client, topics):
            topic = b"\2" + topics[0].encode() if topics else b"\1"
            return b"\0".join([server, b"K%d" % key, b"%d" % version, client.encode(), topic])
    return server + b"\0O"


def accepts(dfa: Dfa, flow: Flow) -> bool:
    return ACCEPT in matches(dfa, word(flow))


def flow_of(chance: Speaking) -> Flow:
    """A flow of which everything is known."""
    who = inventory()
    protocol = chance.of.choice([Protocol.TCP, Protocol.TCP, Protocol.UDP])
    over_tls = protocol is Protocol.TCP and chance.of.random() < 0.5
    server = chance.of.choice(["a.example", "c.example", "d"]) if over_tls else None
    ends = chance.party(who), chance.own(who)
    direction = rule(None).direction
    return Flow(*ends, direction, protocol, chance.of.choice([80, 80, 85]), chance.said(protocol), server, protocol is Protocol.TCP)


@cache
def decided(of: Covering) -> tuple[Dfa, dict[OnDeny | None, Dfa]]:
    return passing(of, WORDS), refused(of, WORDS)


@cache
def judged(seed: int) -> list[tuple[Flow, bool, Outcome, OnDeny | None, Dfa, dict[OnDeny | None, Dfa]]]:
    """Flows under a set of policies, what the oracle says of them, and what the words say."""
    chance = Speaking(seed)
    resolved = resolve(chance.policies(), inventory())
    found = []
    for _ in range(FLOWS):
        flow = flow_of(chance)
        said = verdict(resolved, flow)
        name = endpoint_of(resolved, flow.destination)
        assert name is not None
        of = covering(resolved.endpoints[name].ingress, Judge(flow, identity_of(resolved, flow.source), flow.source))
        found.append((flow, said.allowed, said.outcome, said.on_deny, *decided(of)))
    return found


@pytest.mark.parametrize("seed", range(SETS))
def test_a_word_passes_exactly_if_its_flow_does(seed: int) -> None:
    for flow, allowed, outcome, on_deny, passes, refuses in judged(seed):
        looks = [look for look, words in refuses.items() if accepts(words, flow)]
        assert accepts(passes, flow) or len(looks) == 1
        if outcome is not Outcome.INSPECT:
            assert accepts(passes, flow) == allowed, (seed, flow)
            assert allowed or looks[0] in (None, on_deny), (seed, flow)


def test_the_flows_are_worth_asking_about() -> None:
    met = Counter((outcome, type(flow.request)) for seed in range(SETS) for flow, _, outcome, *_ in judged(seed))
    kinds = (HttpRequest, DnsQuery, KafkaRequest)
    assert min(met[outcome, kind] for outcome in (Outcome.ALLOW, Outcome.DENY, Outcome.REFUSE_REQUEST) for kind in kinds) > 20, met
