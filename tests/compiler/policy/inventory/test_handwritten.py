"""Inventories as people write them: the values that they become."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.inventory import merged, read_inventory
from pybpf.compiler.policy.model.inventory import (
    CidrGroup,
    Endpoint,
    Inventory,
    Namespace,
    Node,
    PortName,
    Service,
    Settings,
)
from pybpf.compiler.policy.model.labels import Label, selects
from pybpf.compiler.policy.model.ports import Protocol


def read(text: str) -> Inventory:
    return read_inventory(Source("inventory.yaml", text))


def test_an_endpoint_has_all_that_is_written() -> None:
    (endpoint,) = read("""
endpoints:
- name: board-1
  namespace: shop
  labels: {b: x, app: board, "reserved:init": ""}
  addresses: [10.0.0.1, "fd00::1"]
  ports: {http: 80/tcp, dns: 53/udp}
  serviceAccount: flights
  interface: eth0
  networkNamespace: /run/netns/blue
""").endpoints
    assert endpoint == Endpoint(
        "board-1",
        "shop",
        (Label("k8s", "app", "board"), Label("k8s", "b", "x"), Label("reserved", "init")),
        (ip_address("10.0.0.1"), ip_address("fd00::1")),
        (PortName("http", Protocol.TCP, 80), PortName("dns", Protocol.UDP, 53)),
        "flights",
        "eth0",
        "/run/netns/blue",
    )


def test_an_endpoint_needs_no_more_than_a_name() -> None:
    assert read("endpoints: [{name: a}]").endpoints == (Endpoint("a", "default", ()),)


def test_one_name_in_two_namespaces_is_two_endpoints() -> None:
    assert len(read("endpoints: [{name: a}, {name: a, namespace: b}]").endpoints) == 2


def test_nodes_have_labels_of_their_own_source() -> None:
    text = "nodes: [{name: n1, labels: {zone: a}, addresses: [192.168.0.1], local: true}, {name: n2, apiServer: true}]"
    assert read(text).nodes == (
        Node("n1", (Label("node", "zone", "a"),), (ip_address("192.168.0.1"),), local=True),
        Node("n2", (), (), api_server=True),
    )


def test_a_service_chooses_by_all_its_labels() -> None:
    (service,) = read("services: [{name: db, labels: {tier: data}, selector: {app: db, env: prod}}]").services
    assert service.labels == (Label("k8s", "tier", "data"),) and service.selector is not None
    assert selects(service.selector, [Label("k8s", "app", "db"), Label("k8s", "env", "prod")])
    assert not selects(service.selector, [Label("k8s", "app", "db")])


def test_a_service_without_selector_has_backends() -> None:
    (service,) = read("services: [{name: mail, namespace: x, backends: [192.0.2.1]}]").services
    assert service == Service("mail", "x", (), None, (ip_address("192.0.2.1"),))


def test_backends_may_be_the_addresses_of_endpoints() -> None:
    assert read("endpoints: [{name: a, addresses: [10.0.0.1]}]\nservices: [{name: s, backends: [10.0.0.1]}]").services


def test_groups_and_namespaces_and_settings() -> None:
    found = read("""
cluster: prod
settings: {enforcement: always, allowLocalhost: false, cidrMatches: [endpoints, nodes]}
namespaces: {shop: {labels: {team: a, kubernetes.io/metadata.name: shop}}, empty: {}}
cidrGroups: [{name: g, labels: {kind: partner}, cidrs: [203.0.113.0/24]}]
""")
    assert found.cluster == "prod"
    assert found.settings == Settings("always", False, True, True)
    assert found.namespaces[1] == Namespace("empty", ())
    assert found.namespaces[0].labels == (Label("k8s", "kubernetes.io/metadata.name", "shop"), Label("k8s", "team", "a"))
    assert found.cidr_groups == (CidrGroup("g", (Label("cidrgroup", "kind", "partner"),), (ip_network("203.0.113.0/24"),)),)


def test_what_is_not_written_is_as_in_cilium() -> None:
    assert read("{}") == Inventory()


def test_groups_that_come_with_policies_are_added_once() -> None:
    known, new = CidrGroup("known", (), ()), CidrGroup("new", (), ())
    assert merged(Inventory(cidr_groups=(known,)), [known, new]).cidr_groups == (known, new)
