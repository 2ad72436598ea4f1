"""LabelSelector nodes -> selectors, with the scope that Cilium gives to them.

    subject of a namespaced policy      of its namespace, always
    subject of a clusterwide policy     of some namespace, unless it asks for a reserved label
    peers that ask for reserved labels  as written
    peers that ask for a namespace      as written, and of some namespace
    other peers                         of the policy's namespace; of some namespace in a clusterwide policy

A peer that asks for labels of its namespace has asked for a namespace too. That there is one is required as well where a peer says
only which it is not: `NotIn` is met by whatever has no namespace, such as the world. (Cilium asks for the label of the cluster to
that end, which has the same endpoints. pkg/k8s/apis/cilium.io/utils)
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.policy.cilium.peer_shapes import EXPRESSION, SELECTOR
from pybpf.compiler.policy.cilium.texts import string
from pybpf.compiler.policy.kubernetes.names import is_label_key, is_made, is_namespace, label_value
from pybpf.compiler.policy.kubernetes.selectors import selector
from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    CIDR_GROUP,
    CLUSTER_KEY,
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    NODE,
    RESERVED,
    Label,
    Operator,
    Requirement,
    Selector,
    holds,
)
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES
from pybpf.compiler.policy.text.fields import Text, choice, did_you_mean, fields, items, strings
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

_KEY_HINT: Final = "write an optional DNS name and '/', then at most 63 letters, digits, '-', '_' or '.'"


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources that keys of one sort of selector may name, and what each means in the model."""

    meaning: Table[str, str]
    instead: str


ENDPOINT_SOURCES: Final = Sources(
    {each: each for each in (ANY_SOURCE, KUBERNETES, RESERVED, "container", "cni")},
    "choose hosts with fromNodes or toNodes, groups of networks with cidrGroupSelector",
)
# Hosts, services and groups have labels of one source only, so it says nothing which one is written.
NODE_SOURCES: Final = Sources(dict.fromkeys((ANY_SOURCE, KUBERNETES, NODE), ANY_SOURCE), "hosts have labels of source node only")
SERVICE_SOURCES: Final = Sources(dict.fromkeys((ANY_SOURCE, KUBERNETES), ANY_SOURCE), "services have labels of source k8s only")
GROUP_SOURCES: Final = Sources(dict.fromkeys((ANY_SOURCE, CIDR_GROUP), CIDR_GROUP), "groups have labels of source cidrgroup only")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a policy's peers are looked for: `namespace`, None for all."""

    namespace: str | None


def subject(node: Node, namespace: str | None, report: Report) -> Selector:
    """The endpoints that an endpointSelector chooses. Reports one that names another namespace than the policy's: Cilium
    would overwrite it, and the endpoints that were meant would have no policy."""
    asked = requirements(node, ENDPOINT_SOURCES, report)
    if namespace is not None and any(is_elsewhere(each, namespace) for each in asked):
        message = f"the subject of a policy in namespace {namespace!r} lies in that namespace, which Cilium would write over this one"
        report.refuse("policy-subject", node.span, message, f"remove {NAMESPACE_KEY!r}, or move the policy to the other namespace")
    return selector(in_scope_of_subject(asked, namespace), node.span)


def peer(node: Node, scope: Scope, report: Report) -> Selector:
    """The endpoints that an item of fromEndpoints or toEndpoints chooses."""
    return selector(in_scope(requirements(node, ENDPOINT_SOURCES, report), scope), node.span)


def of_one_source(node: Node, sources: Sources, report: Report) -> Selector:
    """A selector of hosts, services or groups."""
    return selector(requirements(node, sources, report), node.span)


def in_scope_of_subject(asked: tuple[Requirement, ...], namespace: str | None) -> tuple[Requirement, ...]:
    """What a subject asks for, with its scope."""
    if namespace is not None:
        return (*(each for each in asked if each.key != NAMESPACE_KEY), _within(namespace))
    return asked if any(each.source == RESERVED for each in asked) else (*asked, _SOMEWHERE)


def in_scope(asked: tuple[Requirement, ...], scope: Scope) -> tuple[Requirement, ...]:
    """What a peer asks for, with its scope."""
    if any(each.source == RESERVED for each in asked):
        return asked
    if any(each.key == NAMESPACE_KEY and each.operator in (Operator.IN, Operator.EXISTS) for each in asked):
        return asked
    says_where = any(each.key == NAMESPACE_KEY or each.key.startswith(NAMESPACE_LABELS_PREFIX) for each in asked)
    if scope.namespace is None or says_where:
        says_cluster = any(each.key == CLUSTER_KEY and each.operator in (Operator.IN, Operator.EXISTS) for each in asked)
        return asked if says_cluster and says_where else (*asked, _SOMEWHERE)
    return (*asked, _within(scope.namespace))


