"""Policies and an inventory -> Resolved: who may talk to whom, identity by identity.

Policies add up: a side is enforced once any rule speaks of it, and then every allow of every rule counts. An
element that selects nothing allows nothing and enforces all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import Final

from pybpf.compiler.diag import CompileError, Diagnostic
from pybpf.compiler.narrow.labels import NAMESPACE_LABEL, is_label, is_namespace
from pybpf.compiler.narrow.model import (
    Allow,
    Direction,
    Endpoint,
    Identity,
    Policy,
    Resolved,
    ResolvedEndpoint,
    Rule,
    Selector,
    Side,
)

HOST: Final = 1
WORLD: Final = 2
FIRST_IDENTITY: Final = 256


def resolve(policies: Sequence[Policy], endpoints: Sequence[Endpoint]) -> Resolved:
    """What the policies mean for these endpoints. Deterministic: identities are numbered in sorted order.

    ValueError when two endpoints share a name or an address, or when a namespace or label is one that Kubernetes does
    not allow, such as a label with its source (k8s:app) or twice: no selector would find it, and an endpoint that no
    subject finds is not protected. CompileError when two files have a policy of one name.
    """
    _check(endpoints)
    _check_names(policies)
    identities = _identities(endpoints)
    number_of = {(each.namespace, each.labels): each.number for each in identities}
    resolved = tuple(
        ResolvedEndpoint(
            endpoint,
            number_of[endpoint.namespace, tuple(sorted(endpoint.labels))],
            _side(endpoint, Direction.INGRESS, policies, identities),
            _side(endpoint, Direction.EGRESS, policies, identities),
        )
        for endpoint in endpoints
    )
    return Resolved(identities, resolved)


def selects(selector: Selector, namespace: str, labels: Sequence[tuple[str, str]]) -> bool:
    """Whether a selector chooses what has these labels in this namespace."""
    return selector.namespace in (None, namespace) and all(label in labels for label in selector.match_labels)


def _check(endpoints: Sequence[Endpoint]) -> None:
    times = Counter(endpoint.name for endpoint in endpoints)
    for endpoint in endpoints:
        keys = [key for key, _ in endpoint.labels]
        if times[endpoint.name] > 1:
            raise ValueError(f"two endpoints are named {endpoint.name!r}")
        if len(set(keys)) < len(keys) or NAMESPACE_LABEL in keys or not all(is_label(*label) for label in endpoint.labels):
            raise ValueError(f"the labels of endpoint {endpoint.name!r} need distinct keys without a source: {endpoint.labels}")
        if not is_namespace(endpoint.namespace):
            raise ValueError(f"the namespace {endpoint.namespace!r} of endpoint {endpoint.name!r} is no name")
    # The kernel knows a peer by its address: whoever came last would get the rights of both.
    owners = Counter(IPv4Address(address) for endpoint in endpoints for address in endpoint.ipv4)
    for address, count in owners.items():
        if count > 1:
            raise ValueError(f"two endpoints have the address {address}")


def _check_names(policies: Sequence[Policy]) -> None:
    """In a cluster the later of two would replace the other; here their permissions would add up.

    The specs of one document share a name rightly, and the reader refuses two such documents in one file.
    """
    first: dict[tuple[str, str], Policy] = {}
    wrong = []
    for policy in policies:
        other = first.setdefault((policy.namespace, policy.name), policy)
        if other.span.source != policy.span.source:
            message = f"the policy {policy.name!r} of namespace {policy.namespace!r} is also in {other.span}"
            wrong.append(Diagnostic("policy-duplicate-name", policy.span, message, "give it another name, or leave one file out"))
    if wrong:
        raise CompileError(wrong)


def _identities(endpoints: Sequence[Endpoint]) -> tuple[Identity, ...]:
    distinct = sorted({(endpoint.namespace, tuple(sorted(endpoint.labels))) for endpoint in endpoints})
    return tuple(Identity(number, namespace, labels) for number, (namespace, labels) in enumerate(distinct, FIRST_IDENTITY))


def _side(endpoint: Endpoint, direction: Direction, policies: Sequence[Policy], identities: Sequence[Identity]) -> Side:
    rules = [
        (policy, rule)
        for policy in policies
        if selects(policy.subject, endpoint.namespace, endpoint.labels)
        for rule in policy.rules
        if rule.direction is direction
    ]
    allows = tuple(allow for policy, rule in rules for allow in _allows(policy.name, rule, identities))
    return Side(enforced=bool(rules), allows=allows, origin=rules[0][1].span if rules else None)


def _allows(policy: str, rule: Rule, identities: Sequence[Identity]) -> Iterator[Allow]:
    """The permissions of one rule. Without peers and without ports it gives none; without peers, any peer."""
    if rule.peers is None and not rule.to_ports:
        return
    peers = None
    if rule.peers is not None:
        peers = frozenset(
            each.number for each in identities if any(selects(selector, each.namespace, each.labels) for selector in rule.peers)
        )
    if not rule.to_ports:
        yield Allow(peers, None, 0, None, policy, rule.span)
        return
    for port_rule in rule.to_ports:
        for port in port_rule.ports:
            yield Allow(peers, port.protocol, port.number, port_rule.http, policy, port_rule.span)
