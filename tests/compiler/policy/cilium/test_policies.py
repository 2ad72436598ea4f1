"""Policies that are read: subjects and their scopes, default deny, specs, and what servers write into objects."""

from __future__ import annotations

import pytest

from pybpf.compiler.policy.model.labels import Operator, Requirement
from pybpf.compiler.policy.model.peers import Endpoints, Nodes
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, Policy
from tests.compiler.policy.cilium.documents import clusterwide, namespaced, only_policy, read

NAMESPACE = "io.kubernetes.pod.namespace"
IN_SHOP = Requirement("k8s", NAMESPACE, Operator.IN, ("shop",))
SOMEWHERE = Requirement("k8s", NAMESPACE, Operator.EXISTS)
UI = Requirement("any", "app", Operator.IN, ("ui",))


def asked_of_subject(policy: Policy) -> tuple[Requirement, ...]:
    return policy.subject.selector.requirements


def asked_of_peer(policy: Policy) -> tuple[Requirement, ...]:
    peers = policy.rules[0].peers
    assert peers is not None and isinstance(peers[0], Endpoints)
    return peers[0].selector.requirements


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("{}", (IN_SHOP,)),
        ("{matchLabels: {app: ui}}", (UI, IN_SHOP)),
        ("{matchLabels: {'any:app': ui}}", (UI, IN_SHOP)),
        ("{matchLabels: {'k8s:io.kubernetes.pod.namespace': shop}}", (IN_SHOP,)),
        ("{matchExpressions: [{key: io.kubernetes.pod.namespace, operator: Exists}]}", (IN_SHOP,)),
    ],
)
def test_the_subject_of_a_namespaced_policy_lies_in_its_namespace(subject: str, asked: tuple[Requirement, ...]) -> None:
    assert asked_of_subject(only_policy(namespaced("ingress: [{}]", f"endpointSelector: {subject}"))) == asked


def test_the_namespace_is_default_where_none_is_written() -> None:
    policy = only_policy(namespaced("ingress: [{}]").replace(", namespace: shop", ""))
    assert policy.namespace == "default"
    assert asked_of_subject(policy) == (Requirement("k8s", NAMESPACE, Operator.IN, ("default",)),)


@pytest.mark.parametrize(
    ("subject", "asked"),
    [
        ("{}", (SOMEWHERE,)),
        ("{matchLabels: {app: ui}}", (UI, SOMEWHERE)),
        ("{matchLabels: {'reserved:init': ''}}", (Requirement("reserved", "init", Operator.IN, ("",)),)),
        ("{matchExpressions: [{key: 'reserved:ingress', operator: Exists}]}", (Requirement("reserved", "ingress", Operator.EXISTS),)),
    ],
)
def test_the_subject_of_a_clusterwide_policy_lies_in_some_namespace_or_is_reserved(subject: str, asked: tuple[Requirement, ...]) -> None:
    policy = only_policy(clusterwide("ingress: [{}]", f"endpointSelector: {subject}"))
    assert (policy.kind, policy.namespace, asked_of_subject(policy)) == (Kind.CILIUM_CLUSTERWIDE, None, asked)


def test_hosts_are_the_subject_by_labels_of_nodes() -> None:
    policy = only_policy(clusterwide("ingress: [{}]", "nodeSelector: {matchLabels: {'node:role': edge}}"))
    assert isinstance(policy.subject, Nodes)
    assert asked_of_subject(policy) == (Requirement("any", "role", Operator.IN, ("edge",)),)


NAMESPACE_TEAM = Requirement("k8s", "io.cilium.k8s.namespace.labels.team", Operator.IN, ("air",))


@pytest.mark.parametrize(
    ("peer", "in_policy", "in_cluster"),
    [
        ("{}", (IN_SHOP,), (SOMEWHERE,)),
        ("{matchLabels: {app: ui}}", (UI, IN_SHOP), (UI, SOMEWHERE)),
        ("{matchLabels: {'reserved:host': ''}}", (Requirement("reserved", "host", Operator.IN, ("",)),), None),
        ("{matchLabels: {io.kubernetes.pod.namespace: back}}", (Requirement("k8s", NAMESPACE, Operator.IN, ("back",)),), None),
        ("{matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: Exists}]}", (SOMEWHERE,), None),
        ("{matchLabels: {io.cilium.k8s.namespace.labels.team: air}}", (NAMESPACE_TEAM, SOMEWHERE), None),
    ],
)
def test_peers_lie_in_the_scope_of_their_policy_unless_they_name_another(
    peer: str, in_policy: tuple[Requirement, ...], in_cluster: tuple[Requirement, ...] | None
) -> None:
    rules = f"ingress: [{{fromEndpoints: [{peer}]}}]"
    assert asked_of_peer(only_policy(namespaced(rules))) == in_policy
    assert asked_of_peer(only_policy(clusterwide(rules))) == (in_policy if in_cluster is None else in_cluster)


