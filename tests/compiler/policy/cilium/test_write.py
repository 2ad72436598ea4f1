"""Policies written as Cilium's objects: what is read again is what was written, and nothing is written weaker than it is."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.diag import Severity, Source, Span
from pybpf.compiler.policy.cilium import Written, policies, to_cilium
from pybpf.compiler.policy.kubernetes import policies as kubernetes_policies
from pybpf.compiler.policy.model.labels import NAMESPACE_KEY, Operator, Requirement, Selector
from pybpf.compiler.policy.model.layer7 import HeaderMatch, Http, HttpRule, MatchKind, Mismatch, TextMatch
from pybpf.compiler.policy.model.peers import Cidr, DnsNames, DnsPattern, Endpoints, Entities, Entity
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, OnDeny, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.model.ports import IcmpType, PortRange, Protocol
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report
from tests.compiler.policy.cilium.documents import clusterwide, namespaced, only_policy

HERE = Span(Source("", ""), 1, 1, 1, 1)
PORTS = (
    "ports: [{port: '80', protocol: TCP}]",
    "ports: [{port: '80'}, {port: '90', endPort: 99, protocol: UDP}, {port: '0', protocol: SCTP}]",
    "ports: [{port: http}, {protocol: GRE}]",
    "ports: []",
)
ALLOWED = (
    "ports: [{port: '80', protocol: TCP}], rules: {http: [{}]}",
    "ports: [{port: '80', protocol: TCP}], rules: {http: [{method: GET, path: '/a?b*', host: a}, {headers: ['A: 1', B]}]}",
    "ports: [{port: '80', protocol: TCP}], rules: {http: [{headerMatches: [{name: A, secret: {name: s}, mismatch: LOG}]}]}",
    "ports: [{port: '80', endPort: 88, protocol: TCP}], serverNames: ['*.example.com', a.example]",
    "ports: [{port: '443', protocol: TCP}], terminatingTLS: {secret: {name: s}, privateKey: k}, rules: {http: [{}]}",
)
OUTWARDS = (
    "ports: [{port: '53'}], rules: {dns: [{matchPattern: '*'}, {matchName: a.b}]}",
    "ports: [{port: '443'}], listener: {envoyConfig: {name: e}, name: l, priority: 3}",
)
ICMPS = ("icmps: [{fields: [{type: 8}, {family: IPv6, type: 128}]}, {}]",)
PEERS = (
    "Endpoints: []",
    "Endpoints: [{}, {matchLabels: {app: ui, 'k8s:env': 'no'}}]",
    "Endpoints: [{matchExpressions: [{key: app, operator: NotIn, values: [a, '1']}, {key: b, operator: Exists}]}]",
    "Endpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': back}}, {matchLabels: {'reserved:host': ''}}]",
    "Endpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.team: air}}]",
    "Entities: [host, world]",
    "CIDR: [192.0.2.0/24, '2001:db8::/32']",
    "CIDRSet: [{cidr: 192.0.2.0/24, except: [192.0.2.0/25]}, {cidr: 10.0.0.0/8}]",
    "CIDRSet: [{cidrGroupRef: partners}, {cidrGroupSelector: {matchLabels: {role: edge}}}]",
    "Nodes: [{matchLabels: {role: edge}}]",
)
SERVICES = (
    "toServices: [{k8sService: {serviceName: a, namespace: b}}, {k8sServiceSelector: {selector: {}}}]",
    "toFQDNs: [{matchName: a.b}, {matchPattern: '**.b'}]",
)


def elements(peers: tuple[str, ...], ports: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Elements of a list of rules: peers, ports or ICMP types, both or neither."""
    what = (*(f"toPorts: [{{{first}}}, {{{second}}}]" for first in ports for second in ports[:2]), *ICMPS)
    parts = st.tuples(st.sampled_from(("", *peers)), st.sampled_from(("", *what)))
    return parts.map(lambda both: f"{{{', '.join(part for part in both if part)}}}")


def lists() -> st.SearchStrategy[str]:
    """The lists of rules of a spec, at least one of them with an element."""
    come, go = tuple(f"from{each}" for each in PEERS), tuple(f"to{each}" for each in PEERS)
    rows = {
        "ingress": elements(come, PORTS + ALLOWED),
        "ingressDeny": elements(come, PORTS),
        "egress": elements(go + SERVICES, PORTS + ALLOWED + OUTWARDS),
        "egressDeny": elements(go, PORTS),
    }
    written = [st.lists(row, max_size=2).map(lambda each, key=key: f"{key}: [{', '.join(each)}]" if each else "") for key, row in rows.items()]  # type: ignore[misc]
    return st.tuples(*written).map(lambda each: "\n".join(filter(None, each))).filter(bool)


SELVES = st.sampled_from(("", "enableDefaultDeny: {ingress: false, egress: false}", "enableDefaultDeny: {egress: true}", "log: {value: x}\nlabels: ['k8s:a=b', c]", "description: 'on'"))
SUBJECTS = st.sampled_from(("{}", "{matchLabels: {app: flights}}", "{matchExpressions: [{key: app, operator: In, values: [a, b]}]}"))


