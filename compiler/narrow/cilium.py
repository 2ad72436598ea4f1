"""CiliumNetworkPolicy YAML -> Policy values.

Understood: endpointSelector, fromEndpoints, toEndpoints (matchLabels), toPorts with ports and HTTP rules by method
and path. Everything else under spec is an error: most of Cilium's other keys narrow what a rule allows.
"""

from __future__ import annotations

import re
from typing import Final

from pybpf.compiler.diag import CompileError, Diagnostic, Source, Span
from pybpf.compiler.narrow.fields import Report, fields, items, require, text
from pybpf.compiler.narrow.known_keys import KINDS_NOT_ENFORCED
from pybpf.compiler.narrow.labels import DEFAULT_NAMESPACE, peer, subject
from pybpf.compiler.narrow.model import Direction, Policy, Rule, Selector, Text
from pybpf.compiler.narrow.ports import port_rule
from pybpf.compiler.policy.text.positions import NULL, Mapping, Node, Scalar, parse

API_VERSION: Final = "cilium.io/v2"
KIND: Final = "CiliumNetworkPolicy"
# An object's name is a DNS subdomain in Kubernetes; capitals and underscores are let through for files never sent there.
_NAME: Final = re.compile("[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?")
_NAMESPACE: Final = re.compile("[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PEERS: Final = {Direction.INGRESS: "fromEndpoints", Direction.EGRESS: "toEndpoints"}


def read(source: Source) -> tuple[Policy, ...]:
    """The policies of a file, one for each spec. CompileError names everything that is wrong in it."""
    documents, wrong = parse(source)
    report = Report(list(wrong))
    named: dict[tuple[str, str], Text] = {}
    policies = [policy for document in documents if not _is_null(document) for policy in _document(document, named, report)]
    if not report.found and not policies:
        report.refuse("policy-no-document", Span(source, 1, 1, 1, 2), "this file holds no policy", f"write a {KIND} into it")
    if report.found:
        raise CompileError(sorted(report.found, key=_place))
    return tuple(policies)


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.span.line, diagnostic.span.column


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind == NULL


def _document(node: Node, named: dict[tuple[str, str], Text], report: Report) -> list[Policy]:
    """The policies of one document; its name joins `named`, those of the documents before it."""
    found = fields(node, ("apiVersion", "kind", "metadata", "spec", "specs"), report)
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        value = require(found, key, node.span, report)
        if value is not None:
            _check_kind(key, text(value, report), wanted, report)
    metadata = require(found, "metadata", node.span, report)
    name, namespace = _metadata(metadata, report) if metadata is not None else (Text("", node.span), DEFAULT_NAMESPACE)
    first = named.setdefault((namespace, name.value), name)
    if first is not name:
        # The second one would replace the first in a cluster; here their permissions would add up.
        message = f"the policy {name.value!r} of namespace {namespace!r} stands already in line {first.span.line}"
        report.refuse("policy-duplicate-name", name.span, message, "give it another name, or use `specs` for several rules")
    specs = [found["spec"].value] if "spec" in found else []
    specs += items(found["specs"].value, report) if "specs" in found else []
    if not specs:
        report.refuse("policy-missing-key", node.span, "the policy has neither 'spec' nor 'specs'", "add 'spec'")
    return [_spec(spec, name.value, namespace, report) for spec in specs]


def _check_kind(key: str, written: Text, wanted: str, report: Report) -> None:
    if written.value == wanted:
        return
    message = f"{key} {written.value!r} is not read here"
    if key == "kind" and written.value in KINDS_NOT_ENFORCED:
        message = f"pybpf does not enforce {KINDS_NOT_ENFORCED[written.value]} ({written.value}) yet"
    report.refuse("policy-kind", written.span, message, f"write {key}: {wanted}")


def _metadata(node: Node, report: Report) -> tuple[Text, str]:
    found = fields(node, ("name", "namespace", "labels", "annotations"), report)
    for key in ("labels", "annotations"):  # inert, but strings all the same
        if key in found and isinstance(mapping := found[key].value, Mapping):
            for entry in mapping.entries:
                text(entry.value, report)
    name = require(found, "name", node.span, report)
    written = _name(name, _NAME, report) if name is not None else Text("", node.span)
    namespace = _name(found["namespace"].value, _NAMESPACE, report).value if "namespace" in found else DEFAULT_NAMESPACE
    return written, namespace


def _name(node: Node, pattern: re.Pattern[str], report: Report) -> Text:
    """A name that has the form of `pattern`; reports any other."""
    already = len(report.found)
    written = text(node, report)
    if len(report.found) == already and not pattern.fullmatch(written.value):
        hint = "use letters, digits and '-', beginning and ending with a letter or digit; a namespace has no capitals"
        report.refuse("policy-name", written.span, f"{written.value!r} is no name", hint)
    return written


def _spec(node: Node, name: str, namespace: str, report: Report) -> Policy:
    found = fields(node, ("description", "endpointSelector", "ingress", "egress"), report)
    if "description" in found:
        text(found["description"].value, report)
    selector = require(found, "endpointSelector", node.span, report)
    nobody = Selector((), namespace, node.span)
    chosen = subject(selector, namespace, report) if selector is not None else nobody
    rules = [
        _rule(item, direction, namespace, report)
        for direction in Direction
        if direction.value in found
        for item in items(found[direction.value].value, report)
    ]
    if not rules:
        hint = "to select endpoints for default deny and allow nothing write `ingress: [{}]`"
        report.refuse("policy-no-rules", node.span, "neither ingress nor egress has an element", hint)
    return Policy(name, namespace, chosen, tuple(rules), node.span)


def _rule(node: Node, direction: Direction, namespace: str, report: Report) -> Rule:
    key = _PEERS[direction]
    found = fields(node, (key, "toPorts"), report)
    peers = tuple(peer(item, namespace, report) for item in items(found[key].value, report)) if key in found else None
    ports = tuple(port_rule(item, report) for item in items(found["toPorts"].value, report)) if "toPorts" in found else None
    return Rule(direction, peers, ports, node.span)
