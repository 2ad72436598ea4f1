"""Trees of policies -> policies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from lark import Token, Tree

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.cilium.labels import is_log
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.cilium.shapes import MAX_LOG
from pybpf.compiler.policy.kubernetes.names import DEFAULT_NAMESPACE, check_namespace, check_policy_name
from pybpf.compiler.policy.language.context import Context, trees
from pybpf.compiler.policy.language.peers import nodes
from pybpf.compiler.policy.language.rules import on_deny, rule
from pybpf.compiler.policy.language.selecting import subject
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.peers import Endpoints, Nodes
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, OnDeny, Policy, Rule, Subject, Tier

# Settings that a policy may have several of.
_MANY: Final = ("label", "default_deny")


def policy(node: Node, context: Context) -> Policy:
    """One policy. After a report it is not to be used."""
    cluster, name, namespace, whom, *items = node.children
    called = context.word(name) if name is not None else None
    assert called is not None and isinstance(whom, Tree), node
    check_policy_name(called, context.report)
    inside = replace(context, scope=Scope(_namespace(cluster, namespace, context)))
    judged = _subject(whom, inside)
    parts = [each for each in items if isinstance(each, Tree)]
    rules = tuple(rule(each, isinstance(judged, Nodes), inside) for each in parts if each.data == "rule")
    settings = _settings(parts, context)
    default_deny = _default_deny(parts, rules, context)
    if not rules and not default_deny:
        hint = "write a rule, or `default deny ingress` to refuse everything"
        context.refuse("policy-no-rules", node, "this policy has no rules, so it says nothing", hint)
    return Policy(
        kind=Kind.LANGUAGE,
        name=called.value,
        namespace=inside.scope.namespace,
        subject=judged,
        rules=(*rules, *_empty_rules(default_deny, rules, context.span(node))),
        default_deny=default_deny,
        audit="audit" in settings,
        on_deny=_default_on_deny(settings),
        tier=Tier[_said(settings, "tier", context, "normal").upper()],
        priority=_priority(settings, context),
        labels=tuple(_label(each, context) for each in parts if each.data == "label"),
        log=_log(settings, context),
        description=_said(settings, "description", context, ""),
        span=context.span(node),
    )


def _namespace(cluster: Token | Node | None, namespace: Token | Node | None, context: Context) -> str | None:
    """The policy's namespace: that which it says, else Kubernetes' default; None for one of the whole cluster."""
    written = context.word(namespace) if namespace is not None else None
    if cluster is not None:
        if written is not None:
            context.report.refuse("policy-subject", written.span, "a cluster policy is of no namespace", "leave out one of the two")
        return None
    if written is not None:
        check_namespace(written, context.report)
    return written.value if written is not None else DEFAULT_NAMESPACE


def _subject(node: Node, context: Context) -> Subject:
    if node.data != "nodes":
        return Endpoints(subject(node, context))
    if context.scope.namespace is not None:
        context.refuse("policy-subject", node, "hosts are in no namespace", "write `cluster policy`")
    return nodes(node, context)


def _settings(parts: Sequence[Node], context: Context) -> dict[str, Node]:
    """The settings by name; reports those that stand twice."""
    found: dict[str, Node] = {}
    for each in parts:
        if each.data == "rule" or each.data in _MANY:
            continue
        if each.data in found:
            context.refuse("policy-repeated", each, "this stands twice in one policy", "keep one of them")
        found[str(each.data)] = each
    return found


def _said(settings: dict[str, Node], name: str, context: Context, default: str) -> str:
    """What a setting says, or what holds without it."""
    return context.word(settings[name].children[0]).value if name in settings else default


def _priority(settings: dict[str, Node], context: Context) -> float:
    """A priority as a number that two readers cannot take for different ones."""
    written = _said(settings, "priority", context, "0")
    if not math.isfinite(float(written)) or Decimal(written) != Decimal(repr(float(written))):
        context.refuse("policy-condition", settings["priority"], f"{written} is no number that a priority can be", "write a smaller one, with fewer digits")
        return 0.0
    return float(written)


def _log(settings: dict[str, Node], context: Context) -> str:
    text = _said(settings, "log", context, "")
    if "log" in settings and not is_log(text):
        hint = f"write at most {MAX_LOG} printable characters"
        context.refuse("policy-log", settings["log"], "this is too long for a log, or not printable", hint)
    return text


def _label(node: Node, context: Context) -> str:
    written = context.word(node.children[0])
    if not written.value.partition("=")[0].rpartition(":")[2]:
        context.report.refuse("policy-label", written.span, "a label of a policy has no key", "write `source:key=value`")
    return written.value


def _default_on_deny(settings: dict[str, Node]) -> OnDeny | None:
    return on_deny(trees(settings["default_on_deny"])[0]) if "default_on_deny" in settings else None


def _default_deny(parts: Sequence[Node], rules: Sequence[Rule], context: Context) -> frozenset[Direction]:
    """The directions that deny by default: those with rules, and what is said beside them."""
    told: dict[Direction, bool] = {}
    for each in parts:
        if each.data == "default_deny":
            denies, way = each.children
            direction = Direction(str(way))
            if direction in told:
                context.refuse("policy-repeated", each, f"the default of {direction.value} is said twice", "keep one of them")
            told[direction] = str(denies) == "deny"
    ruled = {each.direction for each in rules}
    for direction, denied in told.items():
        if not denied and direction not in ruled:
            context.refuse("policy-no-rules", parts[0], f"there is no rule of {direction.value}, where everything passes anyway", "leave it out")
    return frozenset(each for each in Direction if told.get(each, each in ruled))


def _empty_rules(default_deny: frozenset[Direction], rules: Sequence[Rule], span: Span) -> tuple[Rule, ...]:
    """A rule that covers nothing for each direction that denies by default without one."""
    bare = [each for each in Direction if each in default_deny and all(rule.direction is not each for rule in rules)]
    return tuple(Rule(each, Action.ALLOW, (), None, None, None, span) for each in bare)
