"""Policies joined with an inventory: identities, enforced sides, and what each element allows."""

from __future__ import annotations

import pytest

from pybpf.compiler.diag import CompileError, Source
from pybpf.compiler.narrow import Allow, Endpoint, Protocol, Resolved, read, resolve
from tests.compiler.narrow.inventory import policies

SERVICE = Endpoint("service", "default", (("app", "service"),))
CLIENT = Endpoint("client", "default", (("app", "client"),))
FOREIGN = Endpoint("foreign", "other", (("app", "client"),))
ENDPOINTS = (SERVICE, CLIENT, FOREIGN)
CLIENT_ID, SERVICE_ID, FOREIGN_ID = 256, 257, 258
ANYONE_HERE = frozenset({CLIENT_ID, SERVICE_ID})


def resolved(element: str, direction: str = "ingress", namespace: str = "default") -> Resolved:
    """The inventory under a policy for `service` with one element."""
    head = f"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: p, namespace: {namespace}}}\n"
    spec = f"{{endpointSelector: {{matchLabels: {{app: service}}}}, {direction}: [{element}]}}"
    return resolve(read(Source("policy.yaml", f"{head}spec: {spec}\n")), ENDPOINTS)


def allows(element: str) -> tuple[Allow, ...]:
    side = resolved(element).endpoints[0].ingress
    assert side.enforced, "every element enforces its side, whatever it selects"
    return side.allows


def test_identities_are_numbered_by_namespace_and_labels_not_by_order() -> None:
    forwards, backwards = resolve((), ENDPOINTS), resolve((), ENDPOINTS[::-1])
    assert forwards.identities == backwards.identities
    assert [(each.number, each.namespace) for each in forwards.identities] == [(256, "default"), (257, "default"), (258, "other")]


def test_equal_labels_in_any_order_share_an_identity() -> None:
    one = Endpoint("one", "default", (("a", "1"), ("b", "2")))
    two = Endpoint("two", "default", (("b", "2"), ("a", "1")))
    assert [each.identity for each in resolve((), (one, two)).endpoints] == [256, 256]


def test_without_a_policy_nothing_is_enforced() -> None:
    for each in resolve((), ENDPOINTS).endpoints:
        assert not each.ingress.enforced and not each.egress.enforced and each.ingress.origin is None


def test_a_rule_enforces_its_own_direction_of_its_own_subject() -> None:
    service, client, foreign = resolved("{}", "egress").endpoints
    assert service.egress.enforced and not service.ingress.enforced
    assert not client.egress.enforced and not foreign.egress.enforced


def test_a_policy_of_another_namespace_does_not_reach_here() -> None:
    assert not resolved("{}", namespace="other").endpoints[0].ingress.enforced


# What an element allows, by what is absent, empty or full in it.
PORTS = 'toPorts: [{ports: [{port: "80", protocol: TCP}]}]'


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("{}", []),
        ("{toPorts: []}", []),
        ("{toPorts: [{}]}", []),
        ("{fromEndpoints: [{}], toPorts: [{}]}", []),
        ("{fromEndpoints: []}", [(frozenset(), None, 0)]),
        (f"{{fromEndpoints: [], {PORTS}}}", [(frozenset(), Protocol.TCP, 80)]),
        ("{fromEndpoints: [{}]}", [(ANYONE_HERE, None, 0)]),
        ("{fromEndpoints: [{}], toPorts: []}", [(ANYONE_HERE, None, 0)]),
        (f"{{{PORTS}}}", [(None, Protocol.TCP, 80)]),
        (f"{{fromEndpoints: [{{}}], {PORTS}}}", [(ANYONE_HERE, Protocol.TCP, 80)]),
        ("{fromEndpoints: [{matchLabels: {app: nobody}}]}", [(frozenset(), None, 0)]),
        ("{fromEndpoints: [{matchLabels: {io.kubernetes.pod.namespace: other}}]}", [(frozenset({FOREIGN_ID}), None, 0)]),
        ("{fromEndpoints: [{matchLabels: {app: client}}]}", [(frozenset({CLIENT_ID}), None, 0)]),
        ('{toPorts: [{ports: [{port: "0"}]}]}', [(None, Protocol.ANY, 0)]),
    ],
)
def test_absent_empty_and_full_lists_mean_what_they_mean(
    element: str, expected: list[tuple[frozenset[int] | None, Protocol | None, int]]
) -> None:
    assert [(each.peers, each.protocol, each.port) for each in allows(element)] == expected


def test_every_port_of_every_port_rule_is_an_allow() -> None:
    element = '{toPorts: [{ports: [{port: "1"}, {port: "2"}]}, {ports: [{port: "3", protocol: UDP}]}]}'
    assert [(each.protocol, each.port) for each in allows(element)] == [(Protocol.ANY, 1), (Protocol.ANY, 2), (Protocol.UDP, 3)]


def test_an_allow_keeps_its_policy_and_place() -> None:
    (only,) = allows("{" + PORTS + "}")
    assert only.policy == "p"
    assert str(only.span).startswith("policy.yaml:4:")


def test_the_origin_of_an_enforced_side_is_its_first_rule() -> None:
    side = resolved("{}, {" + PORTS + "}").endpoints[0].ingress
    assert side.origin is not None and side.origin.column < side.allows[0].span.column


@pytest.mark.parametrize(
    "wrong",
    [
        (SERVICE, SERVICE),
        (Endpoint("a", "default", (("k8s:app", "service"),)),),
        (Endpoint("a", "default", (("app", "x"), ("app", "y"))),),
        (Endpoint("a", "default", (("app", "x y"),)),),
        (Endpoint("a", "default", (("io.kubernetes.pod.namespace", "other"),)),),
        (Endpoint("a", "Default", ()),),
        (Endpoint("a", "default", (), ("10.0.0.1",)), Endpoint("b", "default", (), ("10.0.0.1",))),
    ],
)
def test_an_inventory_that_could_lose_an_endpoint_is_refused(wrong: tuple[Endpoint, ...]) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        resolve((), wrong)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0"):
        resolve((), (Endpoint("a", "default", (), ("10.0.0",)),))


def test_two_files_cannot_have_a_policy_of_one_name() -> None:
    (one,) = policies("{endpointSelector: {}, ingress: [{}]}")
    (other,) = policies("{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}")
    with pytest.raises(CompileError) as raised:
        resolve((one, other), ENDPOINTS)
    assert [each.code for each in raised.value.diagnostics] == ["policy-duplicate-name"]
