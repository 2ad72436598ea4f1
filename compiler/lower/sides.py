"""A resolved side -> what the kernel searches: for each kind of peer a radix trie over protocol and port.

Peers that the same entries cover are one kind. Within a kind, ports fall into intervals that no entry tells apart; one flow into
each is judged by the oracle, and its verdict is the interval's. Intervals become tries of three levels, 256 ways each: protocol,
upper and lower byte of the port. A judgement that holds for all that lies beneath stands where it is known first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

from pybpf.compiler.lower.judgements import Judgement, judgement
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import LAST_PORT, WITH_PORTS, IcmpType, Protocol
from pybpf.compiler.policy.model.resolved import Entry, Identity, Side
from pybpf.compiler.policy.verdict import Judge, verdict_of_side

WAYS: Final = 256
_NOBODY_KNOWN: Final = Identity(0, ())  # a peer that no entry names


@dataclass(frozen=True, slots=True)
class Branch:
    """A level of the trie: (first, node) in order, each node holding up to the next first; the first first is 0."""

    runs: tuple[tuple[int, Node], ...]


Node: TypeAlias = Judgement | Branch
Kind: TypeAlias = tuple[int, ...]  # the entries that name a peer, by their indices


@dataclass(frozen=True, slots=True)
class LoweredSide:
    """One direction of an endpoint, as the kernel has it: `peers` by identity; `anybody` for all others."""

    anybody: Node
    peers: tuple[tuple[int, Node], ...]


Tries: TypeAlias = dict[tuple[object, ...], Node]


def lowered_side(side: Side, direction: Direction, identities: Mapping[int, Identity], known: Tries) -> LoweredSide:
    """A side, which something enforces, as the kernel searches it. `known` keeps tries of entries seen before, for as long as the entries
    live."""
    base: list[int] = []
    own: dict[int, list[int]] = {}
    for index, entry in enumerate(side.entries):
        for number in entry.peers.identities or ():
            own.setdefault(number, []).append(index)
        if entry.peers.identities is None:
            base.append(index)
    members: dict[Kind, int] = {(): 0}  # of each kind one
    kinds = {number: tuple(indices) for number, indices in own.items()}
    for number, kind in kinds.items():
        members.setdefault(kind, number)
    tries = {kind: _trie(side, direction, sorted([*base, *kind]), identities.get(number, _NOBODY_KNOWN), known) for kind, number in members.items()}
    return LoweredSide(tries[()], tuple((number, tries[kinds[number]]) for number in sorted(kinds)))


def _trie(side: Side, direction: Direction, indices: Sequence[int], peer: Identity, known: Tries) -> Node:
    """The trie for peers that exactly the entries of `indices` cover."""
    covering = tuple(side.entries[index] for index in indices)
    key = (side.default_deny, side.origin_span, tuple(map(id, side.selected_by)), direction, tuple(map(id, covering)), peer.number if not covering else 0)
    if key not in known:
        known[key] = _search(replace(side, entries=covering), direction, peer)
    return known[key]


def _search(side: Side, direction: Direction, peer: Identity) -> Node:
    """All protocols: those that entries name by their ports, and one verdict for the rest."""
    named = sorted({number for entry in side.entries for number in _protocols(entry)})
    other = next(number for number in range(WAYS - 1, -1, -1) if number not in named and number not in (1, 58))
    rest = _judged(side, direction, peer, other, 0, [entry for entry in side.entries if entry.ports is None])
    runs: list[tuple[int, Node]] = [(0, rest)]
    for number in named:
        runs += [(number, _of_protocol(side, direction, peer, number)), (number + 1, rest)]
    return _branch(runs)


def _of_protocol(side: Side, direction: Direction, peer: Identity, protocol: int) -> Node:
    """All ports of a protocol; an ICMP message's type is its port."""
    has_types = protocol in (Protocol.ICMP, Protocol.ICMPV6)
    intervals = [(start, _judged(side, direction, peer, protocol, start, covering)) for start, covering in _intervals(side, protocol, WAYS - 1 if has_types else LAST_PORT)]
    if has_types:
        return _branch([(0, _branch(intervals))])
    starts = [start for start, _ in intervals]
    return _branch([(upper, _branch(_within(intervals, upper))) for upper in sorted({0, *_touched(starts)})])


def _intervals(side: Side, protocol: int, last: int) -> Iterator[tuple[int, list[Entry]]]:
    """Where intervals of ports begin that no entry tells apart, and the entries that cover each; from 0 to `last`."""
    begin: dict[int, list[int]] = {0: []}
    end: dict[int, list[int]] = {}
    for index, entry in enumerate(side.entries):
        if entry.ports is None:
            begin[0].append(index)
        for first, behind in _ranges(entry, protocol):
            begin.setdefault(first, []).append(index)
            end.setdefault(behind, []).append(index)
    covering: Counter[int] = Counter()
    for start in sorted({*begin, *end}):
        if start <= last:
            covering.update(begin.get(start, ()))
            covering.subtract(end.get(start, ()))
            covering = +covering
            yield start, [side.entries[index] for index in sorted(covering)]


def _touched(starts: Sequence[int]) -> Iterator[int]:
    """Upper bytes at which a run of equal nodes may begin: those with a start inside, and the ones behind them."""
    for start in starts:
        yield start >> 8
        if start >> 8 < WAYS - 1:
            yield (start >> 8) + 1


def _within(intervals: Sequence[tuple[int, Judgement]], upper: int) -> list[tuple[int, Judgement]]:
    """The intervals of the 256 ports with that upper byte, by their lower byte."""
    first = upper << 8
    ends = [start for start, _ in intervals[1:]] + [LAST_PORT + 1]
    return [(max(start - first, 0), judged) for (start, judged), end in zip(intervals, ends, strict=True) if start < first + WAYS and end > first]


def _branch(runs: Iterable[tuple[int, Node]]) -> Node:
    """A level of these runs: equal neighbours are one, an empty one is none, and a judgement alone needs no level. (A deeper level alone
    does: the search goes down a level for each index.)"""
    cut = [(first, node) for (first, node), (after, _) in pairwise([*runs, (WAYS, None)]) if first < after and node is not None]
    merged = [run for index, run in enumerate(cut) if index == 0 or run[1] != cut[index - 1][1]]
    only = merged[0][1]
    return only if len(merged) == 1 and isinstance(only, Judgement) else Branch(tuple(merged))


def _judged(side: Side, direction: Direction, peer: Identity, protocol: int, port: int, covering: Sequence[Entry]) -> Judgement:
    """The verdict on one flow, which exactly `covering` cover. Only the peer's identity counts: every entry that is left covers it, or
    names none."""
    party = Party()
    flow = Flow(party, party, direction, _protocol(protocol), port)
    return judgement(verdict_of_side(replace(side, entries=tuple(covering)), Judge(flow, peer, party)), covering)


def _protocol(number: int) -> Protocol | int:
    return Protocol(number) if number in Protocol.__members__.values() and number != Protocol.ANY else number


def _protocols(entry: Entry) -> Iterator[int]:
    for port in entry.ports or ():
        yield from (map(int, WITH_PORTS) if port.protocol is Protocol.ANY else (int(port.protocol),))


def _ranges(entry: Entry, protocol: int) -> Iterator[tuple[int, int]]:
    """Where an entry begins to cover ports of a protocol, and where it no longer does."""
    for port in entry.ports or ():
        if protocol in WITH_PORTS if port.protocol is Protocol.ANY else port.protocol == protocol:
            yield (port.number, port.number + 1) if isinstance(port, IcmpType) else (port.first, port.last + 1)
