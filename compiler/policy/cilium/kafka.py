"""Kafka rules: roles and API keys by name. (github.com/cilium/proxy, pkg/policy/api/kafka)"""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from typing import Final

from pybpf.compiler.policy.cilium.port_shapes import KAFKA
from pybpf.compiler.policy.cilium.texts import filled
from pybpf.compiler.policy.model.layer7 import KafkaRule
from pybpf.compiler.policy.text.fields import Text, did_you_mean, fields
from pybpf.compiler.policy.text.positions import Entry, Node
from pybpf.compiler.policy.text.report import Report

# The name of each API key at its number.
API_KEYS: Final = (
    *("produce", "fetch", "offsets", "metadata", "leaderandisr", "stopreplica", "updatemetadata", "controlledshutdown"),
    *("offsetcommit", "offsetfetch", "findcoordinator", "joingroup", "heartbeat", "leavegroup", "syncgroup", "describegroups"),
    *("listgroups", "saslhandshake", "apiversions", "createtopics", "deletetopics", "deleterecords", "initproducerid"),
    *("offsetforleaderepoch", "addpartitionstotxn", "addoffsetstotxn", "endtxn", "writetxnmarkers", "txnoffsetcommit"),
    *("describeacls", "createacls", "deleteacls", "describeconfigs", "alterconfigs"),
)
ROLES: Final[Table[str, frozenset[int]]] = {
    "produce": frozenset({0, 3, 18}),
    "consume": frozenset({1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18}),
}
_KEYS: Final[Table[str, frozenset[int]]] = {name: frozenset({number}) for number, name in enumerate(API_KEYS)}
LAST_VERSION: Final = 32767
_VERSION: Final = re.compile("0|[1-9][0-9]{0,4}")
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,255}")


def kafka_rule(node: Node, report: Report) -> KafkaRule | None:
    """An item of kafka; None after a report."""
    already = report.errors
    found = fields(node, KAFKA, report)
    if "role" in found and "apiKey" in found:
        message = "Cannot set both Role and APIKey together"
        report.refuse("policy-one-of", found["apiKey"].key.span, message, "remove one of them, or make two rules of it")
    role, key = filled(found.get("role"), report), filled(found.get("apiKey"), report)
    keys = keys_of_role(role, report) if role is not None else None
    if key is not None:
        keys = keys_of_name(key, report)
    version = _version(found.get("apiVersion"), report)
    client = filled(found.get("clientID"), report)
    topic = filled(found.get("topic"), report)
    if topic is not None:
        check_topic(topic, report)
    if report.errors > already:
        return None
    return KafkaRule(keys, version, client.value if client else None, topic.value if topic else None, node.span)


def keys_of_role(role: Text, report: Report) -> frozenset[int] | None:
    """The API keys that a role needs; None after a report."""
    return _named(role, ROLES, report)


def keys_of_name(name: Text, report: Report) -> frozenset[int] | None:
    """The API key of this name, alone; None after a report."""
    return _named(name, _KEYS, report)


def check_topic(topic: Text, report: Report) -> None:
    """Report a text that no topic is called by."""
    if not _TOPIC.fullmatch(topic.value):
        report.refuse("policy-kafka", topic.span, f"{topic.value!r} is not a topic", "use at most 255 letters, digits, '.', '_' and '-'")


def _named(written: Text, known: Table[str, frozenset[int]], report: Report) -> frozenset[int] | None:
    """What a name stands for, in any case; None after a report."""
    keys = known.get(written.value.lower())
    if keys is None:
        report.refuse("policy-kafka", written.span, f"{written.value!r} is not known to Kafka rules", did_you_mean(written.value, known))
    return keys


def _version(entry: Entry | None, report: Report) -> int | None:
    written = filled(entry, report)
    if written is None:
        return None
    if not _VERSION.fullmatch(written.value) or int(written.value) > LAST_VERSION:
        report.refuse("policy-kafka", written.span, f"{written.value!r} is no version", f"write a decimal number from 0 to {LAST_VERSION} in quotes")
        return None
    return int(written.value)
