"""Selector nodes -> Selector values: label sources and the namespaces that a policy reaches.

A selector of a namespaced policy stays in that namespace unless it names another one by the label
io.kubernetes.pod.namespace; the subject never leaves it.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.fields import Report, fields, text
from pybpf.compiler.policy.model import Selector
from pybpf.compiler.policy.positions import Entry, Mapping, Node, Scalar

DEFAULT_NAMESPACE: Final = "default"
NAMESPACE_LABEL: Final = "io.kubernetes.pod.namespace"
# Labels that Cilium makes of things pybpf's inventory does not have yet.
_GENERATED: Final = ("io.cilium.k8s.namespace.labels.", "io.cilium.k8s.policy.")
_SOURCES: Final = ("k8s", "any")


def subject(node: Node, namespace: str, report: Report) -> Selector:
    """The endpoints of the policy's own namespace that a selector chooses."""
    chosen = peer(node, namespace, report)
    if chosen.namespace != namespace:
        message = f"the subject of a policy in namespace {namespace!r} lies in that namespace"
        report.refuse("policy-label", node.span, message, f"remove {NAMESPACE_LABEL!r} or move the policy")
    return chosen


def peer(node: Node, namespace: str, report: Report) -> Selector:
    """The endpoints that a selector chooses; in `namespace` unless it names another one."""
    found = fields(node, ("matchLabels",), report)
    entries = _entries(found["matchLabels"].value, report) if "matchLabels" in found else ()
    labels = [(_key(entry.key, report), text(entry.value, report).value) for entry in entries]
    named = [value for key, value in labels if key == NAMESPACE_LABEL]
    plain = tuple(sorted((key, value) for key, value in labels if key != NAMESPACE_LABEL))
    if len(set(named)) > 1:
        report.refuse("policy-label", node.span, "a selector cannot be in two namespaces", f"keep one {NAMESPACE_LABEL!r}")
    return Selector(plain, named[0] if named else namespace, node.span)


def _entries(node: Node, report: Report) -> tuple[Entry, ...]:
    if isinstance(node, Mapping):
        return node.entries
    fields(node, (), report)  # says that a mapping belongs here
    return ()


def _key(key: Scalar, report: Report) -> str:
    """A label key without its source; a source that endpoints do not have is refused."""
    source, colon, rest = key.value.partition(":")
    if colon and source not in _SOURCES:
        message = f"pybpf has no labels of source {source!r} yet"
        report.refuse("policy-not-enforced", key.span, message, "select endpoints by their own labels")
        return key.value
    name = rest if colon else key.value
    if name.startswith(_GENERATED):
        report.refuse("policy-not-enforced", key.span, f"pybpf does not know the label {name!r} yet", "select endpoints by their own labels")
    if not name:
        report.refuse("policy-label", key.span, "a label needs a key", "write key: value")
    return name
