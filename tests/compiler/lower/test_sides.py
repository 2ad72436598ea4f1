"""What the kernel searches says of every flow what the oracle says, and names the same rule."""

from __future__ import annotations

from collections import Counter

import pytest

from pybpf.compiler.lower import Branch, Judgement, LoweredSide, Node, judgements, lowered, not_enforced
from pybpf.compiler.lower.auditing import audited_judgement
from pybpf.compiler.lower.judgements import judgement
from pybpf.compiler.policy.model.flow import Flow
from pybpf.compiler.policy.model.inventory import Endpoint
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.resolved import Entry, Resolved
from pybpf.compiler.policy.resolve import identity_of, resolve
from pybpf.compiler.policy.verdict import verdict
from pybpf.compiler.policy.verdict.connections import matched_ports
from pybpf.kernel_progs.abi import PolicyAction
from tests.support.policy_chance import PolicyChance, inventory

SETS, FLOWS = 250, 40


def searched(side: LoweredSide, identity: int, flow: Flow) -> Judgement:
    """The walk that kernel_progs/policy.py does."""
    node = dict(side.peers).get(identity, side.anybody)
    for index in (int(flow.protocol), flow.port >> 8, flow.port & 0xFF):
        node = at(node, index)
    assert isinstance(node, Judgement)
    return node


def at(node: Node, index: int) -> Node:
    if not isinstance(node, Branch):
        return node
    return [each for first, each in node.runs if first <= index][-1]


def expected(resolved: Resolved, own: Endpoint, flow: Flow) -> Judgement | None:
    """What the oracle says; None where nothing is enforced."""
    found = verdict(resolved, flow)
    if not found.side.enforced:
        return None
    judged = flow.source if flow.direction is Direction.EGRESS else flow.destination
    peer = identity_of(resolved, flow.destination if judged is flow.source else flow.source).number

    def covers(entry: Entry) -> bool:
        return (entry.peers.identities is None or peer in entry.peers.identities) and (entry.ports is None or bool(matched_ports(entry, flow)))

    right = judgement(found, [entry for entry in found.side.entries if covers(entry)])
    return audited_judgement(right) if own.audit else right


@pytest.mark.parametrize("batch", range(5))
def test_every_flow_finds_the_oracles_verdict_and_rule(batch: int) -> None:
    who, met = inventory(), Counter[PolicyAction | None]()
    for seed in range(batch * SETS // 5, (batch + 1) * SETS // 5):
        chance = PolicyChance(seed)
        said = chance.policies()
        assert not_enforced(said) == ()
        resolved = resolve(said, who)
        made = lowered(resolved)
        for _ in range(FLOWS):
            own = chance.of.choice(who.endpoints)
            flow = chance.flow(who, own)
            endpoint = made.endpoint((own.namespace, own.name))
            key = endpoint.ingress if flow.direction is Direction.INGRESS else endpoint.egress
            side = made.side(key) if key is not None else None
            right = expected(resolved, own, flow)
            peer = flow.source if flow.direction is Direction.INGRESS else flow.destination
            assert (None if side is None else searched(side, identity_of(resolved, peer).number, flow)) == right, (seed, flow)
            met[right.action if right is not None else None] += 1
    assert min(met[each] for each in (None, *PolicyAction)) > 2, met


def test_an_endpoint_in_audit_is_refused_nothing() -> None:
    chance, who = PolicyChance(7), inventory()
    made = lowered(resolve([each for _ in range(20) for each in chance.policies()], who))
    audited = made.endpoint((who.endpoints[-1].namespace, who.endpoints[-1].name))
    found = [each for key in (audited.ingress, audited.egress) if key is not None for each in judgements(made.side(key))]
    assert {each.action for each in found} == {PolicyAction.ALLOW} and any(each.audit is not None for each in found)
