"""Resolved -> policy entries: who may talk to whom, as the kernel looks it up, and the rule behind each answer.

The kernel asks from the most specific key to the least and takes the first answer. So under every key stands the
union of all rules that cover it, and every combination of a peer and a port that any two rules span has a key.
A plain allow in that union lets everything through; else its HTTP rules become one rule set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from pybpf.compiler.diag import Span
from pybpf.compiler.lower.allows import Allow, LoweredSide, lowered
from pybpf.compiler.policy.model.layer7 import HttpRule
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import WITH_PORTS, Protocol
from pybpf.compiler.policy.model.resolved import Resolved, ResolvedEndpoint
from pybpf.kernel_progs.abi import ANY
from pybpf.kernel_progs.abi import Direction as HookDirection

HOOK_OF = {Direction.INGRESS: HookDirection.INGRESS, Direction.EGRESS: HookDirection.EGRESS}


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a policy that a rule number stands for; `text` says what it is."""

    policy: str
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """A policy key: numbers as the kernel has them, 0 where it is a wildcard."""

    endpoint: int
    identity: int
    direction: HookDirection
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under a key: `rule_set` is None for a plain allow."""

    rule: int
    rule_set: int | None


@dataclass(frozen=True, slots=True)
class EndpointEntry:
    """An endpoint as the kernel knows it; a rule of 0: that direction is not enforced."""

    number: int
    name: str
    identity: int
    ingress_rule: int
    egress_rule: int


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The HTTP rules that decide together, and the number of each as events name it."""

    rules: tuple[HttpRule, ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """The content of the kernel's policy maps. origins[rule - 1] is what rule stands for."""

    endpoints: tuple[EndpointEntry, ...]
    policies: tuple[tuple[Key, Entry], ...]
    rule_sets: tuple[RuleSet, ...]
    origins: tuple[Origin, ...]


def entries(resolved: Resolved) -> Entries:
    """Everything the kernel needs to enforce what was resolved; deterministic.

    ValueError for an endpoint that a setting enforces, not a policy: there is no rule to name in its events.
    """
    builder = _Builder()
    for number, endpoint in enumerate(resolved.endpoints.values(), 1):
        builder.add_endpoint(number, endpoint)
    return Entries(tuple(builder.endpoints), tuple(builder.policies), tuple(builder.rule_sets), tuple(builder.origins))


class _Builder:
    """Numbers rules and rule sets while the entries are made; equal ones share a number."""

    def __init__(self) -> None:
        self.endpoints: list[EndpointEntry] = []
        self.policies: list[tuple[Key, Entry]] = []
        self.rule_sets: list[RuleSet] = []
        self.origins: list[Origin] = []

    def add_endpoint(self, number: int, endpoint: ResolvedEndpoint) -> None:
        """One endpoint, with the entries of its two sides."""
        rules = {}
        for direction, resolved_side in ((Direction.INGRESS, endpoint.ingress), (Direction.EGRESS, endpoint.egress)):
            side = lowered(resolved_side)
            rules[direction] = self._default_rule(direction, side)
            for key, covering in keyed(number, direction, side):
                self.policies.append((key, self._entry(covering)))
        name = endpoint.endpoint.name
        self.endpoints.append(
            EndpointEntry(number, name, endpoint.identity, rules[Direction.INGRESS], rules[Direction.EGRESS])
        )

    def _default_rule(self, direction: Direction, side: LoweredSide) -> int:
        if not side.enforced:
            return 0
        if side.origin is None:
            raise ValueError("an endpoint is enforced by a setting: the kernel programs only enforce what policies say")
        return self._rule(Origin("", side.origin, f"default deny of {direction.name.lower()}"))

    def _entry(self, covering: Sequence[Allow]) -> Entry:
        plain = [allow for allow in covering if allow.http is None]
        first = plain[0] if plain else covering[0]
        rule = self._rule(Origin(first.policy, first.span, "allow" if plain else "allow what its rules allow"))
        return Entry(rule, None if plain else self._rule_set(covering))

    def _rule_set(self, covering: Sequence[Allow]) -> int:
        made = [(rule, allow.policy) for allow in covering for rule in allow.http or ()]
        rules = dict(made)
        numbers = tuple(self._rule(Origin(policy, rule.span, "http rule")) for rule, policy in rules.items())
        found = RuleSet(tuple(rules), numbers)
        if found not in self.rule_sets:
            self.rule_sets.append(found)
        return self.rule_sets.index(found)

    def _rule(self, origin: Origin) -> int:
        if origin not in self.origins:
            self.origins.append(origin)
        return self.origins.index(origin) + 1


def keyed(endpoint: int, direction: Direction, side: LoweredSide) -> Iterator[tuple[Key, list[Allow]]]:
    """Every key of one side, with the allows that cover it (never none), most specific keys first."""
    peers = sorted({peer for allow in side.allows for peer in allow.peers or ()}, reverse=True)
    services = sorted({service for allow in side.allows for service in _services(allow)}, reverse=True)
    for peer, (protocol, port) in product([*peers, ANY], _closed(services)):
        covering = [allow for allow in side.allows if _covers(allow, peer, protocol, port)]
        if covering:
            yield Key(endpoint, peer, HOOK_OF[direction], protocol, port), covering


def _services(allow: Allow) -> Iterator[tuple[int, int]]:
    """(protocol, port) pairs as the kernel has them; 0 is any."""
    if allow.protocol is None:
        assert allow.port == 0, "a port needs a protocol"
        yield ANY, ANY
    elif allow.protocol is Protocol.ANY:
        yield from ((int(protocol), allow.port) for protocol in WITH_PORTS)
    else:
        yield int(allow.protocol), allow.port


def _closed(services: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The services, most specific first. They nest or are disjoint, so they are closed under intersection."""
    return sorted(services, key=lambda service: (service[1] == ANY, service[0] == ANY, service))


def _covers(allow: Allow, peer: int, protocol: int, port: int) -> bool:
    """Whether everything under the key is covered by `allow`."""
    if allow.peers is not None and (peer == ANY or peer not in allow.peers):
        return False
    return any(have in (ANY, protocol) and at in (ANY, port) for have, at in _services(allow))
