"""Resolved -> Lowered: everything the kernel holds of a set of policies, before anything has a number.

Sides are made when they are asked for: most of them are in the kernel already when a policy changes, and those of endpoints on
other hosts never are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pybpf.compiler.lower.auditing import audited_side
from pybpf.compiler.lower.judgements import Judgement, Origin, RuleSet
from pybpf.compiler.lower.keys import NO_SERIALS, Keys
from pybpf.compiler.lower.sides import Branch, LoweredSide, Node, Tries, lowered_side
from pybpf.compiler.policy.model.inventory import Address
from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.resolved import Resolved, Side

HOST = ("", "host")  # the local host is no endpoint behind an interface


@dataclass(frozen=True, slots=True)
class LoweredEndpoint:
    """An endpoint by (namespace, name), its identity and addresses, and the keys of its sides; None: not enforced."""

    name: tuple[str, str]
    identity: int
    addresses: tuple[Address, ...]
    ingress: bytes | None
    egress: bytes | None


class Lowered:
    """The content of the kernel's maps, of what was resolved."""

    def __init__(self, resolved: Resolved, keys: Keys) -> None:
        self._resolved = resolved
        self._keys = keys
        self._tries: Tries = {}
        self._endpoints: dict[tuple[str, str], LoweredEndpoint] = {}
        self._sources: dict[bytes, tuple[Side, Direction, bool]] = {}
        self._sides: dict[bytes, LoweredSide] = {}
        self.names = tuple(name for name in resolved.endpoints if name != HOST)
        self.addresses: Mapping[Address, int] = resolved.addresses
        self.networks: Mapping[Network, int] = resolved.networks

    def endpoint(self, name: tuple[str, str]) -> LoweredEndpoint:
        """The endpoint of that name. LookupError if there is none."""
        if name not in self._endpoints:
            found = self._resolved.endpoints[name]
            audit = found.endpoint.audit
            ingress, egress = self._key(found.ingress, Direction.INGRESS, audit), self._key(found.egress, Direction.EGRESS, audit)
            self._endpoints[name] = LoweredEndpoint(name, found.identity, found.endpoint.addresses, ingress, egress)
        return self._endpoints[name]

    def side(self, key: bytes) -> LoweredSide:
        """The side of a key that an endpoint has; made the first time."""
        if key not in self._sides:
            side, direction, audit = self._sources[key]
            made = lowered_side(side, direction, self._resolved.identities, self._tries)
            self._sides[key] = audited_side(made) if audit else made
        return self._sides[key]

    def every_side(self) -> Iterator[LoweredSide]:
        """Those of all endpoints, each once."""
        keys = dict.fromkeys(key for name in self.names for each in [self.endpoint(name)] for key in (each.ingress, each.egress) if key is not None)
        return map(self.side, keys)

    def _key(self, side: Side, direction: Direction, audit: bool) -> bytes | None:
        if not side.enforced:
            return None
        key = self._keys.of(side, direction, audit)
        self._sources[key] = side, direction, audit
        return key


def lowered(resolved: Resolved, serials: Mapping[int, bytes] = NO_SERIALS) -> Lowered:
    """What the kernel needs to enforce what was resolved; deterministic but for the keys. Its policies are those that enforceable.py
    lets through; `serials` are theirs by id (keys.py)."""
    return Lowered(resolved, Keys(serials))


def rule_sets_of(sides: Iterator[LoweredSide]) -> tuple[RuleSet, ...]:
    """Those that sides name, each once, in order."""
    return tuple(dict.fromkeys(each.rule_set for side in sides for each in judgements(side) if each.rule_set is not None))


def origins_of(side: LoweredSide) -> tuple[Origin, ...]:
    """Those that a side names, those of its rule sets among them; each once, in order."""
    found: dict[Origin, None] = {}
    for each in judgements(side):
        found |= dict.fromkeys(origin for origin in (each.rule, each.audit) if origin is not None)
        if each.rule_set is not None:
            found |= dict.fromkeys(each.rule_set.every_origin)
    return tuple(found)


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