def requirements(node: Node, sources: Sources, report: Report) -> tuple[Requirement, ...]:
    """What a LabelSelector asks for, as written."""
    found = fields(node, SELECTOR, report)
    asked: list[Requirement] = []
    keys: set[str] = set()
    for key, value in strings(found["matchLabels"].value, report) if "matchLabels" in found else ():
        source, name = label_key(key, sources, report)
        if name in keys:  # such as app and k8s:app, which duplicate keys of the file do not show
            report.refuse("policy-label", key.span, f"the label {name!r} stands twice in these labels", "keep one of them")
        keys.add(name)
        asked.append(Requirement(source, name, Operator.IN, (label_value_of(name, value, report),)))
    for item in items(found["matchExpressions"].value, report) if "matchExpressions" in found else ():
        expressed = _expression(item, sources, report)
        if expressed is not None:
            asked.append(expressed)
    return tuple(asked)


_SOMEWHERE: Final = Requirement(KUBERNETES, NAMESPACE_KEY, Operator.EXISTS)


def _within(namespace: str) -> Requirement:
    return Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, (namespace,))


def is_elsewhere(asked: Requirement, namespace: str) -> bool:
    """Whether a requirement of a subject is about another namespace than the policy's."""
    if asked.key != NAMESPACE_KEY:
        return False
    if asked.operator is Operator.IN:
        return asked.values != (namespace,)
    return not holds(asked, (Label(KUBERNETES, NAMESPACE_KEY, namespace),))


def _expression(node: Node, sources: Sources, report: Report) -> Requirement | None:
    """One of matchExpressions; None after a report."""
    already = report.errors
    found = fields(node, EXPRESSION, report)
    key = string(found["key"].value, report) if "key" in found else None
    written = choice(found["operator"].value, [each.value for each in Operator], report) if "operator" in found else None
    values = [string(each, report) for each in items(found["values"].value, report)] if "values" in found else []
    if key is None or written is None:
        return None
    source, name = label_key(key, sources, report)
    wanted = {label_value_of(name, each, report) for each in values if each is not None}
    operator = Operator(written.value)
    needs = operator in (Operator.IN, Operator.NOT_IN)
    if needs and not values:
        report.refuse("policy-selector", written.span, f"{operator.value} needs values", "add `values` with at least one value")
    if not needs and values:
        report.refuse("policy-selector", written.span, f"{operator.value} has no values", "remove `values`, or write In or NotIn")
    return Requirement(source, name, operator, tuple(sorted(wanted))) if report.errors == already else None


def label_key(key: Text, sources: Sources, report: Report) -> tuple[str, str]:
    """The source and the name of a label's key. Labels that are made have one source only, which need not be written."""
    written, colon, rest = key.value.partition(":")
    name = rest if colon else key.value
    source = sources.meaning.get(written if colon else ANY_SOURCE)
    if source is None:
        report.refuse("policy-label", key.span, f"nothing that is chosen here has labels of source {written!r}", sources.instead)
        return ANY_SOURCE, name
    if source == RESERVED and name not in RESERVED_IDENTITIES:
        report.refuse("policy-label", key.span, f"there is no reserved label {name!r}", did_you_mean(name, RESERVED_IDENTITIES))
    elif not is_label_key(name.removeprefix(NAMESPACE_LABELS_PREFIX)):
        report.refuse("policy-label", key.span, f"no label has the key {key.value!r}", _KEY_HINT)
    elif not colon:
        _warn_of_dot(key, report)
    return (KUBERNETES if source == ANY_SOURCE and sources is ENDPOINT_SOURCES and is_made(name) else source), name


def _warn_of_dot(key: Text, report: Report) -> None:
    """A source is told from its key by a colon: behind a dot it is the beginning of a label that nobody has."""
    source, dot, rest = key.value.partition(".")
    if dot and ((source == RESERVED and rest in RESERVED_IDENTITIES) or (source in (KUBERNETES, ANY_SOURCE) and is_made(rest))):
        message = f"this is a label called {key.value!r}, and not {rest!r} of source {source}"
        report.warn("lint-label-source", key.span, message, f"write {source}:{rest}")


def label_value_of(key: str, value: Text, report: Report) -> str:
    """The value of a label; reports one that no label can have."""
    if key == NAMESPACE_KEY and not is_namespace(value.value):
        hint = "use at most 63 small letters, digits and '-', beginning and ending with a letter or digit"
        report.refuse("policy-label", value.span, f"no namespace has the name {value.value!r}", hint)
        return value.value
    return label_value(value, report)
