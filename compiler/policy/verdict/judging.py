"""The oracle: what happens to a flow on one side, with every step of the way.

Levels of (tier, priority) are asked in order; in a level a deny that covers the flow wins, then an allow; a pass hands
the flow to the next tier; where nothing is said, default deny decides. An allow without a word on requests lets every
request through, whatever HTTP rules say beside it; DNS rules alone are not silenced by wider allows (Cilium's DNS proxy
knows only the rules of exactly its port). Server names bind everything that the same peers are allowed on the same port.

A policy in audit refuses nothing: what it would add to the others is judged apart. The flow gets what the others say;
where they let it pass and all together would not, the verdict is that of all together, `audited`. An endpoint in audit is refused
nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pybpf.compiler.policy.model.flow import (
    DnsQuery,
    Fit,
    Flow,
    HttpRequest,
    KafkaRequest,
    Outcome,
    Step,
    Verdict,
)
from pybpf.compiler.policy.model.policy import Action, Direction, OnDeny, Tier
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Entry, Resolved, Side
from pybpf.compiler.policy.resolve.parties import endpoint_of, identity_of
from pybpf.compiler.policy.verdict.allowing import Decision, Judge, allowing, entry_span
from pybpf.compiler.policy.verdict.connections import connection_fit
from pybpf.compiler.policy.verdict.denying import denying

_OF_REQUEST = {HttpRequest: (Protocol.TCP,), KafkaRequest: (Protocol.TCP,), DnsQuery: (Protocol.TCP, Protocol.UDP)}
_NOT_REFUSED = (Outcome.ALLOW, Outcome.INSPECT)
_MAX_PORT = 65535


def verdict(resolved: Resolved, flow: Flow) -> Verdict:
    """What the side of the judged endpoint makes of `flow`.

    LookupError for a party that is not there or whose side nobody judges; ValueError for a flow that cannot be.
    """
    check_flow(flow)
    ingress = flow.direction is Direction.INGRESS
    judged, peer = (flow.destination, flow.source) if ingress else (flow.source, flow.destination)
    name = endpoint_of(resolved, judged)
    if name is None:
        raise LookupError(f"no policy is about the {'destination' if ingress else 'source'} of this flow: it is no endpoint")
    endpoint = resolved.endpoints[name]
    side = endpoint.ingress if ingress else endpoint.egress
    found = verdict_of_side(side, Judge(flow, identity_of(resolved, peer), peer))
    return replace(found, audited=True) if endpoint.endpoint.audit and found.outcome not in _NOT_REFUSED else found


def verdict_of_side(side: Side, judge: Judge) -> Verdict:
    """What a side makes of a flow whose other end is known."""
    entire = _judge(side, side.entries, side.default_deny, judge)
    if not any(policy.audit for policy in side.selected_by):
        return entire
    kept = _judge(side, enforced_entries(side), denies_without_audit(side, judge.flow.direction), judge)
    if kept.outcome is not Outcome.ALLOW or entire.outcome is Outcome.ALLOW:
        return kept
    return replace(kept, watched=entire.entry) if entire.outcome is Outcome.INSPECT else replace(entire, audited=True)


def check_flow(flow: Flow) -> None:
    """ValueError for a flow that cannot be."""
    if flow.protocol is Protocol.ANY:
        raise ValueError("a flow has one protocol; ANY is for rules")
    most = 255 if flow.protocol in (Protocol.ICMP, Protocol.ICMPV6) else _MAX_PORT
    if not 0 <= flow.port <= most:
        raise ValueError(f"a flow of protocol {int(flow.protocol)} cannot have the port or type {flow.port}")
    if flow.request is not None and flow.protocol not in _OF_REQUEST[type(flow.request)]:
        raise ValueError(f"a {type(flow.request).__name__} does not come over protocol {int(flow.protocol)}")
    if flow.server_name is not None and (flow.protocol is not Protocol.TCP or not flow.server_name_known):
        raise ValueError("a TLS server name comes over TCP, and is known when it is given")


def enforced_entries(side: Side) -> Sequence[Entry]:
    """The entries of policies that are not in audit."""
    return [entry for entry in side.entries if not entry.audit]


def denies_without_audit(side: Side, direction: Direction) -> bool:
    """Whether the side would deny by default if policies in audit were not there. Where only a setting does, it stays."""
    return (side.default_deny and side.origin is None) or any(direction in policy.default_deny for policy in side.selected_by if not policy.audit)


@dataclass(slots=True)
class _Walk:
    """What was looked at so far, and what may still decide once the request is known."""

    steps: list[Step]
    pending: Entry | None = None


def _judge(side: Side, entries: Sequence[Entry], default_deny: bool, judge: Judge) -> Verdict:
    walk = _Walk([])
    passed: Tier | None = None
    for (tier, _), level in groupby(entries, key=lambda entry: (entry.tier, entry.priority)):
        if tier == passed:
            walk.steps += [_step(entry, Fit.PASSED_OVER) for entry in level]
            continue
        hits = []
        for entry in level:
            fit = connection_fit(entry, judge.flow, judge.identity, judge.peer)
            walk.steps.append(_step(entry, fit))
            if fit is Fit.COVERS:
                hits.append(entry)
        decision = _decide(hits, judge, walk)
        if decision is not None:
            return _verdict(side, decision, walk, judge)
        if any(entry.action is Action.PASS for entry in hits):
            passed = tier
    if default_deny:
        return Verdict(Outcome.DENY_DEFAULT, side, None, side.origin_span, _default_refusal(side), False, False, walk.steps)
    return _verdict(side, Decision(Outcome.ALLOW, None, None), walk, judge)


def _decide(hits: Sequence[Entry], judge: Judge, walk: _Walk) -> Decision | None:
    """What the entries of one level that cover the connection decide; None when they leave it to the next."""
    denied = denying([entry for entry in hits if entry.action is Action.DENY], judge, walk.steps)
    if denied is not None and denied.outcome is Outcome.DENY:
        return denied
    if denied is not None:
        walk.pending = walk.pending or denied.entry
    allows = [entry for entry in hits if entry.action is Action.ALLOW]
    return allowing(allows, judge, walk.steps) if allows else None


def _verdict(side: Side, decision: Decision, walk: _Walk, judge: Judge) -> Verdict:
    outcome, entry, span = decision.outcome, decision.entry, decision.span
    if outcome is Outcome.ALLOW and walk.pending is not None:
        outcome, entry, span = Outcome.INSPECT, walk.pending, entry_span(walk.pending)
    on_deny = None
    if outcome in (Outcome.DENY, Outcome.REFUSE_REQUEST):
        on_deny = entry.on_deny if entry is not None and entry.on_deny is not None else _refusal(outcome, judge.flow)
    return Verdict(outcome, side, entry, span, on_deny, False, decision.authenticated, walk.steps)


def _refusal(outcome: Outcome, flow: Flow) -> OnDeny:
    """How a refusal looks where no policy says: as Cilium's does."""
    if isinstance(flow.request, HttpRequest):
        return OnDeny.HTTP_403
    if isinstance(flow.request, DnsQuery):
        return OnDeny.REFUSED
    return OnDeny.RESET if outcome is Outcome.REFUSE_REQUEST else OnDeny.DROP


def _default_refusal(side: Side) -> OnDeny:
    return side.origin.on_deny if side.origin is not None and side.origin.on_deny is not None else OnDeny.DROP


def _step(entry: Entry, fit: Fit) -> Step:
    return Step(entry, entry_span(entry), fit, fit.value)
