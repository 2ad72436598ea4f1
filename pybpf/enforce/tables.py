"""Lowered -> the kernel's maps, changed so that no packet ever passes that neither the old nor the new policy allows.

    1  what is new (decisions, pages, sides) is written under numbers that nothing refers to yet
    2  the idle column of identities, networks and endpoints is written: it says what is new, the other what is old
       now programs may be attached to the interfaces of new endpoints
    3  the word makes both columns count: a packet passes only if both let it pass
    4  after a grace period the word makes the new column count alone
       after another, programs may be taken off the interfaces of endpoints that are no more
    5  the old column is made equal to the new one, and what nothing refers to any more is given back

A process that dies between any two of these leaves either the old policy, or both at once, or the new one.

What a packet may do is decided at two interfaces, and both must change at once: who is an endpoint in one of the columns only is, in
the other, one that nothing is enforced for. So its interface has its programs for all of the change, and they do nothing before or after.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from pybpf.compiler.lower import Lowered, LoweredEndpoint, Origin, RuleSet, rule_sets_of
from pybpf.enforce import contents
from pybpf.enforce.numbering import Numbering, TableFull
from pybpf.enforce.sides import RuleNumbers, WrittenSides
from pybpf.enforce.switching import ControlWord, grace
from pybpf.errors import KernelError
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
class Keys:
    """Keys of the maps that have columns."""

    addresses: tuple[bytes, ...]
    networks: tuple[bytes, ...]
    endpoints: tuple[int, ...]


NO_KEYS = Keys((), (), ())


@dataclass(frozen=True, slots=True)
class Begun:
    """A switch that has begun: which column shall count, what it shall say, who has interfaces then, and the keys that it touches."""

    new: int
    after: Column
    endpoints: tuple[LoweredEndpoint, ...]
    touched: Keys


@dataclass(frozen=True, slots=True)
class Saved:
    """What Tables knows of the maps, to be kept beside them."""

    numbers: RuleNumbers
    interfaces: Numbering[int]  # what the kernel calls an endpoint is the number of its interface
    names: dict[int, Name]  # whose interface a number is
    sides: WrittenSides
    column: Column


class Tables:
    """The maps of a datapath and what their numbers stand for. Borrows the maps."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = maps
        self.word = ControlWord(maps["control"])
        self.enforced_ns = 0  # CLOCK_MONOTONIC when the last change came into force; what follows is tidying
        self.restore(Saved(RuleNumbers(), Numbering("endpoints", 1, numbers.MAX_ENDPOINTS), {}, WrittenSides(), EMPTY))

    @property
    def rules(self) -> Numbering[Origin]:
        """The rules and their numbers, old ones that the log may name among them."""
        return self._numbers.rules

    def saved(self) -> Saved:
        """All that is known of the kernel's maps."""
        return Saved(self._numbers, self.interfaces, self.names, self._sides, self._column)

    def restore(self, saved: Saved) -> None:
        """Go on from what is in the maps already. What was saved belongs to this object from now on, and changes with it."""
        self._numbers, self.interfaces, self.names = saved.numbers, saved.interfaces, saved.names
        self._sides, self._column = saved.sides, saved.column
        self._unsettled = NO_KEYS  # what a change that failed has touched: its idle column is not as _column says

    def inherit(self, saved: Saved | None, revision: int) -> None:
        """In maps that are new: go on with later revisions, and with the numbers that lasting maps know (None: they are new too)."""
        if saved is not None:
            self._numbers.rules, self.interfaces, self.names = saved.numbers.rules, saved.interfaces, saved.names
        self.word.set(revision, 0)

    def needed(self, lowered: Lowered, interfaces: Mapping[Name, int]) -> dict[RuleSet, int]:
        """The slots of the rule sets that are new with `lowered`: each must hold its program before `switch`. Raises TableFull."""
        missing = self._sides.missing(_keys(map(lowered.endpoint, interfaces)))
        rule_sets = rule_sets_of(map(lowered.side, missing))
        for rule_set in rule_sets:
            for origin in rule_set.every_origin:
                self._numbers.rules.number(origin)
        return {each: self._numbers.rule_sets.number(each) for each in rule_sets}

    def switch(self, lowered: Lowered, interfaces: Mapping[Name, int]) -> None:
        """Make the kernel enforce `lowered` on the interfaces given by endpoint. The programs of its rule sets must be in their places.

        For who attaches nothing meanwhile; else it is `begin`, `turn` and `finish`. Raises TableFull or KernelError; then the policy
        before is still enforced, or both are.
        """
        begun = self.begin(lowered, interfaces)
        self.turn(begun)
        self.finish(begun)

    def begin(self, lowered: Lowered, interfaces: Mapping[Name, int]) -> Begun:
        """Write what `switch` needs; what was enforced still is. Programs that are attached to new interfaces from now on do nothing yet.

        Raises TableFull or KernelError; then nothing has changed.
        """
        endpoints = {index: lowered.endpoint(name) for name, index in interfaces.items()}
        for key in self._sides.missing(_keys(endpoints.values())):
            self._sides.write(key, lowered.side(key), self._maps, self._numbers)
        if not self.word.columns:  # nothing counts, so nothing is attached that may pass: now what counts is that nothing is enforced
            self.word.set(self.word.revision, 1)
        new = 1 if self.word.columns == 1 else 0
        was, after = self._column, self._wanted(lowered, endpoints)
        leaving, coming = _without_policy(was, after), _without_policy(after, was)
        touched = Keys(
            _each(self._unsettled.addresses, _differing(was.addresses, after.addresses), leaving.addresses, coming.addresses),
            _each(self._unsettled.networks, _differing(was.networks, after.networks)),
            _each(self._unsettled.endpoints, _differing(was.endpoints, after.endpoints)),
        )
        self._unsettled = touched
        self._write(_joined(was, coming), _joined(after, leaving), new, touched)
        return Begun(new, after, tuple(endpoints.values()), touched)

    def turn(self, begun: Begun) -> None:
        """Let what was written count, in place of what did. From then on programs on interfaces without endpoint do nothing."""
        revision = self.word.revision + 1
        self.word.set(revision, numbers.BOTH_COLUMNS)
        grace()
        self.word.set(revision, 1 << begun.new)
        self.enforced_ns = time.monotonic_ns()
        grace()

    def finish(self, begun: Begun) -> None:
        """Forget what was enforced before. Interfaces without endpoint must have no programs: these would refuse everything."""
        self._write(begun.after, begun.after, begun.new, begun.touched)
        self._column, self._unsettled = begun.after, NO_KEYS
        self._give_back(begun.endpoints)

    def rule_sets(self) -> dict[RuleSet, int]:
        """The slots of the rule sets that are in use."""
        return {each: self._numbers.rule_sets.number(each) for each in self._sides.rule_sets()}

    def close(self) -> None:
        """Let go of the mapped memory; the maps stay."""
        self.word.close()

    def _wanted(self, lowered: Lowered, endpoints: Mapping[int, LoweredEndpoint]) -> Column:
        owners = {address: self.interfaces.number(index) for index, each in endpoints.items() for address in each.addresses}
        self.names |= {self.interfaces.number(index): each.name for index, each in endpoints.items()}

        def side(key: bytes | None) -> int:
            return numbers.OPEN_SIDE if key is None else self._sides.number(key)

        return Column(
            {contents.address(address): (identity, owners.get(address, 0)) for address, identity in lowered.addresses.items()},
            {contents.network(network): identity for network, identity in lowered.networks.items()},
            {index: (self.interfaces.number(index), each.identity, side(each.ingress), side(each.egress)) for index, each in endpoints.items()},
        )

    def _write(self, old: Column, after: Column, new: int, touched: Keys) -> None:
        """Of what is touched: `after` in the column `new`, `old` in the other. What neither says is taken away."""

        def both(was: int, is_: int) -> tuple[int, int]:
            return (was, is_) if new else (is_, was)

        for key in touched.addresses:
            (was, by), (is_, of) = old.addresses.get(key, (0, 0)), after.addresses.get(key, (0, 0))
            self._put("addresses", key, contents.owner(both(was, is_), both(by, of)) if key in old.addresses or key in after.addresses else None)
        for key in touched.networks:
            value = contents.pair(both(_holding(key, old.networks), _holding(key, after.networks)))
            self._put("networks", key, value if key in old.networks or key in after.networks else None)
        for index in touched.endpoints:
            before, now = old.endpoints.get(index), after.endpoints.get(index)
            own = (now or before or _NOBODY)[0]
            pairs = [both(*each) for each in zip((before or _NOBODY)[1:], (now or _NOBODY)[1:], strict=True)]
            self._put("endpoints", contents.number(index), contents.endpoint(own, *pairs) if before or now else None)

    def _put(self, name: str, key: bytes, value: bytes | None) -> None:
        """Make a map say a value, or (None) nothing. Raises TableFull."""
        if value is None:
            self._maps[name].delete(key)
            return
        try:
            self._maps[name].update(key, value)
        except KernelError as error:
            if error.errno not in (errno.ENOSPC, errno.E2BIG):
                raise
            raise TableFull(f"{name}: all {self._maps[name].info().max_entries} are in use, and the policies need more") from error

    def _give_back(self, endpoints: Collection[LoweredEndpoint]) -> None:
        """Numbers and entries that the policy now enforced does not use."""
        self._sides.keep(set(_keys(endpoints)), self._maps)
        if len(self._numbers.rules.numbers) > numbers.MAX_RULES // 2:  # before that, numbers in the log's old records keep their meaning
            self._numbers.rules.keep(self._sides.origins())
        self._numbers.rule_sets.keep(self._sides.rule_sets())
        self.interfaces.keep(self._column.endpoints)
        used = set(self.interfaces.numbers.values())
        self.names = {number: name for number, name in self.names.items() if number in used}


