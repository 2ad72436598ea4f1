"""Short ways to write policies and inventories as values."""

from __future__ import annotations

from collections.abc import Iterable

from pybpf.compiler.diag import Source, Span, span_of_line
from pybpf.compiler.policy.model.inventory import Endpoint
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    Label,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.model.layer7 import Layer7
from pybpf.compiler.policy.model.peers import Endpoints, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.model.ports import LAST_PORT, Port, PortRange, Protocol

SOURCE = Source("made.yaml", "made\n" * 500)
NAMESPACE = "default"
HERE = span_of_line(SOURCE, 1)


def line(number: int) -> Span:
    """A line of the made-up source."""
    return span_of_line(SOURCE, number)


def endpoint(name: str, namespace: str = NAMESPACE, **labels: str) -> Endpoint:
    """An endpoint with labels of its own."""
    return Endpoint(name, namespace, tuple(sorted(Label(KUBERNETES, key, value) for key, value in labels.items())))


def selecting(namespace: str | None = NAMESPACE, span: Span = HERE, **labels: str) -> Endpoints:
    """Endpoints by labels, in a namespace or in any (None)."""
    requirements = [Requirement("any", key, Operator.IN, (value,)) for key, value in sorted(labels.items())]
    scope = Requirement(KUBERNETES, NAMESPACE_KEY, *((Operator.EXISTS,) if namespace is None else (Operator.IN, (namespace,))))
    return Endpoints(Selector((*requirements, scope), span))


def port(number: int, protocol: Protocol = Protocol.TCP, last: int | None = None) -> PortRange:
    """One port, or a range; 0 is every port."""
    return PortRange(protocol, number, LAST_PORT if number == 0 and last is None else last or number, HERE)


def ports(*each: Port, layer7: Layer7 | None = None, span: Span = HERE) -> PortRule:
    """Ports with what must hold for requests there."""
    return PortRule(each, layer7, (), None, None, None, span)


def rule(
    peers: Iterable[Peer] | None,
    port_rules: Iterable[PortRule] | None = None,
    direction: Direction = Direction.INGRESS,
    action: Action = Action.ALLOW,
    span: Span = HERE,
) -> Rule:
    """A rule; None is anybody, and every port."""
    return Rule(direction, action, None if peers is None else tuple(peers), None if port_rules is None else tuple(port_rules), None, None, span)


def policy(subject: Endpoints, *rules: Rule, name: str = "made", span: Span = HERE, **changes: object) -> Policy:
    """A policy that denies by default where it has rules."""
    fields: dict[str, object] = {
        "kind": Kind.CILIUM,
        "name": name,
        "namespace": NAMESPACE,
        "subject": subject,
        "rules": rules,
        "default_deny": frozenset(each.direction for each in rules),
        "audit": False,
        "on_deny": None,
        "tier": Tier.NORMAL,
        "priority": 0.0,
        "labels": (),
        "log": "",
        "description": "",
        "span": span,
    }
    return Policy(**(fields | changes))  # type: ignore[arg-type]  # names and types are the dataclass's
