"""One subject's side under both sets of policies -> what became of everything that could be said there.

Every sort of peer and every place is asked about; what decides alike is compared once. Each difference comes with its shortest word,
which is asked of the oracle before it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from pybpf.compiler.automata import Dfa, intersect, is_empty, minimize, without, witness
from pybpf.compiler.policy.diff.naming import Covers, namings
from pybpf.compiler.policy.diff.passing import Covering, covering, passing, refused
from pybpf.compiler.policy.diff.places import Place, joined, places
from pybpf.compiler.policy.diff.population import Other, Subject
from pybpf.compiler.policy.diff.words import ACCEPT, Words
from pybpf.compiler.policy.model.flow import Flow, Outcome, Party, Verdict
from pybpf.compiler.policy.model.labels import RESERVED, Label
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Entry, Identity, Side
from pybpf.compiler.policy.resolve.identities import Identities
from pybpf.compiler.policy.verdict.allowing import Judge, covering_peers
from pybpf.compiler.policy.verdict.connections import covers_peer, is_outside
from pybpf.compiler.policy.verdict.judging import enforced_entries, verdict_of_side

_READS_WELL: Final = 80
_NOBODY: Final = Identity(-1, (Label(RESERVED, "world"),))  # an address that entries cover by its names alone


class Change(Enum):
    """What became of some flows. OTHERWISE: they still pass, but the ends must now prove who they are or need not any more; or they
    are still refused, but it looks otherwise to the client."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Difference:
    """Flows that changed: at these subjects' side of `direction`, to or from these peers, at these places.

    `example` is one of them, judged by both sides.
    """

    change: Change
    direction: Direction
    subjects: tuple[str, ...]
    others: tuple[str, ...]
    places: tuple[Place, ...]
    example: Flow
    old: Verdict
    new: Verdict

    @property
    def allowed(self) -> bool:
        """Whether only the new policies let it pass."""
        return self.change is Change.ALLOWED


@dataclass(frozen=True, slots=True)
class Found:
    """A difference with the words that make it."""

    difference: Difference
    words: Dfa


@dataclass(frozen=True, slots=True)
class Pair:
    """One subject's side under both sets of policies."""

    subject: Subject
    direction: Direction
    old: Side
    new: Side

    @property
    def both(self) -> tuple[Side, Side]:
        return self.old, self.new


