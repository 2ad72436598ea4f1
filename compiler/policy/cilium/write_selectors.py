"""Selectors -> LabelSelectors that, read with their scope, ask for the same."""

from __future__ import annotations

from collections.abc import Callable

from pybpf.compiler.policy.cilium.plain import Data, Object, not_in_cilium
from pybpf.compiler.policy.cilium.selectors import Scope, in_scope, in_scope_of_subject
from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    CIDR_GROUP,
    NAMESPACE_KEY,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.text.report import Report

Requirements = tuple[Requirement, ...]


def written_subject(selector: Selector, namespace: str | None, report: Report) -> Data:
    """The endpointSelector of a policy; reports a subject that none can be about."""
    return _unscoped(selector, lambda asked: in_scope_of_subject(asked, namespace), report)


def written_peer(selector: Selector, scope: Scope, report: Report) -> Data:
    """An item of fromEndpoints or toEndpoints; reports a peer that none can be."""
    return _unscoped(selector, lambda asked: in_scope(asked, scope), report)


def written_selector(selector: Selector) -> Data:
    """A selector of hosts, services or groups, which has no scope."""
    return _label_selector(selector.requirements)


def _unscoped(selector: Selector, scoped: Callable[[Requirements], Requirements], report: Report) -> Data:
    """What is to be written so that its scope gives the selector: all of it, or all but the namespace."""
    wanted = selector.requirements
    for asked in (tuple(each for each in wanted if each.key != NAMESPACE_KEY), wanted):
        if set(scoped(asked)) == set(wanted):
            return _label_selector(asked)
    not_in_cilium(selector.span, "a selector that reaches beyond what Cilium's selectors choose here", report)
    return {}


def _label_selector(asked: Requirements) -> Data:
    labels: Object = {}
    expressions: list[Data] = []
    names: set[str] = set()
    for each in asked:
        key = each.key if each.source in (ANY_SOURCE, CIDR_GROUP) else f"{each.source}:{each.key}"
        if each.operator is Operator.IN and len(each.values) == 1 and each.key not in names:
            names.add(each.key)
            labels[key] = each.values[0]
            continue
        values: Object = {"values": list(each.values)} if each.values else {}
        expressions.append({"key": key, "operator": each.operator.value, **values})
    written: Object = {"matchLabels": labels} if labels else {}
    return {**written, "matchExpressions": expressions} if expressions else written
