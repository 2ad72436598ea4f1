"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy documents -> policies, one for each spec."""

from __future__ import annotations

from collections.abc import Mapping as Table

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.cilium.labels import labels, log
from pybpf.compiler.policy.cilium.metadata import metadata, name_of_policy
from pybpf.compiler.policy.cilium.port_rules import Side
from pybpf.compiler.policy.cilium.rule import rule
from pybpf.compiler.policy.cilium.selectors import NODE_SOURCES, Scope, of_one_source, subject
from pybpf.compiler.policy.cilium.shapes import (
    API_VERSION,
    CLUSTERWIDE_NETWORK_POLICY,
    CLUSTERWIDE_SPEC,
    DEFAULT_DENY,
    NETWORK_POLICY,
    RULES,
    SPEC,
)
from pybpf.compiler.policy.cilium.texts import string
from pybpf.compiler.policy.kubernetes.metadata import called
from pybpf.compiler.policy.model.peers import Endpoints, Nodes
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, Policy, Rule, Subject, Tier
from pybpf.compiler.policy.text.fields import Text, boolean, choice, fields, items
from pybpf.compiler.policy.text.positions import Entry, Mapping, Node, Scalar
from pybpf.compiler.policy.text.report import Report


def policies(node: Node, report: Report) -> tuple[Policy, ...]:
    """The policies of one document, of either kind; none if there is an error in any of its specs."""
    already = report.errors
    kind = Kind.CILIUM_CLUSTERWIDE if _is_clusterwide(node) else Kind.CILIUM
    found = fields(node, CLUSTERWIDE_NETWORK_POLICY if kind is Kind.CILIUM_CLUSTERWIDE else NETWORK_POLICY, report)
    for key, known in (("apiVersion", API_VERSION), ("kind", kind.value)):
        if key in found:
            choice(found[key].value, (known,), report)
    name, namespace = _called(found, kind, node, report)
    specs = [found["spec"].value] if "spec" in found else []
    specs += items(found["specs"].value, report) if "specs" in found else []
    if not specs and report.errors == already:
        report.refuse("policy-no-rules", node.span, f"Invalid {kind.value} spec(s): empty policy", "add `spec`")
    read = [_spec(spec, kind, name, namespace, report) for spec in specs]
    return tuple(each for each in read if each is not None) if report.errors == already else ()


def _is_clusterwide(node: Node) -> bool:
    """Whether a document says that it is of the whole cluster."""
    written = [each.value for each in node.entries if each.key.value == "kind"] if isinstance(node, Mapping) else []
    return any(isinstance(each, Scalar) and each.value == Kind.CILIUM_CLUSTERWIDE.value for each in written)


def _called(found: Table[str, Entry], kind: Kind, node: Node, report: Report) -> tuple[str, str | None]:
    """The name and the namespace of a document; a clusterwide one has none."""
    if kind is Kind.CILIUM_CLUSTERWIDE:
        return name_of_policy(metadata(found, report), report), None
    own = called(found, Text("", node.span), report)
    return own.name.value, own.namespace


def _spec(node: Node, kind: Kind, name: str, namespace: str | None, report: Report) -> Policy | None:
    """The policy of one spec; None where even its subject is missing."""
    found = fields(node, SPEC if namespace is not None else CLUSTERWIDE_SPEC, report)
    judged = _subject(found, node, namespace, report)
    already = report.errors
    rules = _rules(found, Scope(namespace), isinstance(judged, Nodes), report)
    if not rules and report.errors == already:
        message = "rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny"
        hint = "to select endpoints for default deny and allow nothing write `ingress: [{}]`"
        report.refuse("policy-no-rules", node.span, message, hint)
    default_deny = _default_deny(found.get("enableDefaultDeny"), rules, report)
    description = string(found["description"].value, report) if "description" in found else None
    own_labels, own_log = labels(found.get("labels"), report), log(found.get("log"), report)
    if judged is None:
        return None
    return Policy(
        kind=kind,
        name=name,
        namespace=namespace,
        subject=judged,
        rules=(*rules, *_empty_rules(default_deny, rules, node.span)),
        default_deny=default_deny,
        audit=False,
        on_deny=None,
        tier=Tier.NORMAL,
        priority=0.0,
        labels=own_labels,
        log=own_log,
        description=description.value if description is not None else "",
        span=node.span,
    )


def _subject(found: Table[str, Entry], node: Node, namespace: str | None, report: Report) -> Subject | None:
    """The endpoints, or the hosts, that a spec is about; None where it does not say, which is reported."""
    if "endpointSelector" in found and "nodeSelector" in found:
        message = "rule cannot have both EndpointSelector and NodeSelector"
        report.refuse("policy-subject", found["nodeSelector"].key.span, message, "make two specs of it")
    if "endpointSelector" in found:
        return Endpoints(subject(found["endpointSelector"].value, namespace, report))
    if "nodeSelector" in found:
        return Nodes(of_one_source(found["nodeSelector"].value, NODE_SOURCES, report))
    if namespace is None:
        message = "rule must have one of EndpointSelector or NodeSelector"
        report.refuse("policy-subject", node.span, message, "add endpointSelector; {} is every endpoint that has a namespace")
    return None


def _rules(found: Table[str, Entry], scope: Scope, of_host: bool, report: Report) -> tuple[Rule, ...]:
    """The rules of a spec: those of ingress first, what allows before what denies."""
    return tuple(
        rule(item, action, Side(direction, of_host, scope.namespace), scope, report)
        for (direction, action), shape in RULES.items()
        if shape.name in found
        for item in items(found[shape.name].value, report)
    )


def _default_deny(entry: Entry | None, rules: tuple[Rule, ...], report: Report) -> frozenset[Direction]:
    """The directions that deny by default: those that say so, and those with rules that do not say otherwise."""
    written = fields(entry.value, DEFAULT_DENY, report) if entry is not None else {}
    told = {key: boolean(each.value, report) for key, each in written.items()}
    ruled = {each.direction for each in rules}
    return frozenset(each for each in Direction if told.get(each.value, each in ruled))


def _empty_rules(default_deny: frozenset[Direction], rules: tuple[Rule, ...], span: Span) -> tuple[Rule, ...]:
    """A rule that covers nothing for each direction that denies by default without one, so that it has what it needs to."""
    bare = [each for each in Direction if each in default_deny and all(rule.direction is not each for rule in rules)]
    return tuple(Rule(each, Action.ALLOW, (), None, None, None, span) for each in bare)
