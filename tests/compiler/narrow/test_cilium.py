"""What a good policy file says, with its places."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.narrow import Direction, Policy, Port, Protocol, Rule, read

FLIGHTS = Path(__file__).resolve().parents[3] / "examples" / "flights" / "read-flights.yaml"
HEAD = "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p, namespace: shop}, spec: "


def policy(spec: str) -> Policy:
    (only,) = read(Source("policy.yaml", HEAD + spec + "}"))
    return only


def rule(element: str) -> Rule:
    (only,) = policy(f"{{endpointSelector: {{}}, ingress: [{element}]}}").rules
    return only


def test_the_flights_policy_is_read_whole() -> None:
    (flights,) = read(Source("read-flights.yaml", FLIGHTS.read_text()))
    assert (flights.name, flights.namespace) == ("readFlightsRule", "default")
    assert flights.subject.match_labels == (("app", "flights_service"),)
    (only,) = flights.rules
    assert only.direction is Direction.INGRESS
    assert only.peers is not None and only.to_ports is not None
    assert [(peer.match_labels, peer.namespace) for peer in only.peers] == [((("app", "flights_board"), ("env", "prod")), "default")]
    assert only.to_ports[0].ports == (Port(80, Protocol.TCP),)


def test_patterns_keep_the_place_of_their_scalar_with_its_quotes() -> None:
    text = FLIGHTS.read_text()
    (flights,) = read(Source("read-flights.yaml", text))
    http = (flights.rules[0].to_ports or ())[0].http
    assert http is not None and http[0].path is not None
    span = http[0].path.span
    assert text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1] == '"/flights"'
    assert http[0].path.value == "/flights"


def test_absent_and_empty_peers_stay_apart() -> None:
    assert rule("{}").peers is None
    assert rule("{fromEndpoints: []}").peers == ()
    assert len(rule("{fromEndpoints: [{}]}").peers or ()) == 1


def test_absent_and_empty_ports_stay_apart() -> None:
    assert rule("{}").to_ports is None
    assert rule("{toPorts: []}").to_ports == ()
    assert [each.ports for each in rule("{toPorts: [{}]}").to_ports or ()] == [()]


@pytest.mark.parametrize(
    ("rules", "count"), [("", None), (", rules: {}", None), (", rules: {http: []}", None), (", rules: {http: [{}]}", 1)]
)
def test_only_a_list_with_elements_looks_at_requests(rules: str, count: int | None) -> None:
    (only,) = rule(f'{{toPorts: [{{ports: [{{port: "80", protocol: TCP}}]{rules}}}]}}').to_ports or ()
    assert (None if only.http is None else len(only.http)) == count


def test_an_http_rule_without_keys_matches_every_request() -> None:
    (only,) = rule('{toPorts: [{ports: [{port: "80", protocol: tcp}], rules: {http: [{}]}}]}').to_ports or ()
    assert [(each.method, each.path) for each in only.http or ()] == [(None, None)]


@pytest.mark.parametrize(
    ("port", "read_as"),
    [
        ('{port: "53"}', Port(53, Protocol.ANY)),
        ('{port: "53", protocol: ANY}', Port(53, Protocol.ANY)),
        ('{port: "53", protocol: udp}', Port(53, Protocol.UDP)),
        ('{port: "0", protocol: Sctp}', Port(0, Protocol.SCTP)),
        ('{port: "65535", protocol: TCP}', Port(65535, Protocol.TCP)),
    ],
)
def test_protocols_have_no_case_and_default_to_any(port: str, read_as: Port) -> None:
    (only,) = rule(f"{{toPorts: [{{ports: [{port}]}}]}}").to_ports or ()
    assert only.ports == (read_as,)


@pytest.mark.parametrize("key", ["app", "k8s:app", "any:app"])
def test_label_sources_of_kubernetes_fall_away(key: str) -> None:
    assert policy(f'{{endpointSelector: {{matchLabels: {{"{key}": a}}}}, ingress: [{{}}]}}').subject.match_labels == (("app", "a"),)


@pytest.mark.parametrize("prefix", ["", "k8s:", "any:"])
def test_a_peer_reaches_another_namespace_only_by_name(prefix: str) -> None:
    (named,) = rule(f'{{fromEndpoints: [{{matchLabels: {{"{prefix}io.kubernetes.pod.namespace": other}}}}]}}').peers or ()
    (bare,) = rule("{fromEndpoints: [{}]}").peers or ()
    assert (named.namespace, named.match_labels) == ("other", ())
    assert bare.namespace == "shop"


def test_spec_and_specs_add_up() -> None:
    text = HEAD + "{endpointSelector: {}, ingress: [{}]}, specs: [{endpointSelector: {}, egress: [{}]}]}"
    assert [each.rules[0].direction for each in read(Source("policy.yaml", text))] == [Direction.INGRESS, Direction.EGRESS]


def test_several_documents_are_read_and_empty_ones_skipped() -> None:
    one = HEAD + "{endpointSelector: {}, ingress: [{}]}}\n"
    text = f"---\n{one}---\n# nothing\n---\n{one.replace('name: p,', 'name: q,')}"
    assert [each.name for each in read(Source("policy.yaml", text))] == ["p", "q"]


def test_an_empty_direction_beside_a_full_one_has_no_rules() -> None:
    assert [each.direction for each in policy("{endpointSelector: {}, ingress: [{}], egress: []}").rules] == [Direction.INGRESS]
