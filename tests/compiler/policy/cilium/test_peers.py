"""Peers of rules: each kind, and what absent and empty lists mean."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.cilium import cidr_group, policies
from pybpf.compiler.policy.model.inventory import CidrGroup
from pybpf.compiler.policy.model.labels import Label, Operator, Requirement, Selector
from pybpf.compiler.policy.model.peers import (
    Cidr,
    CidrGroups,
    CloudGroups,
    DnsNames,
    DnsPattern,
    Entities,
    Entity,
    Nodes,
    Services,
)
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report
from tests.compiler.policy.cilium.documents import namespaced, only_rule

HERE = Span(Source("", ""), 1, 1, 1, 1)


def selector(*asked: Requirement) -> Selector:
    return Selector(asked, HERE)


@pytest.mark.parametrize(
    ("element", "peers", "port_rules"),
    [
        ("{}", (), None),
        ("{fromEndpoints: []}", (), None),
        ("{toPorts: []}", (), None),
        ("{toPorts: [{ports: [{port: '80'}]}]}", None, 1),
        ("{icmps: [{fields: [{type: 8}]}]}", None, 1),
        ("{fromEndpoints: [], toPorts: [{ports: [{port: '80'}]}]}", (), 1),
        ("{fromNodes: [], toPorts: [{ports: [{port: '80'}]}]}", (), 1),
        ("{fromCIDR: [], toPorts: [{ports: [{port: '80'}]}]}", (), 1),
        ("{fromCIDRSet: [], toPorts: [{ports: [{port: '80'}]}]}", (), 1),
        ("{fromEntities: [], toPorts: [{ports: [{port: '80'}]}]}", (), 1),
        ("{fromGroups: [], toPorts: [{ports: [{port: '80'}]}]}", (), 1),
        ("{toPorts: [{}]}", None, 1),
    ],
)
def test_absent_and_empty_lists_stay_distinct(element: str, peers: tuple[()] | None, port_rules: int | None) -> None:
    rule = only_rule(f"ingress: [{element}]")
    assert rule.peers == peers
    assert (None if rule.port_rules is None else len(rule.port_rules)) == port_rules


@pytest.mark.parametrize("empty", ["toFQDNs", "toServices", "toGroups"])
def test_empty_lists_that_are_anybody_to_cilium_are_nobody(empty: str) -> None:
    assert only_rule(f"egress: [{{{empty}: [], toPorts: [{{ports: [{{port: '80'}}]}}]}}]").peers == ()


def test_an_empty_list_of_ports_beside_peers_is_every_port() -> None:
    rule = only_rule("ingress: [{fromEntities: [host], toPorts: []}]")
    assert rule.peers is not None and rule.port_rules is None


def test_an_element_of_ports_without_a_port_covers_nothing() -> None:
    for element in ("{}", "{ports: []}", "{rules: {http: [{}]}}"):
        rule = only_rule(f"ingress: [{{toPorts: [{element}]}}]")
        assert rule.port_rules is not None and rule.port_rules[0].ports == ()


NAMED = Requirement("any", "role", Operator.IN, ("edge",))


@pytest.mark.parametrize(
    ("written", "peer"),
    [
        ("toEntities: [kube-apiserver]", Entities(Entity.KUBE_APISERVER, HERE)),
        ("toEntities: [world-ipv6]", Entities(Entity.WORLD_IPV6, HERE)),
        ("toCIDR: [192.0.2.0/24]", Cidr(ip_network("192.0.2.0/24"), (), HERE)),
        ("toCIDR: ['::/0']", Cidr(ip_network("::/0"), (), HERE)),
        (
            "toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16, 10.1.0.0/16, 10.9.0.0/16]}]",
            Cidr(ip_network("10.0.0.0/8"), (ip_network("10.1.0.0/16"), ip_network("10.9.0.0/16")), HERE),
        ),
        ("toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]", Cidr(ip_network("10.0.0.0/8"), (ip_network("10.0.0.0/8"),), HERE)),
        ("toCIDRSet: [{cidrGroupRef: partners}]", CidrGroups("partners", None, (), HERE)),
        (
            "toCIDRSet: [{cidrGroupSelector: {matchLabels: {role: edge}}, except: [10.0.0.0/8]}]",
            CidrGroups(
                None,
                selector(Requirement("cidrgroup", "role", Operator.IN, ("edge",))),
                (ip_network("10.0.0.0/8"),),
                HERE,
            ),
        ),
        ("toNodes: [{matchLabels: {'k8s:role': edge}}]", Nodes(selector(NAMED))),
        ("toServices: [{k8sService: {serviceName: a, namespace: b}}]", Services("a", None, "b", HERE)),
        ("toServices: [{k8sService: {serviceName: a}}]", Services("a", None, None, HERE)),
        (
            "toServices: [{k8sServiceSelector: {selector: {matchLabels: {'k8s:role': edge}}, namespace: b}}]",
            Services(None, selector(NAMED), "b", HERE),
        ),
        ("toFQDNs: [{matchName: API.example.com.}]", DnsNames(DnsPattern("api.example.com", True, HERE))),
        ("toFQDNs: [{matchPattern: '**.Example.com'}]", DnsNames(DnsPattern("**.example.com", False, HERE))),
    ],
)
def test_each_kind_of_peer_is_read(written: str, peer: Any) -> None:
    assert only_rule(f"egress: [{{{written}}}]").peers == (peer,)


def test_a_clouds_groups_are_kept_as_written() -> None:
    group = "{aws: {securityGroupsIds: [b, a], labels: {team: air}, region: moon}}"
    (document,), _ = parse(Source("", namespaced(f"ingress: [{{fromGroups: [{group}]}}]")))
    (policy,) = policies(document, Report())
    fields = (("labels.team", ("air",)), ("region", ("moon",)), ("securityGroupsIds", ("b", "a")))
    assert policy.rules[0].peers == (CloudGroups("aws", fields, HERE),)


def test_expressions_are_requirements() -> None:
    expressions = "{key: a, operator: NotIn, values: [y, x, y]}, {key: b, operator: DoesNotExist}, {key: c, operator: In, values: [z]}"
    rule = only_rule(f"ingress: [{{fromNodes: [{{matchExpressions: [{expressions}]}}]}}]")
    asked = (
        Requirement("any", "a", Operator.NOT_IN, ("x", "y")),
        Requirement("any", "b", Operator.DOES_NOT_EXIST),
        Requirement("any", "c", Operator.IN, ("z",)),
    )
    assert rule.peers == (Nodes(selector(*asked)),)


def group(version: str, metadata: str, spec: str) -> tuple[CidrGroup | None, list[str]]:
    text = f"apiVersion: {version}\nkind: CiliumCIDRGroup\nmetadata: {metadata}\nspec: {spec}\n"
    (document,), _ = parse(Source("group.yaml", text))
    report = Report()
    return cidr_group(document, report), [each.code for each in report.found]


@pytest.mark.parametrize("version", ["cilium.io/v2", "cilium.io/v2alpha1"])
def test_groups_of_networks_are_read_in_both_versions(version: str) -> None:
    read, _ = group(version, "{name: partners, labels: {role: edge}}", "{externalCIDRs: [192.0.2.0/24, '2001:db8::/32']}")
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert read == CidrGroup("partners", (Label("cidrgroup", "role", "edge"),), networks)


@pytest.mark.parametrize(
    ("metadata", "spec", "code"),
    [
        ("{name: partners}", "{externalCIDRs: [192.0.2.7]}", "policy-cidr"),
        ("{name: partners}", "{externalCIDR: []}", "policy-unknown-key"),
        ("{name: partners}", "{}", "policy-missing-key"),
        ("{name: partners, labels: {a: 'b c'}}", "{externalCIDRs: []}", "policy-label"),
        ("{name: partners, namespace: shop}", "{externalCIDRs: []}", "policy-removed-key"),
    ],
)
def test_a_group_with_an_error_is_no_group(metadata: str, spec: str, code: str) -> None:
    read, codes = group("cilium.io/v2", metadata, spec)
    assert read is None and code in codes


def test_a_group_may_be_empty() -> None:
    assert group("cilium.io/v2", "{name: nobody}", "{externalCIDRs: []}") == (CidrGroup("nobody", (), ()), [])