def read_again(written: Written) -> tuple[Policy, ...]:
    documents, wrong = parse(Source("written.yaml", written.text))
    report = Report(list(wrong))
    read = tuple(policy for each in documents for policy in policies(each, report))
    assert not report.errors
    return read


@given(lists(), SELVES, SUBJECTS)
def test_a_namespaced_policy_comes_back_equal(rules: str, own: str, subject: str) -> None:
    policy = only_policy(namespaced(f"{rules}\n{own}", f"endpointSelector: {subject}"))
    written = to_cilium([policy])
    assert (read_again(written), written.lost) == ((policy,), ())


CLUSTERWIDE_SUBJECTS = st.sampled_from(("{}", "{matchLabels: {app: flights}}", "{matchLabels: {'reserved:init': ''}}", "{matchExpressions: [{key: 'reserved:ingress', operator: Exists}]}"))


@given(lists().filter(lambda rules: "secret" not in rules), CLUSTERWIDE_SUBJECTS)
def test_a_clusterwide_policy_comes_back_equal(rules: str, subject: str) -> None:
    policy = only_policy(clusterwide(rules, f"endpointSelector: {subject}"))
    written = to_cilium([policy])
    assert (read_again(written), written.lost) == ((policy,), ())


@pytest.mark.parametrize(
    "rules",
    [
        "ingress: [{toPorts: [{ports: [{port: '9092', protocol: TCP}], rules: {kafka: [{role: consume}, {apiKey: fetch, topic: t}, {}]}}]}]",
        "ingress: [{toPorts: [{ports: [{port: '1', protocol: TCP}], rules: {l7proto: r2d2, l7: [{cmd: READ}]}}]}]",
    ],
)
def test_what_newer_cilium_drops_comes_back_equal_and_is_warned_of(rules: str) -> None:
    policy = only_policy(namespaced(rules))
    written = to_cilium([policy])
    assert read_again(written) == (policy,)
    assert [(each.code, each.severity) for each in written.lost] == [("convert-changed", Severity.WARNING)]


def test_a_clouds_groups_come_back_equal() -> None:
    text = namespaced("ingress: [{fromGroups: [{aws: {securityGroupsIds: [b, a], labels: {team: air}, region: moon}}]}]")
    (document,), _ = parse(Source("", text))
    read = policies(document, Report())
    assert read_again(to_cilium(read)) == read


def test_host_policies_come_back_equal() -> None:
    policy = only_policy(clusterwide("ingress: [{fromEntities: [cluster]}]", "nodeSelector: {matchLabels: {role: edge}}"))
    assert read_again(to_cilium([policy])) == (policy,)


def test_policies_of_one_name_become_the_specs_of_one_document() -> None:
    first, second = only_policy(namespaced("ingress: [{}]")), only_policy(namespaced("egress: [{}]"))
    written = to_cilium([first, second])
    assert written.text.count("\n---\n") == 0 and "specs:" in written.text
    assert read_again(written) == (first, second)


def rule(peers: tuple[object, ...] | None, ports: tuple[PortRule, ...] | None, direction: Direction = Direction.INGRESS) -> Rule:
    return Rule(direction, Action.ALLOW, peers, ports, None, None, HERE)  # type: ignore[arg-type]


def ports(*each: PortRange | IcmpType, layer7: Http | None = None) -> PortRule:
    return PortRule(each, layer7, (), None, None, None, HERE)


SHOP = Requirement("k8s", NAMESPACE_KEY, Operator.IN, ("shop",))
HTTP = PortRange(Protocol.TCP, 80, 80, HERE)


def policy(*rules: Rule, **changes: object) -> Policy:
    """A policy of the policy language with these rules."""
    base = replace(only_policy(namespaced("ingress: [{}]")), kind=Kind.LANGUAGE, rules=rules)
    return replace(base, **changes)  # type: ignore[arg-type]


def rules_again(*rules: Rule) -> tuple[Rule, ...]:
    written = to_cilium([policy(*rules)])
    assert written.lost == ()
    (read,) = read_again(written)
    return read.rules


def test_anybody_on_every_port_is_every_entity() -> None:
    assert rules_again(rule(None, None)) == (rule((Entities(Entity.ALL, HERE),), None),)


def test_nobody_on_some_port_and_some_port_of_nobody_stay_nobody() -> None:
    assert rules_again(rule((), (ports(HTTP),))) == (rule((), (ports(HTTP),)),)
    assert rules_again(rule(None, ())) == (rule(None, (ports(),)),)


def test_peers_of_several_kinds_become_several_rules() -> None:
    host, net = Entities(Entity.HOST, HERE), Cidr(ip_network("192.0.2.0/24"), (), HERE)
    assert rules_again(rule((host, net), (ports(HTTP),))) == (rule((host,), (ports(HTTP),)), rule((net,), (ports(HTTP),)))


def test_ports_and_icmp_types_become_several_rules() -> None:
    echo = IcmpType(Protocol.ICMP, 8, HERE)
    assert rules_again(rule(None, (ports(HTTP, echo),))) == (rule(None, (ports(HTTP),)), rule(None, (ports(echo),)))


