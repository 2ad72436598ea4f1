"""Resolved -> what the kernel's policy lookup knows: for each side of each endpoint, allows of one port each.

Only policies that enforceable.py has let through come here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.layer7 import Http, HttpRule
from pybpf.compiler.policy.model.ports import IcmpType, Protocol
from pybpf.compiler.policy.model.resolved import Entry, Side


@dataclass(frozen=True, slots=True)
class Allow:
    """Permission for some flows of one side of one endpoint.

    `peers`: identity numbers, empty for nobody, None for any peer at all (the world included).
    `protocol`: None for any IP protocol; Protocol.ANY for any of TCP, UDP, SCTP. `port`: 0 for every port.
    `http`: None for "do not look at requests", else one of these rules must match each request.
    """

    peers: frozenset[int] | None
    protocol: Protocol | None
    port: int
    http: tuple[HttpRule, ...] | None
    policy: str
    span: Span


@dataclass(frozen=True, slots=True)
class LoweredSide:
    """One direction of one endpoint. Not enforced: all flows pass. `origin` is what made it enforced, None when nothing did."""

    enforced: bool
    allows: tuple[Allow, ...]
    origin: Span | None


def lowered(side: Side) -> LoweredSide:
    """A side as the kernel knows it. One that does not deny by default lets everything pass: there are no denies here.

    The local host's own permission is left out: the datapath does not know the host from any other outsider.
    """
    if not side.enforced or not side.default_deny:
        return LoweredSide(False, (), None)
    allows = tuple(allow for entry in side.entries if entry.policy is not None for allow in _allows(entry))
    return LoweredSide(True, allows, side.origin_span)


def _allows(entry: Entry) -> Iterator[Allow]:
    assert entry.policy is not None and entry.rule is not None and not entry.peers.names
    span = entry.port_rule.span if entry.port_rule is not None else entry.rule.span
    if entry.ports is None:
        yield Allow(entry.peers.identities, None, 0, None, entry.policy.name, span)
        return
    layer7 = entry.port_rule.layer7 if entry.port_rule is not None and entry.checked else None
    assert layer7 is None or isinstance(layer7, Http)
    for port in entry.ports:
        assert not isinstance(port, IcmpType)
        number = port.first if port.first == port.last else 0
        yield Allow(entry.peers.identities, port.protocol, number, layer7.rules if layer7 is not None else None, entry.policy.name, span)
