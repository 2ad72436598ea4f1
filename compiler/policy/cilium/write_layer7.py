"""What may be said on a port -> `rules`."""

from __future__ import annotations

from typing import assert_never

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.cilium.kafka import API_KEYS, ROLES
from pybpf.compiler.policy.cilium.plain import Data, Object, changed, not_in_cilium
from pybpf.compiler.policy.cilium.regexes import host_regex, method_regex, path_regex
from pybpf.compiler.policy.model.layer7 import (
    Dns,
    Generic,
    HeaderMatch,
    Http,
    HttpRule,
    Kafka,
    KafkaRule,
    Layer7,
    MatchKind,
    Mismatch,
)
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.text.report import Report


def written_rules(layer7: Layer7, span: Span, report: Report) -> Data:
    """The `rules` of an element of toPorts at `span`. An empty list says that nothing may be asked for, and would be read as if
    nothing were looked at: it is reported."""
    match layer7:
        case Http(rules):
            written: list[Data] = [_http(each, report) for each in rules]
            key = "http"
        case Dns(patterns):
            written, key = [written_name(each) for each in patterns], "dns"
        case Kafka(kafka_rules):
            written, key = [element for each in kafka_rules for element in _kafka(each)], "kafka"
            _warn_of_removed("kafka", span, report)
        case Generic(parser, generic_rules):
            _warn_of_removed("l7proto", span, report)
            own: Object = {"l7": [dict(each.fields) for each in generic_rules]} if generic_rules else {}
            return {"l7proto": parser, **own}
        case _:
            assert_never(layer7)
    if not written:
        not_in_cilium(span, "requests are looked at and none is allowed", report)
    return {key: written}


def written_name(pattern: DnsPattern) -> Data:
    """An item of toFQDNs or of DNS rules."""
    return {"matchName" if pattern.exact else "matchPattern": pattern.text or "."}


def _warn_of_removed(key: str, span: Span, report: Report) -> None:
    message = f"Cilium 1.20 has no `{key}` any more: its API server drops the key, and then the port is open"
    changed(span, message, "apply it to Cilium 1.19 or older only", report)


def _http(rule: HttpRule, report: Report) -> Data:
    written: Object = {}
    if rule.websocket:
        not_in_cilium(rule.span, "a rule for requests that ask for WebSocket, and no others", report)
    if rule.method is not None:
        written["method"] = method_regex(rule.method)
    if rule.path is not None:
        written["path"] = path_regex(rule.path)
    if rule.host is not None:
        written["host"] = host_regex(rule.host)
    if rule.headers:
        written["headerMatches"] = [_header(each, report) for each in rule.headers]
    return written


def _header(header: HeaderMatch, report: Report) -> Data:
    written: Object = {"name": header.name}
    if header.match is not None and header.match.kind is not MatchKind.EXACT:
        not_in_cilium(header.span, f"a header by {header.match.kind.value}: Cilium has exact values only", report)
    elif header.match is not None:
        written["value"] = header.match.text
    if header.secret is not None:
        namespace, name = header.secret
        written["secret"] = {"namespace": namespace, "name": name}
    if header.mismatch is not Mismatch.REFUSE:
        written["mismatch"] = header.mismatch.value
    return written


def _kafka(rule: KafkaRule) -> list[Data]:
    """A rule, or one for each API key where no role has just these."""
    rest: Object = {}
    if rule.api_version is not None:
        rest["apiVersion"] = str(rule.api_version)
    if rule.client_id is not None:
        rest["clientID"] = rule.client_id
    if rule.topic is not None:
        rest["topic"] = rule.topic
    if rule.api_keys is None:
        return [rest]
    for role, keys in ROLES.items():
        if rule.api_keys == keys:
            return [{"role": role, **rest}]
    return [{"apiKey": API_KEYS[number], **rest} for number in sorted(rule.api_keys)]
