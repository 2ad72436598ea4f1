"""What NetworkPolicies say: the values that they become, with everything filled in that they leave out."""

from __future__ import annotations

import pytest

from pybpf.compiler.diag import Diagnostic, Severity, Source
from pybpf.compiler.policy.kubernetes import policies
from pybpf.compiler.policy.model.labels import Label, Selector, selects
from pybpf.compiler.policy.model.peers import Cidr, Endpoints, Peer
from pybpf.compiler.policy.model.policy import Direction, Kind, Policy, Rule, Tier
from pybpf.compiler.policy.model.ports import NamedPort, Port, PortRange, Protocol
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\n"


def read(text: str) -> tuple[Policy, tuple[Diagnostic, ...]]:
    (document,), wrong = parse(Source("policy.yaml", text))
    report = Report(list(wrong))
    (policy,) = policies(document, report)
    return policy, tuple(report.found)


def of(spec: str) -> Policy:
    """The policy of a spec's keys, without any warning."""
    policy, found = read(f"{HEAD}spec: {{podSelector: {{}}, {spec}}}\n")
    assert found == ()
    return policy


def only_rule(spec: str) -> Rule:
    (rule,) = of(spec).rules
    return rule


def only_peer(peer: str) -> Peer:
    peers = only_rule(f"ingress: [{{from: [{peer}]}}]").peers
    assert peers is not None
    (found,) = peers
    return found


def only_port(port: str) -> Port:
    port_rules = only_rule(f"ingress: [{{ports: [{port}]}}]").port_rules
    assert port_rules is not None
    ((found,),) = (each.ports for each in port_rules)
    return found


def chosen(selector: Selector, **own: str) -> bool:
    """Whether a pod is chosen; `namespace` is that of the pod, `ns_team` a label of its namespace."""
    labels = [Label("k8s", key, value) for key, value in own.items() if key not in ("namespace", "ns_team")]
    if "namespace" in own:
        labels.append(Label("k8s", "io.kubernetes.pod.namespace", own["namespace"]))
    if "ns_team" in own:
        labels.append(Label("k8s", "io.cilium.k8s.namespace.labels.team", own["ns_team"]))
    return selects(selector, labels)


def test_a_policy_says_what_kubernetes_fills_in() -> None:
    policy = of("ingress: [{}]")
    assert (policy.kind, policy.name, policy.namespace) == (Kind.KUBERNETES, "p", "shop")
    assert (policy.tier, policy.priority, policy.audit, policy.on_deny) == (Tier.NORMAL, 0.0, False, None)


def test_without_a_namespace_it_is_default() -> None:
    policy, _ = read(HEAD.replace(", namespace: shop", "") + "spec: {podSelector: {}}\n")
    assert policy.namespace == "default"


def test_what_servers_write_is_passed_over() -> None:
    head = HEAD.replace("{name: p, ", "{name: p, uid: x, creationTimestamp: null, managedFields: [{a: {b: 1}}], annotations: {a: b}, ")
    policy, found = read(f"{head}spec: {{podSelector: {{}}}}\nstatus: {{conditions: []}}\n")
    assert policy.name == "p" and found == ()


def test_the_subject_lies_in_the_policys_namespace() -> None:
    subject = of("ingress: []").subject
    assert isinstance(subject, Endpoints)
    assert chosen(subject.selector, namespace="shop", app="a")
    assert not chosen(subject.selector, namespace="other", app="a")
    assert not chosen(subject.selector, app="a")


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        ("policyTypes: [Ingress]", {Direction.INGRESS}),
        ("policyTypes: [Egress]", {Direction.EGRESS}),
        ("policyTypes: [Egress, Ingress]", set(Direction)),
        ("policyTypes: []", {Direction.INGRESS}),
        ("ingress: []", {Direction.INGRESS}),
        ("egress: [{}]", set(Direction)),
        ("policyTypes: [Egress], egress: []", {Direction.EGRESS}),
    ],
)
def test_policy_types_say_what_is_refused_by_default(spec: str, directions: set[Direction]) -> None:
    assert of(spec).default_deny == directions


def test_a_direction_without_rules_has_one_that_covers_nobody() -> None:
    rule = only_rule("policyTypes: [Egress]")
    assert (rule.direction, rule.peers, rule.port_rules) == (Direction.EGRESS, (), None)


@pytest.mark.parametrize("element", ["{}", "{from: []}", "{ports: []}", "{from: [], ports: []}"])
def test_an_element_without_peers_and_ports_covers_everything(element: str) -> None:
    rule = only_rule(f"ingress: [{element}]")
    assert rule.peers is None and rule.port_rules is None


def test_every_element_is_a_rule() -> None:
    rules = of("ingress: [{}, {from: [{podSelector: {}}]}], egress: [{to: []}]").rules
    assert [each.direction for each in rules] == [Direction.INGRESS, Direction.INGRESS, Direction.EGRESS]


