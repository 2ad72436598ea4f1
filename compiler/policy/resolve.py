"""Policies and an inventory -> Resolved: who may talk to whom, identity by identity.

Policies add up: a side is enforced once any rule speaks of it, and then every allow of every rule counts. An
element that selects nothing allows nothing and enforces all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from pybpf.compiler.policy.model import (
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

    ValueError when two endpoints share a name, or when a label is written with its source (k8s:app) or twice: no
    selector would find it, and an endpoint that no subject finds is not protected.
    """
    _check(endpoints)
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
        if len(set(keys)) < len(keys) or any(":" in key for key in keys):
            raise ValueError(f"the labels of endpoint {endpoint.name!r} need distinct keys without a source: {keys}")


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
