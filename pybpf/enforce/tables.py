"""Lowered -> the kernel's maps, changed so that no packet ever passes that neither the old nor the new policy allows.

    1  what is new (decisions, pages, sides) is written under numbers that nothing refers to yet
    2  the idle column of identities, networks and endpoints is written: it says what is new, the other what is old
    3  the word makes both columns count: a packet passes only if both let it pass
    4  after a grace period the word makes the new column count alone
    5  after another, the old column is made equal to the new one, and what nothing refers to any more is given back

A process that dies between any two of these leaves either the old policy, or both at once, or the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

from pybpf.compiler.lower import (
    Branch,
    Judgement,
    Lowered,
    LoweredEndpoint,
    LoweredSide,
    Node,
    Origin,
    RuleSet,
    judgements,
)
from pybpf.enforce import contents
from pybpf.enforce.numbering import Numbering
from pybpf.enforce.switching import ControlWord, grace
from pybpf.kernel_progs import abi
from pybpf.maps import Map

K = TypeVar("K")
Address = IPv4Address | IPv6Address
Net = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Column:
    """What one column says: of addresses (identity, endpoint that may send from it), of networks, of endpoints by interface index
    (number, identity, ingress side, egress side)."""

    addresses: Mapping[Address, tuple[int, int]]
    networks: Mapping[Net, int]
    endpoints: Mapping[int, tuple[int, int, int, int]]


EMPTY = Column({}, {}, {})


@dataclass(frozen=True, slots=True)
class Saved:
    """What Tables knows, without the maps."""

    numberings: tuple[
        Numbering[Origin], Numbering[RuleSet], Numbering[tuple[str, str]], Numbering[Judgement], Numbering[Branch], Numbering[LoweredSide]
    ]
    column: Column
    written: dict[str, dict[bytes, bytes]]


class Tables:
    """The maps of a datapath and what their numbers stand for. Borrows the maps."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = maps
        self.word = ControlWord(maps["control"])
        self.rules: Numbering[Origin] = Numbering("rules", 1, abi.MAX_RULES)
        self.rule_sets: Numbering[RuleSet] = Numbering("rule sets", 0, abi.MAX_RULE_SETS)
        self.endpoints: Numbering[tuple[str, str]] = Numbering("endpoints", 1, abi.MAX_ENDPOINTS)
        self._decisions: Numbering[Judgement] = Numbering("decisions", 1, abi.MAX_DECISIONS)
        self._pages: Numbering[Branch] = Numbering("pages", 0, abi.MAX_PAGES)
        self._sides: Numbering[LoweredSide] = Numbering("sides", abi.OPEN_SIDE + 1, 1 << 31)
        self._column = EMPTY
        self._written: dict[str, dict[bytes, bytes]] = {"addresses": {}, "networks": {}, "endpoints": {}}

    def saved(self) -> Saved:
        """All that is known of the kernel's maps: values, to be kept beside them."""
        numberings = (self.rules, self.rule_sets, self.endpoints, self._decisions, self._pages, self._sides)
        return Saved(numberings, self._column, self._written)

    def restore(self, saved: Saved) -> None:
        """Go on from what is in the maps already."""
        self.rules, self.rule_sets, self.endpoints, self._decisions, self._pages, self._sides = saved.numberings
        self._column, self._written = saved.column, saved.written

    def inherit(self, rules: Numbering[Origin], endpoints: Numbering[tuple[str, str]], revision: int) -> None:
        """In maps that are new: go on with the numbers that connections, counters and the log know, and with later revisions."""
        self.rules, self.endpoints = rules, endpoints
        self.word.set(revision, 0)

    def numbers_of(self, lowered: Lowered) -> None:
        """Give every rule and rule set its number: those of rule sets are in the tables of their programs."""
        for origin in lowered.origins:
            self.rules.number(origin)
        for rule_set in lowered.rule_sets:
            self.rule_sets.number(rule_set)

    def switch(self, lowered: Lowered, interfaces: Mapping[tuple[str, str], int]) -> None:
        """Make the kernel enforce `lowered` on the interfaces given by endpoint. The programs of its rule sets must be in their places.

        Raises TableFull or KernelError; then the policy before is still enforced, or both are.
        """
        self.numbers_of(lowered)
        sides = {id(side): self._side(side) for each in lowered.endpoints for side in (each.ingress, each.egress) if side is not None}
        after = self._wanted(lowered, interfaces, sides)
        new = 1 if self.word.columns == 1 else 0
        self._write_columns(self._column, after, new)
        revision = self.word.revision + 1
        if self.word.columns:
            self.word.set(revision, abi.BOTH_COLUMNS)
            grace()
        self.word.set(revision, 1 << new)
        grace()
        self._write_columns(after, after, new)
        self._column = after
        self._give_back(lowered)

    def close(self) -> None:
        """Let go of the mapped memory; the maps stay."""
        self.word.close()

    def _wanted(self, lowered: Lowered, interfaces: Mapping[tuple[str, str], int], sides: Mapping[int, int]) -> Column:
        owners = {address: self.endpoints.number(each.name) for each in lowered.endpoints for address in each.addresses}

        def side(given: LoweredSide | None) -> int:
            return abi.OPEN_SIDE if given is None else sides[id(given)]

        def value(each: LoweredEndpoint) -> tuple[int, int, int, int]:
            return self.endpoints.number(each.name), each.identity, side(each.ingress), side(each.egress)

        return Column(
            {address: (identity, owners.get(address, 0)) for address, identity in lowered.addresses.items()},
            dict(lowered.networks),
            {interfaces[each.name]: value(each) for each in lowered.endpoints if each.name in interfaces},
        )

    def _side(self, side: LoweredSide) -> int:
        """The number of a side; a new one is written before anything refers to it."""
        known = side in self._sides.numbers
        found = self._sides.number(side)
        if not known:
            for identity, node in ((abi.ANY_PEER, side.anybody), *side.peers):
                self._maps["peers"].update(contents.peer(found, identity), contents.number(self._entry(node)))
        return found

    def _entry(self, node: Node) -> int:
        """The entry that leads to a node; new pages and decisions are written, from the leaves up."""
        if isinstance(node, Judgement):
            return self._decision(node)
        known = node in self._pages.numbers
        entries: list[int] = []
        if not known:
            for index, (_, each) in enumerate(node.runs):
                end = node.runs[index + 1][0] if index + 1 < len(node.runs) else abi.PAGE_ENTRIES
                entries += [self._entry(each)] * (end - len(entries))
        found = self._pages.number(node)
        if not known:
            self._maps["pages"].update(contents.number(found), contents.page(entries))
        return found | abi.IS_PAGE

    def _decision(self, judged: Judgement) -> int:
        known = judged in self._decisions.numbers
        found = self._decisions.number(judged)
        if not known:
            rule_set = self.rule_sets.number(judged.rule_set) if judged.rule_set is not None else 0
            audit = self.rules.number(judged.audit) if judged.audit is not None else 0
            value = contents.decision(judged.action, judged.refusal, rule=self.rules.number(judged.rule), rule_set=rule_set, audit_rule=audit)
            self._maps["decisions"].update(contents.number(found), value)
        return found

    def _write_columns(self, old: Column, after: Column, new: int) -> None:
        """Everything that has columns: `after` in the column `new`, `old` in the other. What neither says is taken away."""

        def both(was: int, is_: int) -> tuple[int, int]:
            return (was, is_) if new else (is_, was)

        nothing, nobody = (0, 0), (0, 0, 0, 0)
        self._write("addresses", {
            contents.address(each): contents.owner(
                both(old.addresses.get(each, nothing)[0], after.addresses.get(each, nothing)[0]),
                both(old.addresses.get(each, nothing)[1], after.addresses.get(each, nothing)[1]),
            )
            for each in {**old.addresses, **after.addresses}
        })  # fmt: skip
        networks = {**old.networks, **after.networks}
        self._write("networks", {contents.network(each): contents.pair(both(_holding(each, old.networks), _holding(each, after.networks))) for each in networks})
        self._write("endpoints", {
            contents.number(index): contents.endpoint(
                (after.endpoints.get(index) or old.endpoints[index])[0],
                *(both(was, is_) for was, is_ in list(zip(old.endpoints.get(index, nobody), after.endpoints.get(index, nobody), strict=True))[1:]),
            )
            for index in {**old.endpoints, **after.endpoints}
        })  # fmt: skip

    def _write(self, name: str, wanted: dict[bytes, bytes]) -> None:
        """Make a map say `wanted`, touching what differs."""
        written = self._written[name]
        for key, value in wanted.items():
            if written.get(key) != value:
                self._maps[name].update(key, value)
        for key in written.keys() - wanted.keys():
            self._maps[name].delete(key)
        self._written[name] = wanted

    def _give_back(self, lowered: Lowered) -> None:
        """Numbers and entries that the policy now enforced does not use."""
        sides = [side for each in lowered.endpoints for side in (each.ingress, each.egress) if side is not None]
        kept = set(sides)
        for side in [each for each in self._sides.numbers if each not in kept]:
            for identity in (abi.ANY_PEER, *(identity for identity, _ in side.peers)):
                self._maps["peers"].delete(contents.peer(self._sides.numbers[side], identity))
        self._sides.keep(sides)
        branches = {branch for side in kept for node in (side.anybody, *(node for _, node in side.peers)) for branch in _branches(node)}
        self._pages.keep(branches)
        self._decisions.keep({judged for side in kept for judged in judgements(side)})
        if len(self.rules.numbers) > abi.MAX_RULES // 2:  # before that, numbers in the log's old records keep their meaning
            self.rules.keep(lowered.origins)
        self.rule_sets.keep(lowered.rule_sets)
        self.endpoints.keep(each.name for each in lowered.endpoints)


def _holding(network: Net, networks: Mapping[Net, int]) -> int:
    """The identity of the longest of `networks` that holds all of `network`; 0 when none does."""
    for bits in range(network.prefixlen, -1, -1):
        found = networks.get(network.supernet(new_prefix=bits))
        if found is not None:
            return found
    return 0


def _branches(node: Node) -> Iterable[Branch]:
    if isinstance(node, Branch):
        yield node
        for _, each in node.runs:
            yield from _branches(each)
