"""Ports, ICMP types and what may be said there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.automata import parse as parse_pattern
from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.cilium.http import _PLAIN
from pybpf.compiler.policy.cilium.icmp import TYPES
from pybpf.compiler.policy.model.layer7 import (
    Dns,
    Generic,
    GenericRule,
    HeaderMatch,
    Http,
    HttpRule,
    Kafka,
    KafkaRule,
    Layer7,
    MatchKind,
    Mismatch,
    TextMatch,
)
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.model.policy import Authentication, Listener, PortRule, TlsContext
from pybpf.compiler.policy.model.ports import IcmpType, NamedPort, PortRange, Protocol
from tests.compiler.policy.cilium.documents import clusterwide, only_policy, only_rule

HERE = Span(Source("", ""), 1, 1, 1, 1)


def port_rule(element: str, direction: str = "egress") -> PortRule:
    """The one port rule of a rule with this element of toPorts."""
    (read,) = only_rule(f"{direction}: [{{toPorts: [{element}]}}]").port_rules or ()
    return read


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("port: '80'", PortRange(Protocol.ANY, 80, 80, HERE)),
        ("port: '80', protocol: tcp", PortRange(Protocol.TCP, 80, 80, HERE)),
        ("port: '80', protocol: ''", PortRange(Protocol.ANY, 80, 80, HERE)),
        ("port: '80', protocol: SCTP, endPort: 90", PortRange(Protocol.SCTP, 80, 90, HERE)),
        ("port: '80', endPort: 80", PortRange(Protocol.ANY, 80, 80, HERE)),
        ("port: '80', endPort: 0", PortRange(Protocol.ANY, 80, 80, HERE)),
        ("port: '0', protocol: UDP", PortRange(Protocol.UDP, 0, 65535, HERE)),
        ("port: '0'", PortRange(Protocol.ANY, 0, 65535, HERE)),
        ("port: '65535'", PortRange(Protocol.ANY, 65535, 65535, HERE)),
        ("port: HTTP-alt", NamedPort(Protocol.ANY, "http-alt", HERE)),
        ("port: '0x10'", NamedPort(Protocol.ANY, "0x10", HERE)),
        ("protocol: GRE", PortRange(Protocol.GRE, 0, 65535, HERE)),
        ("protocol: vrrp, port: '0'", PortRange(Protocol.VRRP, 0, 65535, HERE)),
        ("protocol: ESP, port: ''", PortRange(Protocol.ESP, 0, 65535, HERE)),
    ],
)
def test_ports_are_read(written: str, port: Any) -> None:
    assert port_rule(f"{{ports: [{{{written}}}]}}").ports == (port,)


@pytest.mark.parametrize(
    ("field", "protocol", "number"),
    [
        ("{type: 8}", Protocol.ICMP, 8),
        ("{type: '8'}", Protocol.ICMP, 8),
        ("{type: EchoRequest}", Protocol.ICMP, 8),
        ("{family: IPv4, type: ExtendedEchoReply}", Protocol.ICMP, 43),
        ("{family: IPv6, type: EchoRequest}", Protocol.ICMPV6, 128),
        ("{family: IPv6, type: 255}", Protocol.ICMPV6, 255),
    ],
)
def test_icmp_types_are_read_by_number_and_by_name(field: str, protocol: Protocol, number: int) -> None:
    (rule,) = only_rule(f"ingress: [{{icmps: [{{fields: [{field}]}}]}}]").port_rules or ()
    assert rule.ports == (IcmpType(protocol, number, HERE),)


def test_the_names_of_icmp_types_are_as_many_as_cilium_has() -> None:
    assert {protocol: len(types) for protocol, types in TYPES.items()} == {Protocol.ICMP: 14, Protocol.ICMPV6: 27}


def test_an_icmp_element_without_fields_covers_nothing() -> None:
    (rule,) = only_rule("ingress: [{icmps: [{}]}]").port_rules or ()
    assert rule.ports == ()


def match(kind: MatchKind, text: str) -> TextMatch:
    return TextMatch(kind, text, HERE)


def header(name: str, value: str | None, mismatch: Mismatch = Mismatch.REFUSE, secret: tuple[str, str] | None = None) -> HeaderMatch:
    return HeaderMatch(name, match(MatchKind.EXACT, value) if value is not None else None, mismatch, secret, HERE)


@pytest.mark.parametrize(
    ("written", "headers"),
    [
        ("headers: ['X-A: b c']", (header("X-A", "b c"),)),
        ("headers: ['X-A b']", (header("X-A", "b"),)),
        ("headers: ['X-A:', X-B]", (header("X-A", None), header("X-B", None))),
        ("headerMatches: [{name: X-A, value: b}, {name: X-B}]", (header("X-A", "b"), header("X-B", None))),
        ("headerMatches: [{name: X-A, value: b, mismatch: REPLACE}]", (header("X-A", "b", Mismatch.REPLACE),)),
        ("headerMatches: [{name: X-A, value: b, mismatch: ''}]", (header("X-A", "b"),)),
        ("headerMatches: [{name: X-A, secret: {name: s}}]", (header("X-A", None, secret=("shop", "s")),)),
        ("headerMatches: [{name: X-A, secret: {name: s, namespace: t}}]", (header("X-A", None, secret=("t", "s")),)),
    ],
)
def test_headers_are_read(written: str, headers: tuple[HeaderMatch, ...]) -> None:
    layer7 = port_rule(f"{{ports: [{{port: '80', protocol: TCP}}], rules: {{http: [{{{written}}}]}}}}").layer7
    assert layer7 == Http((HttpRule(None, None, None, headers, HERE),))


PRODUCE = KafkaRule(frozenset({0, 3, 18}), 2, None, "seats", HERE)


@pytest.mark.parametrize(
    ("rules", "layer7"),
    [
        ("{}", None),
        ("{http: []}", None),
        ("{dns: []}", None),
        ("{http: [{}]}", Http((HttpRule(None, None, None, (), HERE),))),
        (
            "{http: [{method: GET|POST, path: /a/.*, host: '(?i)api'}]}",
            Http(
                (
                    HttpRule(
                        match(MatchKind.REGEX, "GET|POST"),
                        match(MatchKind.REGEX, "/a/.*"),
                        match(MatchKind.REGEX, "(?i)api"),
                        (),
                        HERE,
                    ),
                )
            ),
        ),
        ("{dns: [{matchPattern: '*'}]}", Dns((DnsPattern("*", False, HERE),))),
        ("{kafka: [{}]}", Kafka((KafkaRule(None, None, None, None, HERE),))),
        ("{kafka: [{role: Produce, apiVersion: '2', topic: seats}]}", Kafka((PRODUCE,))),
        ("{kafka: [{apiKey: Fetch, clientID: c}]}", Kafka((KafkaRule(frozenset({1}), None, "c", None, HERE),))),
        ("{l7proto: r2d2}", Generic("r2d2", ())),
        ("{l7proto: r2d2, l7: [{cmd: READ}]}", Generic("r2d2", (GenericRule((("cmd", "READ"),), HERE),))),
    ],
)
def test_rules_of_each_protocol_are_read(rules: str, layer7: Layer7 | None) -> None:
    assert port_rule(f"{{ports: [{{port: '80', protocol: TCP}}], rules: {rules}}}").layer7 == layer7


def test_dns_rules_may_be_on_any_protocol_of_ports() -> None:
    for protocol in ("TCP", "UDP", "ANY"):
        element = f"{{ports: [{{port: '53', protocol: {protocol}}}], rules: {{dns: [{{matchName: a.b}}]}}}}"
        assert port_rule(element).layer7 == Dns((DnsPattern("a.b", True, HERE),))


def test_server_names_are_read_without_regard_to_case() -> None:
    names = port_rule("{ports: [{port: '443'}], serverNames: [API.example.com., '*.example.com', '**']}").server_names
    assert names == (DnsPattern("api.example.com", True, HERE), DnsPattern("*.example.com", False, HERE), DnsPattern("**", False, HERE))


def test_what_is_left_to_envoy_is_kept() -> None:
    tls = "terminatingTLS: {secret: {name: s}}, originatingTLS: {secret: {namespace: t, name: u}, trustedCA: ca}"
    rule = port_rule(f"{{ports: [{{port: '443', protocol: TCP}}], {tls}, rules: {{http: [{{}}]}}, serverNames: [a.b]}}")
    assert rule.terminating_tls == TlsContext(("shop", "s"), "ca.crt", "tls.crt", "tls.key")
    assert rule.originating_tls == TlsContext(("t", "u"), "ca", "tls.crt", "tls.key")


def test_a_listener_is_of_the_scope_of_its_policy_unless_it_says_otherwise() -> None:
    element = "{ports: [{port: '443'}], listener: {envoyConfig: {name: e}, name: l, priority: 7}}"
    assert port_rule(element).listener == Listener("CiliumEnvoyConfig", "e", "l", 7)
    (rule,) = only_policy(clusterwide(f"egress: [{{toPorts: [{element}]}}]")).rules[0].port_rules or ()
    assert rule.listener == Listener("CiliumClusterwideEnvoyConfig", "e", "l", 7)


def test_authentication_is_kept_and_its_absence_is_none() -> None:
    assert only_rule("ingress: [{fromEntities: [host]}]").authentication is None
    rule = only_rule("ingress: [{fromEntities: [host], authentication: {mode: disabled}}]")
    assert rule.authentication is Authentication.DISABLED


@given(st.from_regex(_PLAIN, fullmatch=True))
def test_patterns_that_are_taken_for_plain_are_regular_expressions(text: str) -> None:
    parse_pattern(text)
