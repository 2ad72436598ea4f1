"""Resolved -> Lowered: everything the kernel holds of a set of policies, before anything has a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pybpf.compiler.lower.auditing import audited_side
from pybpf.compiler.lower.judgements import Judgement, Origin, RuleSet
from pybpf.compiler.lower.sides import Branch, LoweredSide, Node, Tries, lowered_side
from pybpf.compiler.policy.model.inventory import Address
from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.resolved import Resolved, ResolvedEndpoint

HOST = ("", "host")  # the local host is no endpoint behind an interface


@dataclass(frozen=True, slots=True)
class LoweredEndpoint:
    """An endpoint by (namespace, name), its identity and addresses, and its sides; None: not enforced."""

    name: tuple[str, str]
    identity: int
    addresses: tuple[Address, ...]
    ingress: LoweredSide | None
    egress: LoweredSide | None


@dataclass(frozen=True, slots=True)
class Lowered:
    """The content of the kernel's maps. `rule_sets` and `origins` are those that its sides name, each once, in order."""

    endpoints: tuple[LoweredEndpoint, ...]
    addresses: Mapping[Address, int]
    networks: Mapping[Network, int]
    rule_sets: tuple[RuleSet, ...]
    origins: tuple[Origin, ...]


def lowered(resolved: Resolved) -> Lowered:
    """What the kernel needs to enforce what was resolved; deterministic. Its policies are those that enforceable.py lets through."""
    tries: Tries = {}
    endpoints = tuple(_endpoint(name, each, resolved, tries) for name, each in resolved.endpoints.items() if name != HOST)
    judged = dict.fromkeys(judgement for each in endpoints for side in (each.ingress, each.egress) if side is not None for judgement in judgements(side))
    rule_sets = dict.fromkeys(each.rule_set for each in judged if each.rule_set is not None)
    origins: dict[Origin, None] = {}
    for each in judged:
        origins |= dict.fromkeys(origin for origin in (each.rule, each.audit) if origin is not None)
    for rule_set in rule_sets:
        origins |= dict.fromkeys(rule_set.origins)
    return Lowered(endpoints, resolved.addresses, resolved.networks, tuple(rule_sets), tuple(origins))


def _endpoint(name: tuple[str, str], resolved_endpoint: ResolvedEndpoint, resolved: Resolved, tries: Tries) -> LoweredEndpoint:
    endpoint = resolved_endpoint.endpoint
    ingress = lowered_side(resolved_endpoint.ingress, Direction.INGRESS, resolved.identities, tries)
    egress = lowered_side(resolved_endpoint.egress, Direction.EGRESS, resolved.identities, tries)
    if endpoint.audit:
        ingress, egress = (audited_side(each) if each is not None else None for each in (ingress, egress))
    return LoweredEndpoint(name, resolved_endpoint.identity, endpoint.addresses, ingress, egress)


def judgements(side: LoweredSide) -> Iterator[Judgement]:
    """Every judgement of a side, in its order; those of tries that several peers share come once."""
    seen: set[int] = set()
    for node in (side.anybody, *(node for _, node in side.peers)):
        if id(node) not in seen:
            seen.add(id(node))
            yield from leaves(node)


def leaves(node: Node) -> Iterator[Judgement]:
    """The judgements below a node."""
    if isinstance(node, Branch):
        for _, each in node.runs:
            yield from leaves(each)
    else:
        yield node
