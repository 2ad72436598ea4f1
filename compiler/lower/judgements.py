"""Verdict of the oracle -> Judgement: what the kernel does with a flow, and the places in policies that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.flow import Outcome, Verdict
from pybpf.compiler.policy.model.layer7 import Http, HttpRule
from pybpf.compiler.policy.model.policy import Action, OnDeny
from pybpf.compiler.policy.model.resolved import Entry
from pybpf.kernel_progs.numbers import PolicyAction, Refusal

# 403 and REFUSED answer requests: a connection that is refused before there is one is reset, or dropped.
REFUSALS = {
    None: Refusal.DROP,
    OnDeny.DROP: Refusal.DROP,
    OnDeny.RESET: Refusal.RESET,
    OnDeny.ICMP: Refusal.PROHIBITED,
    OnDeny.HTTP_403: Refusal.RESET,
    OnDeny.REFUSED: Refusal.DROP,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a policy that a rule number stands for; `text` says what it is. Line 0: a setting says so, not a policy.

    It holds the place and not the source, so that a change elsewhere in a file leaves it equal.
    """

    policy: str
    source: str
    line: int
    column: int
    text: str

    @property
    def place(self) -> str:
        """As messages name it: "flights.yaml:23:5"."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else "settings"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The HTTP rules that decide together, and where each of them stands. `audit` is what would refuse the rest, of a set that only
    watches."""

    rules: tuple[HttpRule, ...]
    origins: tuple[Origin, ...]
    audit: Origin | None = None

    @property
    def every_origin(self) -> tuple[Origin, ...]:
        """All that it names."""
        return self.origins if self.audit is None else (*self.origins, self.audit)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What happens to a flow. `rule_set` for INSPECT and WATCH; `audit` is what would refuse it if policies in audit were enforced."""

    action: PolicyAction
    refusal: Refusal
    rule: Origin
    rule_set: RuleSet | None = None
    audit: Origin | None = None


def origin_at(policy: str, span: Span | None, text: str) -> Origin:
    """The origin of what stands at `span`."""
    return Origin(policy, span.source.name, span.line, span.column, text) if span is not None else Origin(policy, "", 0, 0, text)


def judgement(verdict: Verdict, covering: Sequence[Entry]) -> Judgement:
    """What the kernel makes of a flow that the oracle has judged; `covering` are the side's entries that cover its peer and ports."""
    origin = _origin(verdict)
    if verdict.audited:
        return Judgement(PolicyAction.ALLOW, Refusal.DROP, origin, audit=origin)
    match verdict.outcome:
        case Outcome.ALLOW if verdict.watched is not None:
            watching = replace(_rule_set(verdict.watched, covering, frozenset({False, True})), audit=_of_entry(verdict.watched, "allow what its rules allow"))
            return Judgement(PolicyAction.WATCH, Refusal.DROP, origin, watching)
        case Outcome.ALLOW:
            return Judgement(PolicyAction.ALLOW, Refusal.DROP, origin)
        case Outcome.INSPECT:
            assert verdict.entry is not None
            return Judgement(PolicyAction.INSPECT, _of_requests(verdict.entry.on_deny), origin, _rule_set(verdict.entry, covering, frozenset({False})))
        case _:
            return Judgement(PolicyAction.REFUSE, REFUSALS[verdict.on_deny], origin)


def _of_requests(on_deny: OnDeny | None) -> Refusal:
    """How a refused request is answered: on a connection that stands there is no ICMP."""
    if on_deny in (None, OnDeny.HTTP_403):
        return Refusal.FORBIDDEN
    return Refusal.DROP if on_deny is OnDeny.DROP else Refusal.RESET


def _origin(verdict: Verdict) -> Origin:
    entry = verdict.entry
    if entry is not None and entry.policy is not None:
        words = {Outcome.ALLOW: "allow", Outcome.INSPECT: "allow what its rules allow"}
        return origin_at(entry.policy.name, verdict.span, words.get(verdict.outcome, "deny"))
    if entry is not None:
        return origin_at("", None, entry.reason)
    origin = verdict.side.origin
    direction = origin.rules[0].direction.value if origin is not None and origin.rules else "a side"
    if verdict.outcome is Outcome.DENY_DEFAULT:
        name = origin.name if origin is not None else ""
        return origin_at(name, verdict.span, f"default deny of {direction}" if origin is not None else "default deny by setting")
    return origin_at("", None, "no policy denies by default")


def _of_entry(entry: Entry, text: str) -> Origin:
    span = entry.port_rule.span if entry.port_rule is not None else entry.rule.span if entry.rule is not None else None
    return origin_at(entry.policy.name if entry.policy is not None else "", span, text)


def _rule_set(deciding: Entry, covering: Sequence[Entry], audits: frozenset[bool]) -> RuleSet:
    """The HTTP rules of all allows of the level that decides, by whether they are in audit; equal ones once."""
    made: dict[HttpRule, Origin] = {}
    for entry in covering:
        if entry.action is Action.ALLOW and (entry.tier, entry.priority) == (deciding.tier, deciding.priority) and entry.audit in audits:
            layer7 = entry.port_rule.layer7 if entry.port_rule is not None and entry.checked else None
            assert isinstance(layer7, Http) and entry.policy is not None, "a plain allow lets everything through"
            for rule in layer7.rules:
                made.setdefault(rule, origin_at(entry.policy.name, rule.span, "http rule"))
    return RuleSet(tuple(made), tuple(made.values()))
