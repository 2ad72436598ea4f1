"""Selector nodes -> Selector values: label sources and the namespaces that a policy reaches.

A selector of a namespaced policy stays in that namespace unless it names another one by the label
io.kubernetes.pod.namespace; the subject never leaves it.
"""

from __future__ import annotations

import re
from typing import Final

from pybpf.compiler.narrow.fields import Report, fields, strings
from pybpf.compiler.narrow.model import Selector, Text
from pybpf.compiler.policy.text.positions import Node

DEFAULT_NAMESPACE: Final = "default"
NAMESPACE_LABEL: Final = "io.kubernetes.pod.namespace"
# Labels that Cilium makes of things pybpf's inventory does not have yet: namespaces, clusters, service accounts.
_GENERATED: Final = "io.cilium.k8s."
_SOURCES: Final = ("k8s", "any")
# Kubernetes: an optional DNS prefix and a name in a key; at most 63 characters in a name and in a value.
_KEY: Final = re.compile("(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_NAMESPACE: Final = re.compile("[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_VALUE: Final = re.compile("(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


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
    labels: dict[str, str] = {}
    for key, value in strings(found["matchLabels"].value, report) if "matchLabels" in found else ():
        name = _key(key, report)
        if name in labels:  # such as app and k8s:app, which duplicate keys of the file do not show
            report.refuse("policy-label", key.span, f"the label {name!r} stands twice in this selector", "keep one of them")
        labels[name] = _value(value, report)
    named = labels.pop(NAMESPACE_LABEL, None)
    if named is not None and not is_namespace(named):
        report.refuse("policy-label", node.span, f"no namespace has the name {named!r}", f"write one behind {NAMESPACE_LABEL!r}")
    return Selector(tuple(sorted(labels.items())), namespace if named is None else named, node.span)


def is_label(key: str, value: str) -> bool:
    """Whether Kubernetes allows this label; the key is without a source."""
    return _KEY.fullmatch(key) is not None and _VALUE.fullmatch(value) is not None


def is_namespace(name: str) -> bool:
    """Whether Kubernetes allows a namespace of this name."""
    return _NAMESPACE.fullmatch(name) is not None


def _key(key: Text, report: Report) -> str:
    """A label key without its source; a source that endpoints do not have is refused."""
    source, colon, rest = key.value.partition(":")
    if colon and source not in _SOURCES:
        message = f"pybpf has no labels of source {source!r} yet"
        report.refuse("policy-not-enforced", key.span, message, "select endpoints by their own labels")
        return key.value
    name = rest if colon else key.value
    if name.startswith(_GENERATED):
        report.refuse("policy-not-enforced", key.span, f"pybpf does not know the label {name!r} yet", "select endpoints by their own labels")
    elif not _KEY.fullmatch(name):
        hint = "write an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_' or '.'"
        report.refuse("policy-label", key.span, f"no label has the key {key.value!r}", hint)
    return name


def _value(value: Text, report: Report) -> str:
    """A label value; one that no label can have would select nobody, and leave a subject unprotected."""
    if not _VALUE.fullmatch(value.value):
        hint = "write at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"
        report.refuse("policy-label", value.span, f"no label has the value {value.value!r}", hint)
    return value.value
