"""Two sets of policies -> what passes under one and not under the other. No difference is a proof that there is none.

Every subject's two sides, every sort of peer and every place are compared as sets of words: all that could be said there. What is
in one set and not in the other is a difference, and its shortest word an example, which is asked of the oracle before it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from pybpf.compiler.automata import Dfa, intersect, is_empty, minimize, without, witness
from pybpf.compiler.policy.diff.imagined import imagined
from pybpf.compiler.policy.diff.naming import name_sets
from pybpf.compiler.policy.diff.passing import Covering, covering, passing
from pybpf.compiler.policy.diff.places import Place, places
from pybpf.compiler.policy.diff.population import Other, Population, Subject, existing
from pybpf.compiler.policy.diff.words import ACCEPT, Words, header_names
from pybpf.compiler.policy.model.flow import Flow, Party, Verdict
from pybpf.compiler.policy.model.inventory import CidrGroup, Inventory
from pybpf.compiler.policy.model.layer7 import Http, HttpRule
from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Side
from pybpf.compiler.policy.resolve.resolving import Resolving
from pybpf.compiler.policy.verdict.allowing import Judge, covering_peers
from pybpf.compiler.policy.verdict.connections import covers_peer, is_outside
from pybpf.compiler.policy.verdict.judging import verdict_of_side


@dataclass(frozen=True, slots=True)
class Difference:
    """What passes under one set of policies alone: at these subjects' side of `direction`, to or from these peers, at these places.

    `allowed`: only the new policies let it pass; else only the old ones do. `example` is one such flow, judged by both.
    """

    allowed: bool
    direction: Direction
    subjects: tuple[str, ...]
    others: tuple[str, ...]
    places: tuple[Place, ...]
    example: Flow
    old: Verdict
    new: Verdict


def differences(
    old: Sequence[Policy], new: Sequence[Policy], inventory: Inventory | None = None, groups: tuple[CidrGroup, ...] = ()
) -> tuple[Difference, ...]:
    """All differences, those that allow first. Without an inventory they are those of some inventory; `groups` are the groups of
    networks that are known without one. Raises Unproven where that cannot be decided without one, TooManyStates for conditions
    whose machines are too large to compare."""
    before, after = tuple(old), tuple(new)
    words = Words(header_names(_http_rules((*before, *after))))
    populations = [existing((*before, *after), inventory)] if inventory is not None else imagined(before, after, groups)
    found = [each for population in populations for each in _of(population, before, after, words)]
    return tuple(sorted(_merged(found), key=lambda each: not each.allowed))


@dataclass(frozen=True, slots=True)
class _Pair:
    """One subject's side under both sets of policies."""

    subject: Subject
    direction: Direction
    old: Side
    new: Side


@dataclass(frozen=True, slots=True)
class _Found:
    """A difference with the words that make it."""

    difference: Difference
    words: Dfa


def _of(population: Population, old: tuple[Policy, ...], new: tuple[Policy, ...], words: Words) -> Iterator[_Found]:
    first, second = (Resolving(each, population.inventory, population.known) for each in (old, new))
    for subject in population.subjects:
        sides = zip(Direction, first.sides(subject.number, subject.port_names), second.sides(subject.number, subject.port_names), strict=True)
        for direction, before, after in sides:
            if _meaning(before) != _meaning(after):
                yield from _Comparison(_Pair(subject, direction, before, after), population, words).differences()


def _meaning(side: Side) -> object:
    """What decides on a side: equal values decide equally."""
    entries = [replace(each, policy=None, rule=None, reason="", on_deny=None) for each in side.entries]
    named = [each.rule.peers if each.rule is not None else None for each in side.entries]
    denying = frozenset(way for policy in side.selected_by if not policy.audit for way in policy.default_deny)
    audited = any(policy.audit for policy in side.selected_by)
    return side.enforced, side.default_deny, side.origin is None, entries, named, audited, denying


