"""CiliumNetworkPolicy YAML -> Policy values.

Understood: endpointSelector, fromEndpoints, toEndpoints (matchLabels), toPorts with ports and HTTP rules by method
and path. Everything else under spec is an error: most of Cilium's other keys narrow what a rule allows.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.diag import CompileError, Diagnostic, Source, Span
from pybpf.compiler.policy.fields import Report, fields, items, require, text
from pybpf.compiler.policy.labels import DEFAULT_NAMESPACE, peer, subject
from pybpf.compiler.policy.model import Direction, HttpRule, Policy, Port, PortRule, Protocol, Rule, Selector, Text
from pybpf.compiler.policy.positions import NULL, Mapping, Node, Scalar, parse

API_VERSION: Final = "cilium.io/v2"
KIND: Final = "CiliumNetworkPolicy"
MAX_PORTS: Final = 40
_PEERS: Final = {Direction.INGRESS: "fromEndpoints", Direction.EGRESS: "toEndpoints"}
_PROTOCOLS: Final = {protocol.name: protocol for protocol in Protocol}


def read(source: Source) -> tuple[Policy, ...]:
    """The policies of a file, one for each spec. CompileError names everything that is wrong in it."""
    documents, wrong = parse(source)
    report = Report(list(wrong))
    policies = [policy for document in documents if not _is_null(document) for policy in _document(document, report)]
    if not report.found and not policies:
        report.refuse("policy-no-document", Span(source, 1, 1, 1, 2), "this file holds no policy", f"write a {KIND} into it")
    if report.found:
        raise CompileError(sorted(report.found, key=_place))
    return tuple(policies)


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.span.line, diagnostic.span.column


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind == NULL


def _document(node: Node, report: Report) -> list[Policy]:
    found = fields(node, ("apiVersion", "kind", "metadata", "spec", "specs"), report)
    for key, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
        value = require(found, key, node.span, report)
        if value is not None and text(value, report).value != wanted:
            report.refuse("policy-kind", value.span, f"this {key} is not read", f"write {key}: {wanted}")
    metadata = require(found, "metadata", node.span, report)
    name, namespace = _metadata(metadata, report) if metadata is not None else ("", DEFAULT_NAMESPACE)
    specs = [found["spec"].value] if "spec" in found else []
    specs += items(found["specs"].value, report) if "specs" in found else []
    if not specs:
        report.refuse("policy-missing-key", node.span, "the policy has neither 'spec' nor 'specs'", "add 'spec'")
    return [_spec(spec, name, namespace, report) for spec in specs]


def _metadata(node: Node, report: Report) -> tuple[str, str]:
    found = fields(node, ("name", "namespace", "labels", "annotations"), report)
    for key in ("labels", "annotations"):  # inert, but strings all the same
        if key in found and isinstance(mapping := found[key].value, Mapping):
            for entry in mapping.entries:
                text(entry.value, report)
    name = require(found, "name", node.span, report)
    namespace = text(found["namespace"].value, report).value if "namespace" in found else DEFAULT_NAMESPACE
    return text(name, report).value if name is not None else "", namespace


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
    ports = tuple(_port_rule(item, report) for item in items(found["toPorts"].value, report)) if "toPorts" in found else None
    return Rule(direction, peers, ports, node.span)


def _port_rule(node: Node, report: Report) -> PortRule:
    found = fields(node, ("ports", "rules"), report)
    nodes = items(found["ports"].value, report) if "ports" in found else ()
    if len(nodes) > MAX_PORTS:
        message = f"{len(nodes)} ports in one element are more than {MAX_PORTS}"
        report.refuse("policy-too-many-ports", nodes[MAX_PORTS].span, message, "split the element in two")
    ports = tuple(_port(item, report) for item in nodes)
    http = _http(found["rules"].value, report) if "rules" in found else None
    if http is not None:
        for item, port in zip(nodes, ports, strict=True):
            if port.protocol is not Protocol.TCP:
                hint = "write protocol: TCP, or move the other protocols to an element without rules"
                report.refuse("policy-http-protocol", item.span, "HTTP rules need protocol TCP", hint)
            if port.number == 0:
                report.refuse("policy-http-port", item.span, "HTTP rules need a port", "name the port that speaks HTTP")
    return PortRule(ports, http, node.span)


def _port(node: Node, report: Report) -> Port:
    found = fields(node, ("port", "protocol"), report)
    protocol = Protocol.ANY
    if "protocol" in found:
        word = text(found["protocol"].value, report)
        if word.value.upper() not in _PROTOCOLS:
            report.refuse("policy-protocol", word.span, f"{word.value!r} is no protocol known here", f"write one of {', '.join(_PROTOCOLS)}")
        protocol = _PROTOCOLS.get(word.value.upper(), Protocol.ANY)
    value = require(found, "port", node.span, report)
    return Port(_port_number(text(value, report), report) if value is not None else 0, protocol)


def _port_number(word: Text, report: Report) -> int:
    if word.value.isascii() and word.value.isdigit() and len(word.value) <= 5 and int(word.value) <= 65535:
        return int(word.value)
    if any(character.isalpha() for character in word.value):
        report.refuse("policy-not-enforced", word.span, f"pybpf does not enforce named ports ({word.value!r}) yet", "write the number")
    else:
        report.refuse("policy-port", word.span, f"{word.value!r} is no port", 'write a number from 0 to 65535 in quotes, such as "80"')
    return 0


def _http(node: Node, report: Report) -> tuple[HttpRule, ...] | None:
    """The HTTP rules; an absent or empty list does not look at requests at all."""
    found = fields(node, ("http",), report)
    if "http" not in found:
        return None
    return tuple(_http_rule(item, report) for item in items(found["http"].value, report)) or None


def _http_rule(node: Node, report: Report) -> HttpRule:
    found = fields(node, ("method", "path"), report)
    method, path = (text(found[key].value, report) if key in found else None for key in ("method", "path"))
    return HttpRule(method, path, node.span)