def _keys(endpoints: Iterable[LoweredEndpoint]) -> list[bytes]:
    """The sides of endpoints, each once."""
    return list(dict.fromkeys(key for each in endpoints for key in (each.ingress, each.egress) if key is not None))


def _differing(old: Mapping[K, V], after: Mapping[K, V]) -> Iterator[K]:
    """The keys of what is not the same in both."""
    yield from (key for key in old if key not in after)
    yield from (key for key, value in after.items() if old.get(key) != value)


def _each(*keys: Iterable[K]) -> tuple[K, ...]:
    """All of them, each once."""
    return tuple(dict.fromkeys(chain(*keys)))


def _without_policy(there: Column, column: Column) -> Column:
    """What makes the endpoints that only `there` has endpoints of `column` that nothing is enforced for: they send from their addresses
    as if nobody asked, unless these are another's in `column`."""
    endpoints = {index: (number, 0, numbers.OPEN_SIDE, numbers.OPEN_SIDE) for index, (number, *_) in there.endpoints.items() if index not in column.endpoints}
    own = {number for number, *_ in endpoints.values()}
    addresses = {}
    for key, (_, number) in there.addresses.items() if own else ():
        identity, owner = column.addresses.get(key, (0, 0))
        if number in own and not owner:
            addresses[key] = identity, number
    return Column(addresses, {}, endpoints)


def _joined(column: Column, more: Column) -> Column:
    """What either says; `more` where both do."""
    return Column({**column.addresses, **more.addresses}, column.networks, {**column.endpoints, **more.endpoints}) if more.endpoints else column


def _holding(key: bytes, networks: Mapping[bytes, int]) -> int:
    """The identity of the longest of `networks` that holds all of a network; 0 when none does."""
    return next((networks[each] for each in contents.supernets(key) if each in networks), 0)