class Comparison:
    """One pair of sides; `known` are the identities of both."""

    def __init__(self, pair: Pair, known: Identities, words: Words) -> None:
        self.pair = pair
        self.known = known
        self.words = words
        self.places = places(pair.both)
        self.entries = [entry for side in pair.both for entry in side.entries]
        self.by_names = [(names, self._covers(_NOBODY, Party(names=names))) for names in namings(_said_of_names(pair.both))]
        self.authenticates = any(entry.authentication is not None for side in pair.both for entry in side.entries)
        self.looks = any(_says_looks(side) for side in pair.both)
        self._passing: dict[Covering, Dfa] = {}
        self._changes: dict[tuple[Covering, Covering], tuple[tuple[Change, Dfa], ...]] = {}

    def differences(self, others: Sequence[Other]) -> Iterator[Found]:
        """What changed for these peers, those alike together."""
        sorts: dict[object, list[tuple[Judge, str]]] = {}
        for other in others:
            identity = self.known.by_number[other.number]
            by_itself, sharing = self._covers(identity, other.party), self._sharing(identity)
            sorts.setdefault((by_itself, sharing), []).append((self._judge(other.party, identity), other.name))
            for names, by_names in self.by_names if is_outside(identity) else ():
                judge = self._judge(replace(other.party, names=names), identity)
                sorts.setdefault((by_itself | by_names, sharing), []).append((judge, f"{other.name} as {' and '.join(names)}"))
        for alike in sorts.values():
            yield from self._of_sort(alike[0][0], tuple(name for _, name in alike))

    def _of_sort(self, judge: Judge, others: tuple[str, ...]) -> Iterator[Found]:
        """The differences of peers of one sort; places with the same difference together."""
        found: dict[tuple[Change, Dfa], list[Place]] = {}
        for place in self.places:
            here = _at(judge, place)
            for change, words in self._at_place(covering(self.pair.old, here), covering(self.pair.new, here), here):
                if not is_empty(words) and not is_empty(self._said(words, place)):
                    found.setdefault((change, words), []).append(place)
        for (change, words), where in found.items():
            example = self._example(judge, change, words, _nicest(where))
            if example is not None:
                yield Found(Difference(change, self.pair.direction, self.pair.subject.names, others, joined(where), *example), words)

    def _at_place(self, old: Covering, new: Covering, here: Judge) -> Iterator[tuple[Change, Dfa]]:
        """How words change at one place; some of the machines may be empty."""
        if old != new:
            yield from self._between(old, new)
        if self.authenticates:
            both = minimize(intersect(self._of_covering(old), self._of_covering(new), accept=ACCEPT))
            place = Place(here.flow.protocol, here.flow.port, here.flow.port)
            if self._example(here, Change.OTHERWISE, both, place) is not None:
                yield Change.OTHERWISE, both

    def _between(self, old: Covering, new: Covering) -> tuple[tuple[Change, Dfa], ...]:
        if (old, new) not in self._changes:
            before, after = self._of_covering(old), self._of_covering(new)
            found = [(Change.ALLOWED, without(after, before)), (Change.REFUSED, without(before, after))]
            if self.looks:
                pairs = [(one, other) for one in refused(old, self.words).items() for other in refused(new, self.words).items()]
                found += [(Change.OTHERWISE, minimize(intersect(one[1], other[1], accept=ACCEPT))) for one, other in pairs if one[0] is not other[0]]
            self._changes[old, new] = tuple(found)
        return self._changes[old, new]

    def _of_covering(self, covering: Covering) -> Dfa:
        if covering not in self._passing:
            self._passing[covering] = passing(covering, self.words)
        return self._passing[covering]

    def _said(self, words: Dfa, place: Place) -> Dfa:
        """Those of the words that can be said at a place."""
        over = self.words.over(place.protocol)
        return words if over is self.words.everything else minimize(intersect(words, over, accept=ACCEPT))

    def _example(self, judge: Judge, change: Change, words: Dfa, place: Place) -> tuple[Flow, Verdict, Verdict] | None:
        """A flow with one of the words, and what both sides make of it. None where the oracle sees that nothing changed after all:
        never for what passes."""
        said = self._said(words, place)
        flow, old, new = judge.flow, None, None
        for sort in self.words.examples:
            word = witness(intersect(said, sort, accept=ACCEPT))
            if word is not None:
                server_name, request = self.words.meaning(word)
                known = place.protocol is Protocol.TCP
                flow = replace(_at(judge, place).flow, request=request, server_name=server_name, server_name_known=known)
                old, new = (verdict_of_side(side, replace(judge, flow=flow)) for side in self.pair.both)
                if _confirms(change, old, new):
                    return flow, old, new
        if change is Change.OTHERWISE or old is None or new is None:
            return None
        # The oracle has no name for a request that no rule could be about, and would look for one that is.
        assert flow.request is None and Outcome.INSPECT in (old.outcome, new.outcome), f"the oracle sees no difference for {flow}"
        return flow, old, new

    def _judge(self, party: Party, identity: Identity) -> Judge:
        own, place = self.pair.subject.party, self.places[0]
        ends = (party, own) if self.pair.direction is Direction.INGRESS else (own, party)
        return Judge(Flow(*ends, self.pair.direction, place.protocol, place.first), identity, party)

    def _covers(self, identity: Identity, party: Party) -> frozenset[int]:
        """Which entries of both sides, counted through, cover a peer."""
        return frozenset(index for index, entry in enumerate(self.entries) if covers_peer(entry, identity, party))

    def _sharing(self, identity: Identity) -> tuple[object, ...]:
        """By which of their peers entries cover a peer, where that decides whose server names they share."""
        if not any(map(_shares_names, self.pair.both)):
            return ()
        judge = self._judge(Party(), identity)
        return tuple(covering_peers(entry, judge) for entry in self.entries)


def _said_of_names(sides: Sequence[Side]) -> dict[DnsPattern, Covers]:
    """For each pattern of names, what the entries with it say."""
    found: dict[DnsPattern, set[object]] = {}
    for index, side in enumerate(sides):
        shares = _shares_names(side)
        for entry in enforced_entries(side):
            peers = entry.rule.peers if shares and entry.rule is not None else None
            for pattern in entry.peers.names:
                found.setdefault(pattern, set()).add((index, meaning(entry), peers))
    return {pattern: frozenset(said) for pattern, said in found.items()}


def meaning(entry: Entry) -> Entry:
    """An entry without whom it is about and where it is from."""
    return replace(entry, peers=replace(entry.peers, identities=None, names=()), policy=None, rule=None, reason="")


def _shares_names(side: Side) -> bool:
    return any(entry.port_rule is not None and entry.port_rule.server_names for entry in side.entries)


def _says_looks(side: Side) -> bool:
    """Whether some policy says how its refusals look."""
    return any(entry.on_deny is not None for entry in side.entries) or any(policy.on_deny is not None for policy in side.selected_by)


def _confirms(change: Change, old: Verdict, new: Verdict) -> bool:
    """Whether the oracle sees a change."""
    if change is not Change.OTHERWISE:
        return (old.allowed, new.allowed) == (change is Change.REFUSED, change is Change.ALLOWED)
    if old.allowed and new.allowed:
        return old.authenticated != new.authenticated
    return not old.allowed and not new.allowed and old.on_deny is not new.on_deny


def _at(judge: Judge, place: Place) -> Judge:
    return replace(judge, flow=replace(judge.flow, protocol=place.protocol, port=place.first))


def _nicest(where: Sequence[Place]) -> Place:
    """A place that reads well: not port 0, which nobody uses."""
    with_80 = [each for each in where if each.first == 0 and each.last >= _READS_WELL and each.protocol in (Protocol.TCP, Protocol.UDP)]
    whole = [replace(each, first=_READS_WELL, last=_READS_WELL) if each in with_80 else each for each in where]
    return next((each for each in whole if each.first), whole[0])
