"""LabelSelector nodes -> requirements on labels, and the selectors of a NetworkPolicy that are made of them.

Pods are chosen by labels of source k8s. A namespace's labels are found on its pods behind NAMESPACE_LABELS_PREFIX.
"""

from __future__ import annotations

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.kubernetes.names import label_key, label_value
from pybpf.compiler.policy.kubernetes.shapes import EXPRESSION, SELECTOR
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.text.fields import Text, choice, fields, items, strings, text
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report


def pods_of(namespace: str, node: Node, report: Report) -> Selector:
    """The pods of one namespace that a podSelector chooses."""
    return selector((*requirements(node, "", report), _within(namespace)), node.span)


def pods_of_namespaces(namespaces: Node, pods: Node | None, report: Report) -> Selector:
    """The pods that a podSelector (None: all) chooses in the namespaces that a namespaceSelector chooses.

    That there is a namespace is always required: what has none, such as the world, meets `team NotIn (a)`.
    """
    chosen = requirements(namespaces, NAMESPACE_LABELS_PREFIX, report)
    own = requirements(pods, "", report) if pods is not None else ()
    return selector((*own, *chosen, Requirement(KUBERNETES, NAMESPACE_KEY, Operator.EXISTS)), namespaces.span)


def requirements(node: Node, prefix: str, report: Report) -> tuple[Requirement, ...]:
    """What a LabelSelector asks of labels whose keys stand behind `prefix`."""
    found = fields(node, SELECTOR, report)
    asked: list[Requirement] = []
    for key, value in strings(found["matchLabels"].value, report) if "matchLabels" in found else ():
        wanted = label_value(value, report)
        asked.append(Requirement(KUBERNETES, prefix + label_key(key, report), Operator.IN, (wanted,)))
    for item in items(found["matchExpressions"].value, report) if "matchExpressions" in found else ():
        expressed = _expression(item, prefix, report)
        if expressed is not None:
            asked.append(expressed)
    return tuple(asked)


def selector(asked: tuple[Requirement, ...], span: Span) -> Selector:
    """A selector with these requirements, each once and in one order, so that equal meanings are equal values."""
    ordered = sorted(set(asked), key=lambda each: (each.source, each.key, each.operator.value, each.values))
    return Selector(tuple(ordered), span)


def _within(namespace: str) -> Requirement:
    return Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, (namespace,))


def _expression(node: Node, prefix: str, report: Report) -> Requirement | None:
    """One of matchExpressions; None after a report."""
    already = report.errors
    found = fields(node, EXPRESSION, report)
    key = label_key(text(found["key"].value, report), report) if "key" in found else ""
    written = choice(found["operator"].value, [each.value for each in Operator], report) if "operator" in found else None
    values = items(found["values"].value, report) if "values" in found else ()
    wanted = {label_value(text(each, report), report) for each in values}
    if written is None or report.errors > already:
        return None
    operator = Operator(written.value)
    _check_values(operator, written, wanted, report)
    return Requirement(KUBERNETES, prefix + key, operator, tuple(sorted(wanted)))


def _check_values(operator: Operator, written: Text, values: set[str], report: Report) -> None:
    """In and NotIn need values, Exists and DoesNotExist have none."""
    needs = operator in (Operator.IN, Operator.NOT_IN)
    if needs and not values:
        report.refuse("policy-selector", written.span, f"{operator.value} needs values", "add `values` with at least one value")
    if not needs and values:
        report.refuse("policy-selector", written.span, f"{operator.value} has no values", "remove `values`, or write In or NotIn")