def test_peers_of_endpoints_that_are_being_made_are_of_some_namespace() -> None:
    policy = only_policy(clusterwide("egress: [{toEndpoints: [{}]}]", "endpointSelector: {matchLabels: {'reserved:init': ''}}"))
    assert asked_of_peer(policy) == (SOMEWHERE,)


@pytest.mark.parametrize(
    ("rules", "default_deny"),
    [
        ("ingress: [{}]", {Direction.INGRESS}),
        ("egressDeny: [{toEntities: [world]}]", {Direction.EGRESS}),
        ("ingress: [{}]\negress: [{}]", {Direction.INGRESS, Direction.EGRESS}),
        ("ingress: [{}]\negress: []", {Direction.INGRESS}),
        ("ingress: [{}]\nenableDefaultDeny: {ingress: false}", set()),
        ("ingress: [{}]\nenableDefaultDeny: {egress: true}", {Direction.INGRESS, Direction.EGRESS}),
        ("egressDeny: [{toEntities: [world]}]\nenableDefaultDeny: {egress: false}", set()),
    ],
)
def test_a_direction_denies_by_default_if_it_has_a_rule_unless_it_says_otherwise(rules: str, default_deny: set[Direction]) -> None:
    assert only_policy(namespaced(rules)).default_deny == default_deny


def test_a_direction_that_only_says_that_it_denies_by_default_has_a_rule_that_covers_nothing() -> None:
    policy = only_policy(namespaced("ingress: [{}]\nenableDefaultDeny: {egress: true}"))
    assert [(each.direction, each.peers) for each in policy.rules] == [(Direction.INGRESS, ()), (Direction.EGRESS, ())]


def test_spec_and_specs_are_policies_of_one_name() -> None:
    head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: two}\n"
    spec = "{endpointSelector: {}, ingress: [{}]}"
    policies = read(f"{head}spec: {spec}\nspecs:\n- {spec}\n- {spec}\n")
    assert [(each.name, each.span.line) for each in policies] == [("two", 4), ("two", 6), ("two", 7)]


def test_allow_and_deny_lists_become_rules_of_their_direction_and_action() -> None:
    lists = "egressDeny: [{}]\negress: [{}]\ningressDeny: [{}]\ningress: [{}]"
    assert [(each.direction, each.action) for each in only_policy(namespaced(lists)).rules] == [
        (Direction.INGRESS, Action.ALLOW),
        (Direction.INGRESS, Action.DENY),
        (Direction.EGRESS, Action.ALLOW),
        (Direction.EGRESS, Action.DENY),
    ]


def test_what_a_policy_says_of_itself_is_kept() -> None:
    own = "description: a note\nlog: {value: flights}\nlabels: [team=air, 'k8s:a=b=c', {source: x, key: y, value: z}, {key: bare}]"
    policy = only_policy(namespaced(f"ingress: [{{}}]\n{own}"))
    assert (policy.description, policy.log) == ("a note", "flights")
    assert policy.labels == ("unspec:team=air", "k8s:a=b=c", "x:y=z", "unspec:bare")


def test_what_api_servers_write_into_objects_is_read_over() -> None:
    policy = only_policy("""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"cilium.io/v2"}
  creationTimestamp: "2026-01-07T10:00:00Z"
  finalizers: [keep]
  generation: 1
  labels: {team: air}
  managedFields:
  - manager: kubectl
    fieldsV1: {"f:spec": {".": {}}}
  name: flights
  namespace: shop
  ownerReferences: [{kind: App, name: a, uid: "1"}]
  resourceVersion: "3141"
  selfLink: /apis
  uid: 3e2c7a5c-0000-4000-8000-000000000000
spec:
  endpointSelector: {}
  ingress:
  - {}
status:
  conditions:
  - lastTransitionTime: "2026-01-07T10:00:00Z"
    status: "True"
    type: Valid
""")
    assert (policy.name, policy.namespace) == ("flights", "shop")


@pytest.mark.parametrize("key", ["creationTimestamp", "labels", "annotations"])
def test_metadata_without_a_value_says_nothing(key: str) -> None:
    text = namespaced("ingress: [{}]").replace("{name: flights,", f"{{{key}: null, name: flights,")
    assert only_policy(text).name == "flights"


def test_a_note_where_old_files_have_it_is_read_over() -> None:
    assert only_policy("description: a note\n" + namespaced("ingress: [{}]")).description == ""


def test_places_are_kept_and_are_no_part_of_equality() -> None:
    text = namespaced("ingress: [{fromEntities: [host]}]")
    assert read(text) == read(text.replace("spec:", "# a remark\nspec:"))
    assert str(only_policy(text).span) == "policy.yaml:5:3"


def test_a_peer_that_says_only_which_cluster_it_is_not_is_of_some_namespace() -> None:
    negative = "{matchExpressions: [{key: io.cilium.k8s.policy.cluster, operator: NotIn, values: [x]}, {key: io.kubernetes.pod.namespace, operator: NotIn, values: [y]}]}"
    assert SOMEWHERE in asked_of_peer(only_policy(namespaced(f"ingress: [{{fromEndpoints: [{negative}]}}]")))