class _Comparison:
    """One pair of sides, compared peer by peer and place by place; what decides alike is compared once."""

    def __init__(self, pair: _Pair, population: Population, words: Words) -> None:
        self.pair = pair
        self.population = population
        self.words = words
        self.places = places((pair.old, pair.new))
        self._passing: dict[Covering, Dfa] = {}
        self._lost: dict[tuple[Covering, Covering], Dfa] = {}

    def differences(self) -> Iterator[_Found]:
        """What each sort of peer gains and loses."""
        sorts: dict[tuple[object, ...], list[Judge]] = {}
        names: dict[int, str] = {}
        for other in self.population.others:
            if other.party.endpoint == self.pair.subject.party.endpoint is not None and len(self.pair.subject.names) == 1:
                continue  # itself
            for party in self._parties(other):
                judge = self._judge(party, other, self.places[0])
                names[id(judge)] = other.name + (f" as {' and '.join(party.names)}" if party.names else "")
                sorts.setdefault(self._sort(judge), []).append(judge)
        for alike in sorts.values():
            yield from self._of_sort(alike[0], tuple(names[id(each)] for each in alike))

    def _of_sort(self, judge: Judge, others: tuple[str, ...]) -> Iterator[_Found]:
        """The differences of peers of one sort; places with the same difference together."""
        found: dict[tuple[bool, Dfa], list[Place]] = {}
        for place in self.places:
            here = _at(judge, place)
            before, after = covering(self.pair.old, here), covering(self.pair.new, here)
            if before == after:
                continue
            for allowed, lost in ((True, self._only(after, before)), (False, self._only(before, after))):
                if not is_empty(self._said(lost, place)):
                    found.setdefault((allowed, lost), []).append(place)
        for (allowed, lost), where in found.items():
            yield self._difference(judge, others, allowed, lost, tuple(where))

    def _said(self, words: Dfa, place: Place) -> Dfa:
        """Those of the words that can be said at a place."""
        over = self.words.over(place.protocol)
        return words if over is self.words.everything else minimize(intersect(words, over, accept=ACCEPT))

    def _difference(self, judge: Judge, others: tuple[str, ...], allowed: bool, lost: Dfa, where: tuple[Place, ...]) -> _Found:
        """One difference with its example, which the oracle confirms."""
        place = _nicest(where)
        word = witness(self._said(lost, place))
        assert word is not None, "a machine that is not empty accepts something"
        server_name, request = self.words.read(word)
        known = place.protocol is Protocol.TCP
        flow = replace(_at(judge, place).flow, request=request, server_name=server_name, server_name_known=known)
        asked = replace(judge, flow=flow)
        old, new = verdict_of_side(self.pair.old, asked), verdict_of_side(self.pair.new, asked)
        assert (old.allowed, new.allowed) == (not allowed, allowed), f"the oracle sees no difference for {flow}"
        subjects = self.pair.subject.names
        return _Found(Difference(allowed, self.pair.direction, subjects, others, where, flow, old, new), lost)

    def _only(self, one: Covering, other: Covering) -> Dfa:
        """The words that pass under the one alone."""
        if (one, other) not in self._lost:
            self._lost[one, other] = without(self._of_covering(one), self._of_covering(other))
        return self._lost[one, other]

    def _of_covering(self, covering: Covering) -> Dfa:
        if covering not in self._passing:
            self._passing[covering] = passing(covering, self.words)
        return self._passing[covering]

    def _parties(self, other: Other) -> Iterator[Party]:
        """A peer, and an outside one under every set of names that these sides tell apart."""
        yield other.party
        if is_outside(self.population.known.by_number[other.number]):
            patterns = [name for side in (self.pair.old, self.pair.new) for entry in side.entries for name in entry.peers.names]
            single = name_sets(patterns)
            for names in (*((each,) for each in single), *combinations(single, 2)):
                yield replace(other.party, names=names)

    def _judge(self, party: Party, other: Other, place: Place) -> Judge:
        own, identity = self.pair.subject.party, self.population.known.by_number[other.number]
        ends = (party, own) if self.pair.direction is Direction.INGRESS else (own, party)
        return Judge(Flow(*ends, self.pair.direction, place.protocol, place.first), identity, party)

    def _sort(self, judge: Judge) -> tuple[object, ...]:
        """What the entries of both sides make of a peer, whatever the place."""
        return tuple(sort for side in (self.pair.old, self.pair.new) for sort in _sorts(side, judge))


def _sorts(side: Side, judge: Judge) -> Iterator[object]:
    """For each entry, whether it covers the peer, and by which of its peers if server names may be shared among those."""
    shares = any(entry.port_rule is not None and entry.port_rule.server_names for entry in side.entries)
    for entry in side.entries:
        yield covers_peer(entry, judge.identity, judge.peer)
        if shares:
            yield covering_peers(entry, judge)


def _at(judge: Judge, place: Place) -> Judge:
    return replace(judge, flow=replace(judge.flow, protocol=place.protocol, port=place.first))


def _nicest(where: Sequence[Place]) -> Place:
    """A place that reads well: not port 0, which nobody uses."""
    whole = [replace(each, first=80, last=80) if each.first == 0 and each.last >= 80 and each.protocol in (Protocol.TCP, Protocol.UDP) else each for each in where]
    return next((each for each in whole if each.first), whole[0])


def _http_rules(policies: Iterable[Policy]) -> Iterator[HttpRule]:
    for policy in policies:
        for rule in policy.rules:
            for part in rule.port_rules or ():
                yield from part.layer7.rules if isinstance(part.layer7, Http) else ()


def _merged(found: Iterable[_Found]) -> list[Difference]:
    """Differences that differ in their subjects or peers only are one."""
    by_others: dict[tuple[object, ...], _Found] = {}
    for each in found:
        one = each.difference
        key = (one.allowed, one.direction, one.subjects, one.places, each.words)
        held = by_others.get(key)
        by_others[key] = each if held is None else replace(held, difference=replace(held.difference, others=_joined(held.difference.others, one.others)))
    by_subjects: dict[tuple[object, ...], Difference] = {}
    for each in by_others.values():
        one = each.difference
        key = (one.allowed, one.direction, one.others, one.places, each.words)
        first = by_subjects.get(key)
        by_subjects[key] = one if first is None else replace(first, subjects=_joined(first.subjects, one.subjects))
    return list(by_subjects.values())


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
