"""Lowered -> the kernel's maps, changed so that no packet ever passes that neither the old nor the new policy allows.

    1  what is new (decisions, pages, sides) is written under numbers that nothing refers to yet
    2  the idle column of identities, networks and endpoints is written: it says what is new, the other what is old
    3  the word makes both columns count: a packet passes only if both let it pass
    4  after a grace period the word makes the new column count alone
    5  after another, the old column is made equal to the new one, and what nothing refers to any more is given back

A process that dies between any two of these leaves either the old policy, or both at once, or the new one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pybpf.compiler.lower import Lowered, LoweredEndpoint, Origin, RuleSet, rule_sets_of
from pybpf.enforce import contents
from pybpf.enforce.numbering import Numbering
from pybpf.enforce.sides import RuleNumbers, WrittenSides
from pybpf.enforce.switching import ControlWord, grace
from pybpf.kernel_progs import numbers
from pybpf.maps import Map

K = TypeVar("K")
V = TypeVar("V")
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """What one column says, by the keys of the maps: of addresses (identity, endpoint that may send from it), of networks (identity),
    of endpoints by interface index (number, identity, ingress side, egress side)."""

    addresses: Mapping[bytes, tuple[int, int]]
    networks: Mapping[bytes, int]
    endpoints: Mapping[int, tuple[int, int, int, int]]


EMPTY = Column({}, {}, {})
_NOBODY = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Saved:
    """What Tables knows of the maps, to be kept beside them."""

    numbers: RuleNumbers
    endpoints: Numbering[Name]
    sides: WrittenSides
    column: Column


class Tables:
    """The maps of a datapath and what their numbers stand for. Borrows the maps."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = maps
        self.word = ControlWord(maps["control"])
        self.enforced_ns = 0  # CLOCK_MONOTONIC when the last change came into force; what follows is tidying
        self.restore(Saved(RuleNumbers(), Numbering("endpoints", 1, numbers.MAX_ENDPOINTS), WrittenSides(), EMPTY))

    @property
    def rules(self) -> Numbering[Origin]:
        """The rules and their numbers, old ones that the log may name among them."""
        return self._numbers.rules

    def saved(self) -> Saved:
        """All that is known of the kernel's maps."""
        return Saved(self._numbers, self.endpoints, self._sides, self._column)

    def restore(self, saved: Saved) -> None:
        """Go on from what is in the maps already. What was saved belongs to this object from now on, and changes with it."""
        self._numbers, self.endpoints, self._sides, self._column = saved.numbers, saved.endpoints, saved.sides, saved.column

    def inherit(self, saved: Saved | None, revision: int) -> None:
        """In maps that are new: go on with later revisions, and with the numbers that lasting maps know (None: they are new too)."""
        if saved is not None:
            self._numbers.rules, self.endpoints = saved.numbers.rules, saved.endpoints
        self.word.set(revision, 0)

    def needed(self, lowered: Lowered, interfaces: Mapping[Name, int]) -> dict[RuleSet, int]:
        """The slots of the rule sets that are new with `lowered`: each must hold its program before `switch`. Raises TableFull."""
        missing = self._sides.missing(_keys(map(lowered.endpoint, interfaces)))
        rule_sets = rule_sets_of(map(lowered.side, missing))
        for rule_set in rule_sets:
            for origin in rule_set.origins:
                self._numbers.rules.number(origin)
        return {each: self._numbers.rule_sets.number(each) for each in rule_sets}

    def switch(self, lowered: Lowered, interfaces: Mapping[Name, int]) -> None:
        """Make the kernel enforce `lowered` on the interfaces given by endpoint. The programs of its rule sets must be in their places.

        Raises TableFull or KernelError; then the policy before is still enforced, or both are.
        """
        endpoints = {index: lowered.endpoint(name) for name, index in interfaces.items()}
        for key in self._sides.missing(_keys(endpoints.values())):
            self._sides.write(key, lowered.side(key), self._maps, self._numbers)
        before, after = self._column, self._wanted(lowered, endpoints)
        changed = Column(*(_differing(old, new) for old, new in ((before.addresses, after.addresses), (before.networks, after.networks), (before.endpoints, after.endpoints))))
        new = 1 if self.word.columns == 1 else 0
        self._write(before, after, new, changed)
        revision = self.word.revision + 1
        if self.word.columns:
            self.word.set(revision, numbers.BOTH_COLUMNS)
            grace()
        self.word.set(revision, 1 << new)
        self.enforced_ns = time.monotonic_ns()
        grace()
        self._write(after, after, new, changed)
        self._column = after
        self._give_back(endpoints.values())

    def rule_sets(self) -> dict[RuleSet, int]:
        """The slots of the rule sets that are in use."""
        return {each: self._numbers.rule_sets.number(each) for each in self._sides.rule_sets()}

    def close(self) -> None:
        """Let go of the mapped memory; the maps stay."""
        self.word.close()

    def _wanted(self, lowered: Lowered, endpoints: Mapping[int, LoweredEndpoint]) -> Column:
        owners = {address: self.endpoints.number(each.name) for each in endpoints.values() for address in each.addresses}

        def side(key: bytes | None) -> int:
            return numbers.OPEN_SIDE if key is None else self._sides.number(key)

        return Column(
            {contents.address(address): (identity, owners.get(address, 0)) for address, identity in lowered.addresses.items()},
            {contents.network(network): identity for network, identity in lowered.networks.items()},
            {index: (self.endpoints.number(each.name), each.identity, side(each.ingress), side(each.egress)) for index, each in endpoints.items()},
        )

    def _write(self, old: Column, after: Column, new: int, changed: Column) -> None:
        """Of what has changed: `after` in the column `new`, `old` in the other. What neither says is taken away."""

        def both(was: int, is_: int) -> tuple[int, int]:
            return (was, is_) if new else (is_, was)

        for key in changed.addresses:
            (was, by), (is_, of) = old.addresses.get(key, (0, 0)), after.addresses.get(key, (0, 0))
            self._put("addresses", key, contents.owner(both(was, is_), both(by, of)) if key in old.addresses or key in after.addresses else None)
        for key in changed.networks:
            value = contents.pair(both(_holding(key, old.networks), _holding(key, after.networks)))
            self._put("networks", key, value if key in old.networks or key in after.networks else None)
        for index in changed.endpoints:
            before, now = old.endpoints.get(index), after.endpoints.get(index)
            own = (now or before or _NOBODY)[0]
            pairs = [both(*each) for each in zip((before or _NOBODY)[1:], (now or _NOBODY)[1:], strict=True)]
            self._put("endpoints", contents.number(index), contents.endpoint(own, *pairs) if before or now else None)

    def _put(self, name: str, key: bytes, value: bytes | None) -> None:
        """Make a map say a value, or (None) nothing."""
        if value is not None:
            self._maps[name].update(key, value)
        else:
            self._maps[name].delete(key)

    def _give_back(self, endpoints: Collection[LoweredEndpoint]) -> None:
        """Numbers and entries that the policy now enforced does not use."""
        self._sides.keep(set(_keys(endpoints)), self._maps)
        if len(self._numbers.rules.numbers) > numbers.MAX_RULES // 2:  # before that, numbers in the log's old records keep their meaning
            self._numbers.rules.keep(self._sides.origins())
        self._numbers.rule_sets.keep(self._sides.rule_sets())
        self.endpoints.keep(each.name for each in endpoints)


def _keys(endpoints: Iterable[LoweredEndpoint]) -> list[bytes]:
    """The sides of endpoints, each once."""
    return list(dict.fromkeys(key for each in endpoints for key in (each.ingress, each.egress) if key is not None))


def _differing(old: Mapping[K, V], after: Mapping[K, V]) -> dict[K, V]:
    """What is not the same in both: of either, the new where both have it."""
    return {key: value for key, value in old.items() if key not in after} | {key: value for key, value in after.items() if old.get(key) != value}


def _holding(key: bytes, networks: Mapping[bytes, int]) -> int:
    """The identity of the longest of `networks` that holds all of a network; 0 when none does."""
    return next((networks[each] for each in contents.supernets(key) if each in networks), 0)
