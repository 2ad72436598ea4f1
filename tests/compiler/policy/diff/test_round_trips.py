"""Policies in other words mean what they meant: the diff proves it, policy by policy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings

from pybpf.compiler.diag import Severity, Source
from pybpf.compiler.policy.cilium import policies as read_cilium
from pybpf.compiler.policy.cilium import to_cilium
from pybpf.compiler.policy.diff import Unproven, differences
from pybpf.compiler.policy.language import read, show, simplified
from pybpf.compiler.policy.model.layer7 import Dns, HeaderMatch, Http, MatchKind
from pybpf.compiler.policy.model.peers import CloudGroups, DnsNames
from pybpf.compiler.policy.model.policy import Action, Kind, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.reading import must_read
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report
from tests.compiler.policy.kubernetes import clusters
from tests.compiler.policy.strategies import policies

MET: Counter[str] = Counter()
REASONS: Counter[str] = Counter()


def from_cilium(text: str) -> list[Policy]:
    """The policies of YAML that Cilium would take."""
    documents, wrong = parse(Source("written.yaml", text))
    report = Report(list(wrong))
    found = [policy for document in documents for policy in read_cilium(document, report)]
    assert not report.errors
    return found


def equal(one: Policy, others: list[Policy]) -> bool:
    """Whether the diff proves two ways of saying it equal."""
    try:
        return differences([one], others) == ()
    except Unproven:
        MET["unproven"] += 1
        return True


def for_cilium(policy: Policy) -> Policy:
    """A policy without what Cilium has no words for."""
    rules = tuple(map(_rule, policy.rules))
    return replace(policy, rules=rules, audit=False, tier=Tier.NORMAL, priority=0.0, on_deny=None)


def _rule(rule: Rule) -> Rule:
    action = Action.ALLOW if rule.action is Action.PASS else rule.action
    peers, parts = rule.peers, tuple(map(_part, rule.port_rules)) if rule.port_rules is not None else None
    if action is Action.DENY:
        peers = tuple(each for each in peers if not isinstance(each, (DnsNames, CloudGroups))) or None if peers is not None else None
        parts = tuple(PortRule(each.ports, None, (), None, None, None, each.span) for each in parts) if parts is not None else None
    return replace(rule, action=action, peers=peers, port_rules=parts, on_deny=None)


def _part(part: PortRule) -> PortRule:
    layer7 = part.layer7
    if isinstance(layer7, Http):
        layer7 = Http(tuple(replace(each, headers=tuple(map(_header, each.headers))) for each in layer7.rules)) if layer7.rules else None
    elif layer7 is not None and not (isinstance(layer7, Dns) and layer7.patterns and part.ports):
        layer7 = None
    return replace(part, layer7=layer7)


def _header(header: HeaderMatch) -> HeaderMatch:
    return replace(header, match=replace(header.match, kind=MatchKind.EXACT) if header.match is not None else None)


@pytest.mark.parametrize("batch", range(4))
def test_network_policies_said_in_the_language_mean_the_same(batch: int) -> None:
    for number in range(batch * 50, batch * 50 + 50):
        objects = clusters.cluster(number).policies
        reading = must_read([Source("policies.yaml", clusters.documents(objects))])
        back = read(Source("back.policy", show(map(simplified, reading.policies)))).policies
        assert back == tuple(replace(each, kind=Kind.LANGUAGE) for each in reading.policies)
        assert differences(reading.policies, back) == ()


@settings(max_examples=200, deadline=None)
@given(policies())
def test_a_policy_said_in_ciliums_words_and_back_means_the_same(generated: Policy) -> None:
    check_words(generated)


def check_words(generated: Policy) -> None:
    """A policy, as far as Cilium has words for it, written in them, read, written in the language and read again."""
    policy = for_cilium(generated)
    written = to_cilium([policy])
    if any(each.severity is Severity.ERROR for each in written.lost):
        MET["not sayable"] += 1
        REASONS[written.lost[0].message[:80]] += 1
        return
    again = from_cilium(written.text)
    assert equal(policy, again), written.text
    back = read(Source("back.policy", show(map(simplified, again))))
    assert equal(policy, list(back.policies)), written.text
    MET["the same"] += 1


def test_most_policies_were_compared() -> None:
    assert MET["the same"] > 100, (MET, REASONS)