def test_more_ports_than_cilium_takes_become_several_elements() -> None:
    many = tuple(PortRange(Protocol.TCP, number, number, HERE) for number in range(1, 42))
    assert rules_again(rule(None, (ports(*many),))) == (rule(None, (ports(*many[:40]), ports(*many[40:]))),)


def test_other_kinds_of_conditions_become_regular_expressions() -> None:
    template = HttpRule(None, TextMatch(MatchKind.TEMPLATE, "/flights/{id}", HERE), None, (), HERE)
    (again,) = rules_again(rule(None, (ports(HTTP, layer7=Http((template,))),)))
    assert again.port_rules is not None
    assert again.port_rules[0].layer7 == Http((replace(template, path=TextMatch(MatchKind.REGEX, "/flights/[^/?]+", HERE)),))


def test_a_direction_that_denies_by_default_without_a_rule_gets_one() -> None:
    (again,) = read_again(to_cilium([policy(rule(None, None), default_deny=frozenset(Direction))]))
    assert again.default_deny == frozenset(Direction)


PREFIX_HEADER = HeaderMatch("A", TextMatch(MatchKind.PREFIX, "b", HERE), Mismatch.REFUSE, None, HERE)
NAMES = DnsNames(DnsPattern("a.b", True, HERE))
BEYOND = Endpoints(Selector((), HERE))
DENY = replace(rule(None, (ports(HTTP, layer7=Http((HttpRule(None, None, None, (), HERE),))),)), action=Action.DENY)
CANNOT_BE_SAID = {
    "a deny rule about requests": policy(DENY),
    "a deny rule about names": policy(replace(rule((NAMES,), None, Direction.EGRESS), action=Action.DENY)),
    "names that come in": policy(rule((NAMES,), None)),
    "a header by its beginning": policy(rule(None, (ports(HTTP, layer7=Http((HttpRule(None, None, None, (PREFIX_HEADER,), HERE),))),))),
    "no request at all": policy(rule(None, (ports(HTTP, layer7=Http(())),))),
    "HTTP on any protocol": policy(rule(None, (ports(PortRange(Protocol.ANY, 80, 80, HERE), layer7=DENY.port_rules[0].layer7),))),  # type: ignore[index,arg-type]
    "ports up to a number": policy(rule(None, (ports(PortRange(Protocol.TCP, 0, 80, HERE)),))),
    "passing on": policy(replace(rule(None, None), action=Action.PASS)),
    "another tier": policy(rule(None, None), tier=Tier.ADMIN),
    "a priority": policy(rule(None, None), priority=1.0),
    "audit": policy(rule(None, None), audit=True),
    "peers beyond the namespace, without one": policy(rule((BEYOND,), None)),
    "a subject in another namespace": policy(rule(None, None), namespace="other"),
    "no rule": policy(default_deny=frozenset()),
    "a name that no object has": policy(rule(None, None), name="read flights"),
}


@pytest.mark.parametrize("unsayable", CANNOT_BE_SAID.values(), ids=CANNOT_BE_SAID)
def test_what_cilium_cannot_say_is_left_out_and_told(unsayable: Policy) -> None:
    other = only_policy(namespaced("ingress: [{}]").replace("name: flights", "name: other"))
    written = to_cilium([unsayable, other])
    assert read_again(written) == (other,)
    assert {(each.code, each.severity) for each in written.lost} == {("convert-not-in-cilium", Severity.ERROR)}


@pytest.mark.parametrize(
    "changed",
    [
        policy(rule(None, None), on_deny=OnDeny.RESET),
        policy(replace(rule(None, None), on_deny=OnDeny.DROP)),
        policy(rule(None, None), name="Read_Flights"),
    ],
)
def test_what_does_not_change_what_is_allowed_is_told_and_left_out(changed: Policy) -> None:
    written = to_cilium([changed])
    assert len(read_again(written)) == 1
    assert [(each.code, each.severity) for each in written.lost] == [("convert-changed", Severity.WARNING)]


def test_a_policy_of_kubernetes_becomes_one_of_cilium() -> None:
    text = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: flights, namespace: shop}
spec:
  podSelector: {matchLabels: {app: flights}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {}}, {namespaceSelector: {matchLabels: {team: air}}}]
    ports: [{port: 80, endPort: 90}, {protocol: UDP, port: dns}]
"""
    (document,), _ = parse(Source("", text))
    (kubernetes,) = kubernetes_policies(document, Report())
    written = to_cilium([kubernetes])
    assert read_again(written) == (replace(kubernetes, kind=Kind.CILIUM),)
    assert written.lost == ()


@pytest.mark.parametrize("text", ["on", "1e3", "0o17", "null", "~", "y", "-", "0x10", "1_000", "2026-01-01", "a: b", "#", "é\n"])
def test_strings_stay_strings(text: str) -> None:
    (again,) = read_again(to_cilium([policy(rule(None, None), description=text)]))
    assert again.description == text
