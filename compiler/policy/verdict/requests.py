"""Whether request rules cover a request: HTTP, DNS, Kafka, TLS server names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pybpf.compiler.policy.model.flow import DnsQuery, Fit, HttpRequest, KafkaRequest
from pybpf.compiler.policy.model.layer7 import HeaderMatch, HttpRule, KafkaRule, Mismatch
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.patterns import (
    accepts,
    accepts_name,
    dns_pattern,
    host_pattern,
    path_pattern,
    server_name_pattern,
    value_pattern,
)
from pybpf.compiler.policy.verdict.connections import full_name

# API keys whose requests name topics (kafka.apache.org/protocol): for others a rule's topic says nothing.
WITH_TOPICS: Final = frozenset((0, 1, 2, 3, 8, 9, 19, 20, 21, 23, 24, 28))


def http_fit(rule: HttpRule, request: HttpRequest) -> Fit:
    """All that a rule names must match. A request that asks for another protocol needs a rule for WebSocket, and asks for that."""
    if rule.method is not None and not accepts(value_pattern, rule.method, request.method):
        return Fit.METHOD
    if rule.path is not None and not accepts(path_pattern, rule.path, request.path):
        return Fit.PATH
    if rule.host is not None and not accepts(host_pattern, rule.host, request.host):
        return Fit.HOST
    asks = any(name.lower() == "upgrade" for name, _ in request.headers)
    if asks != rule.websocket or (asks and [value.lower() for name, value in request.headers if name.lower() == "upgrade"] != ["websocket"]):
        return Fit.HEADER
    return Fit.COVERS if all(_header_fits(each, request) for each in rule.headers) else Fit.HEADER


def dns_fit(pattern: DnsPattern, query: DnsQuery) -> Fit:
    """The name of the first question decides; its type does not count."""
    return Fit.COVERS if accepts_name(dns_pattern, pattern, full_name(query.name)) else Fit.NAME


def names_server(patterns: Iterable[DnsPattern], name: str | None) -> bool:
    """Whether one of the patterns is for this server name; a client that names none is let in by none."""
    bare = (name or "").lower().removesuffix(".")
    return bool(bare) and any(accepts_name(server_name_pattern, pattern, bare) for pattern in patterns)


def kafka_fit(rule: KafkaRule, request: KafkaRequest) -> Fit:
    """Whether a rule covers all of a request by itself."""
    return Fit.COVERS if covers_kafka([rule], request) else Fit.KAFKA


def denies_kafka(rule: KafkaRule, request: KafkaRequest) -> bool:
    """Whether a rule that denies is about a request: about any of its topics, or about what it asks for without one."""
    if not _fits_but_for_topic(rule, request):
        return False
    return request.api_key not in WITH_TOPICS or not request.topics or rule.topic is None or rule.topic in request.topics


def covers_kafka(rules: Sequence[KafkaRule], request: KafkaRequest) -> bool:
    """Every topic of a request needs a rule that covers it; a request without topics needs one that covers the rest."""
    fitting = [rule for rule in rules if _fits_but_for_topic(rule, request)]
    if request.api_key not in WITH_TOPICS or not request.topics:
        return bool(fitting)
    return all(any(rule.topic in (None, topic) for rule in fitting) for topic in request.topics)


def _fits_but_for_topic(rule: KafkaRule, request: KafkaRequest) -> bool:
    return (
        (rule.api_keys is None or request.api_key in rule.api_keys)
        and rule.api_version in (None, request.api_version)
        and rule.client_id in (None, request.client_id)
    )


def _header_fits(wanted: HeaderMatch, request: HttpRequest) -> bool:
    """Several headers of one name count as one, joined by commas. What is in a secret is not known here: no match."""
    if wanted.mismatch is not Mismatch.REFUSE:
        return True
    values = [value for name, value in request.headers if name.lower() == wanted.name.lower()]
    if wanted.secret is not None or not values:
        return False
    return wanted.match is None or accepts(value_pattern, wanted.match, ",".join(values))
