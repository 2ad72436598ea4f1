"""Policies -> text in the language. Reading it gives the same policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pybpf.compiler.diag import CompileError, Diagnostic, Severity, Source
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.language.layout import formatted
from pybpf.compiler.policy.language.reading import read
from pybpf.compiler.policy.language.words import quoted
from pybpf.compiler.policy.language.write_peers import name, nodes, peers, subject
from pybpf.compiler.policy.language.write_requests import port_rule
from pybpf.compiler.policy.model.peers import Endpoints, Peer
from pybpf.compiler.policy.model.policy import Direction, Kind, Policy, Rule, Tier

_WAYS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def show(policies: Iterable[Policy]) -> str:
    """The policies as text, well set, in their order. What is written is read back: raises CompileError for a policy that the
    language does not say, which none is that a reader gave."""
    listed = tuple(policies)
    source = Source("written", "\n".join(map(_policy, listed)))
    parsed = read(source)
    for policy, again in zip(listed, _padded(parsed.policies, len(listed)), strict=True):
        if again is None or again != replace(policy, kind=Kind.LANGUAGE):
            reasons = [each.message for each in parsed.found if each.severity is Severity.ERROR]
            reason = reasons[0] if reasons else "it would be read as something else"
            hint = "build it as a reader of policies would"
            raise CompileError([Diagnostic("policy-not-sayable", policy.span, f"the policy {policy.name!r} cannot be written: {reason}", hint)])
    return formatted(source)


def _padded(found: Sequence[Policy], number: int) -> list[Policy | None]:
    return [*found, *[None] * (number - len(found))]


def _policy(policy: Policy) -> str:
    own = policy.namespace
    whom = subject(policy.subject.selector, own) if isinstance(policy.subject, Endpoints) else nodes(policy.subject.selector)
    head = "cluster policy" if own is None else "policy"
    where = f" in namespace {name(own)}" if own is not None else ""
    lines = [f"{head} {name(policy.name)}{where} for {whom} {{", *_settings(policy)]
    lines += [_rule(each, Scope(own)) for each in policy.rules]
    return "\n".join((*lines, "}"))


def _settings(policy: Policy) -> list[str]:
    """What a policy says beside its rules, as far as it is not what holds anyway."""
    said = [f"description {quoted(policy.description)}"] if policy.description else []
    said += ["audit"] if policy.audit else []
    said += [f"tier {policy.tier.name.lower()}"] if policy.tier is not Tier.NORMAL else []
    said += [f"priority {policy.priority!r}"] if policy.priority else []
    said += [f"default on deny {policy.on_deny.value}"] if policy.on_deny is not None else []
    ruled = {each.direction for each in policy.rules}
    said += [f"default allow {each.value}" for each in Direction if each in ruled - policy.default_deny]
    said += [f"label {quoted(each)}" for each in policy.labels]
    return [*said, f"log {quoted(policy.log)}"] if policy.log else said


def _rule(rule: Rule, scope: Scope) -> str:
    text = f"{rule.action.value} {_WAYS[rule.direction]} {_whom(rule.peers, scope)}"
    if rule.port_rules is not None:
        clauses = [port_rule(each) for each in rule.port_rules]
        text += f" {clauses[0]}" if len(clauses) == 1 else " {\n" + "\n".join(clauses) + "\n}"
    if rule.authentication is not None:
        text += f" authentication {rule.authentication.value}"
    return text + (f" on deny {rule.on_deny.value}" if rule.on_deny is not None else "")


def _whom(whom: Sequence[Peer] | None, scope: Scope) -> str:
    if whom is None:
        return "anybody"
    return peers(whom, scope) if whom else "nobody"
