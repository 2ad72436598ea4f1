"""`rules` nodes -> what may be said on a port: one protocol's requests, or nothing looked at."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.cilium.http import http_rule
from pybpf.compiler.policy.cilium.kafka import kafka_rule
from pybpf.compiler.policy.cilium.names import dns_name
from pybpf.compiler.policy.cilium.port_shapes import RULES
from pybpf.compiler.policy.cilium.texts import filled
from pybpf.compiler.policy.model.layer7 import Dns, Generic, GenericRule, Http, Kafka, Layer7
from pybpf.compiler.policy.text.fields import fields, items, strings
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

_LISTS: Final = ("http", "dns", "kafka")
_PARSER: Final = "l7proto"


def layer7(node: Node, namespace: str | None, report: Report) -> Layer7 | None:
    """The requests that `rules` allow; None where they say nothing (no list, or an empty one), or after a report."""
    found = fields(node, RULES, report)
    if "l7" in found and _PARSER not in found:
        message = "'l7' may only be specified when a 'l7proto' is also specified"
        report.refuse("policy-layer7-types", found["l7"].key.span, message, "add l7proto, the parser that these rules are for")
    kinds = [key for key in (*_LISTS, _PARSER) if key in found]
    if len(kinds) > 1:
        message = f"multiple L7 protocol rule types specified in single rule: {' and '.join(kinds)}"
        report.refuse("policy-layer7-types", found[kinds[1]].key.span, message, "make two elements of toPorts of it")
    listed = {key: items(found[key].value, report) for key in _LISTS if key in found}
    http = tuple(http_rule(each, namespace, report) for each in listed.get("http", ()))
    names = [dns_name(each, report) for each in listed.get("dns", ())]
    kafka = [kafka_rule(each, report) for each in listed.get("kafka", ())]
    parser = filled(found.get(_PARSER), report)
    generic = tuple(_generic(each, report) for each in items(found["l7"].value, report)) if "l7" in found else ()
    if http:
        return Http(http)
    if names:
        return Dns(tuple(each for each in names if each is not None))
    if kafka:
        return Kafka(tuple(each for each in kafka if each is not None))
    return Generic(parser.value, generic) if parser is not None else None


def _generic(node: Node, report: Report) -> GenericRule:
    """An item of l7."""
    written = strings(node, report)
    for key, _ in written:
        if not key.value:
            report.refuse("policy-empty", key.span, "a condition has no name", "write one before the colon")
    return GenericRule(tuple((key.value, value.value) for key, value in written), node.span)