def test_rules_of_a_direction_not_in_policy_types_are_not_read_and_warned_of() -> None:
    policy, found = read(f"{HEAD}spec: {{podSelector: {{}}, policyTypes: [Ingress], egress: [{{}}]}}\n")
    assert [each.direction for each in policy.rules] == [Direction.INGRESS]
    assert policy.rules[0].peers == ()
    ((code, severity),) = {(each.code, each.severity) for each in found}
    assert (code, severity) == ("lint-policy-types", Severity.WARNING)


def test_an_empty_egress_list_alone_refuses_nothing_and_is_warned_of() -> None:
    policy, found = read(f"{HEAD}spec: {{podSelector: {{}}, egress: []}}\n")
    assert policy.default_deny == {Direction.INGRESS}
    assert [each.code for each in found] == ["lint-policy-types"]


def test_a_pod_selector_stays_in_the_namespace() -> None:
    peer = only_peer("{podSelector: {matchLabels: {app: a}}}")
    assert isinstance(peer, Endpoints)
    assert chosen(peer.selector, namespace="shop", app="a")
    assert not chosen(peer.selector, namespace="other", app="a")


def test_an_empty_namespace_selector_is_every_pod_and_nothing_else() -> None:
    peer = only_peer("{namespaceSelector: {}}")
    assert isinstance(peer, Endpoints)
    assert chosen(peer.selector, namespace="anywhere")
    assert not chosen(peer.selector)


def test_a_namespace_selector_looks_at_the_labels_of_namespaces() -> None:
    peer = only_peer("{namespaceSelector: {matchLabels: {team: a}}}")
    assert isinstance(peer, Endpoints)
    assert chosen(peer.selector, namespace="x", ns_team="a")
    assert not chosen(peer.selector, namespace="x", team="a")


@pytest.mark.parametrize("expression", ["{key: team, operator: NotIn, values: [a]}", "{key: team, operator: DoesNotExist}"])
def test_what_has_no_namespace_is_not_chosen_by_what_namespaces_lack(expression: str) -> None:
    peer = only_peer(f"{{namespaceSelector: {{matchExpressions: [{expression}]}}}}")
    assert isinstance(peer, Endpoints)
    assert chosen(peer.selector, namespace="x")
    assert not selects(peer.selector, [Label("reserved", "world")])


def test_both_selectors_hold_together() -> None:
    peer = only_peer("{namespaceSelector: {matchLabels: {team: a}}, podSelector: {matchLabels: {app: b}}}")
    assert isinstance(peer, Endpoints)
    assert chosen(peer.selector, namespace="x", ns_team="a", app="b")
    assert not chosen(peer.selector, namespace="x", ns_team="a")
    assert not chosen(peer.selector, namespace="x", app="b")


def test_labels_of_a_pod_are_those_of_source_k8s() -> None:
    peer = only_peer("{namespaceSelector: {}, podSelector: {matchLabels: {app: b}}}")
    assert isinstance(peer, Endpoints)
    namespace = Label("k8s", "io.kubernetes.pod.namespace", "x")
    assert not selects(peer.selector, [namespace, Label("container", "app", "b")])


def test_equal_selectors_in_another_order_are_equal() -> None:
    one = only_peer("{podSelector: {matchLabels: {a: x, b: y}}}")
    other = only_peer("{podSelector: {matchExpressions: [{key: b, operator: In, values: [y, y]}], matchLabels: {a: x}}}")
    assert one == other


def test_an_ip_block_keeps_its_holes() -> None:
    peer = only_peer("{ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/16, 10.1.0.0/16, 10.2.0.0/16]}}")
    assert isinstance(peer, Cidr)
    assert (str(peer.network), [str(each) for each in peer.excepts]) == ("10.0.0.0/8", ["10.1.0.0/16", "10.2.0.0/16"])


def test_bits_behind_a_prefix_are_warned_of() -> None:
    policy, found = read(f"{HEAD}spec: {{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: 10.1.2.3/8}}}}]}}]}}\n")
    peers = policy.rules[0].peers
    assert peers is not None and isinstance(peers[0], Cidr) and str(peers[0].network) == "10.0.0.0/8"
    assert [(each.code, each.severity) for each in found] == [("lint-cidr-host-bits", Severity.WARNING)]


@pytest.mark.parametrize(
    ("port", "protocol", "first", "last"),
    [
        ("{port: 80}", Protocol.TCP, 80, 80),
        ("{port: 80, protocol: UDP}", Protocol.UDP, 80, 80),
        ("{protocol: SCTP}", Protocol.SCTP, 0, 65535),
        ("{}", Protocol.TCP, 0, 65535),
        ("{port: 80, endPort: 80}", Protocol.TCP, 80, 80),
        ("{port: 1, endPort: 65535}", Protocol.TCP, 1, 65535),
    ],
)
def test_ports_are_of_tcp_unless_they_say_otherwise(port: str, protocol: Protocol, first: int, last: int) -> None:
    found = only_port(port)
    assert isinstance(found, PortRange)
    assert (found.protocol, found.first, found.last) == (protocol, first, last)


def test_a_text_is_the_name_of_a_port() -> None:
    found = only_port("{port: http-2, protocol: UDP}")
    assert isinstance(found, NamedPort) and (found.protocol, found.name) == (Protocol.UDP, "http-2")
