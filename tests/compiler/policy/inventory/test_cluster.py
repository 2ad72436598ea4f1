"""Inventories as kubectl prints them: who exists, and what is passed over."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from pybpf.compiler.diag import CompileError, Source
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, Namespace, Node, PortName
from pybpf.compiler.policy.model.labels import Label
from pybpf.compiler.policy.model.ports import Protocol

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: board-1
  namespace: shop
  creationTimestamp: "2024-01-01T00:00:00Z"
  labels: {app: board}
spec:
  serviceAccountName: flights
  containers:
  - name: main
    image: x
    ports: [{name: http, containerPort: 80, protocol: TCP}, {containerPort: 9090}]
  - name: side
    ports: [{name: dns, containerPort: 53, protocol: UDP}]
status:
  phase: Running
  podIP: 10.0.0.1
  podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]
"""


def read(text: str) -> Inventory:
    return read_inventory(Source("cluster.yaml", text))


def changed(old: str, new: str) -> str:
    assert POD.count(old) == 1
    return POD.replace(old, new)


def codes(text: str) -> list[str]:
    with pytest.raises(CompileError) as caught:
        read(text)
    return [each.code for each in caught.value.diagnostics]


def test_a_pod_is_an_endpoint() -> None:
    assert read(POD).endpoints == (
        Endpoint(
            "board-1",
            "shop",
            (Label("k8s", "app", "board"),),
            (ip_address("10.0.0.1"), ip_address("fd00::1")),
            (PortName("http", Protocol.TCP, 80), PortName("dns", Protocol.UDP, 53)),
            "flights",
        ),
    )


def test_a_list_holds_objects() -> None:
    items = "".join(f"- {{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}\n" for name in ("a", "b"))
    assert read(f"apiVersion: v1\nkind: List\nmetadata: {{resourceVersion: ''}}\nitems:\n{items}").namespaces == (Namespace("a", ()), Namespace("b", ()))


def test_older_servers_write_one_address() -> None:
    assert read(changed('  podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]\n', "")).endpoints[0].addresses == (ip_address("10.0.0.1"),)


def test_a_pod_that_waits_has_no_address_yet() -> None:
    assert read(POD[: POD.index("status:")]).endpoints[0].addresses == ()


@pytest.mark.parametrize("change", [("Running", "Succeeded"), ("Running", "Failed"), ("spec:\n", "spec:\n  hostNetwork: true\n")])
def test_pods_that_have_ended_and_pods_of_the_host_are_no_endpoints(change: tuple[str, str]) -> None:
    assert read(changed(*change)).endpoints == ()


def test_a_pod_cannot_get_into_another_namespace_by_a_label() -> None:
    made = "io.kubernetes.pod.namespace: other, io.cilium.k8s.namespace.labels.team: a, io.cilium.k8s.policy.serviceaccount: root"
    assert read(changed("{app: board}", f"{{app: board, {made}}}")).endpoints[0].labels == (Label("k8s", "app", "board"),)


def test_a_pod_runs_as_the_default_account_unless_it_says_another() -> None:
    assert read(changed("  serviceAccountName: flights\n", "")).endpoints[0].service_account == "default"


def test_two_pods_with_one_address_are_refused() -> None:
    assert codes(f"{POD}---{POD.replace('board-1', 'board-2')}") == ["policy-inventory-twice"] * 2


def test_a_node_has_its_addresses_and_not_its_names() -> None:
    node = """
kind: Node
metadata: {name: n1, labels: {node-role.kubernetes.io/control-plane: ""}}
status:
  addresses: [{type: InternalIP, address: 192.168.0.1}, {type: ExternalIP, address: 192.168.0.1}, {type: Hostname, address: n1}]
"""
    label = Label("node", "node-role.kubernetes.io/control-plane")
    assert read(node).nodes == (Node("n1", (label,), (ip_address("192.168.0.1"),)),)


def test_the_api_is_served_where_its_service_says() -> None:
    text = """
kind: Endpoints
metadata: {name: kubernetes, namespace: default}
subsets: [{addresses: [{ip: 192.168.0.1}]}]
---
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}
"""
    assert [each.api_server for each in read(text).nodes] == [True, False]


SERVICE = "kind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: 10.96.0.1}\n"
SLICE = """---
kind: EndpointSlice
metadata: {name: db-x1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints:
- {addresses: [192.0.2.1], conditions: {ready: true}}
- {addresses: [192.0.2.2], conditions: {ready: false}}
- {addresses: [192.0.2.3], conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [192.0.2.1]}
"""


def test_a_service_without_selector_stands_for_its_slices() -> None:
    (service,) = read(SERVICE + SLICE).services
    assert service.selector is None
    assert service.backends == (ip_address("192.0.2.1"), ip_address("192.0.2.3"))


def test_a_service_with_selector_stands_for_endpoints_only() -> None:
    (service,) = read(SERVICE.replace("{clusterIP", "{selector: {app: db}, clusterIP") + SLICE).services
    assert service.selector is not None and service.backends == ()


def test_slices_of_names_say_nothing() -> None:
    text = SERVICE + SLICE.replace("IPv4", "FQDN").replace("[192.0.2.1]", "[db.example]")
    assert read(text).services[0].backends == ()


def test_other_kinds_are_refused() -> None:
    assert codes("kind: Deployment\nmetadata: {name: x}\n") == ["policy-kind"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (changed("  name: board-1\n", ""), "policy-missing-key"),
        (changed("name: board-1", "name: Board"), "policy-name"),
        (changed("{app: board}", "[app]"), "policy-wrong-shape"),
        (changed("podIPs: [{ip: 10.0.0.1}", "podIPs: [{ip: 10.0.0}"), "policy-address"),
        (changed("containerPort: 80", "containerPort: 0"), "policy-not-an-integer"),
        (changed("protocol: UDP", "protocol: IGMP"), "policy-unknown-value"),
    ],
)
def test_what_is_read_is_read_strictly(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_an_inventory_of_both_forms_is_refused() -> None:
    assert "policy-kind" in codes(f"{POD}---\nendpoints: []\n")
