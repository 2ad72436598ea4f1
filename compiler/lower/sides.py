"""A resolved side -> what the kernel searches: for each kind of peer a radix trie over protocol and port.

Peers that the same entries cover are one kind. Within a kind, ports fall into intervals that no entry tells apart; one flow into
each is judged by the oracle, and its verdict is the interval's. Intervals become tries of three levels, 256 ways each: protocol,
upper and lower byte of the port. A judgement that holds for all that lies beneath stands where it is known first.
"""

from __future__ import annotations

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
from pybpf.compiler.policy.verdict.connections import matched_ports

WAYS: Final = 256
_NOBODY_KNOWN: Final = Identity(0, ())  # a peer that no entry names


@dataclass(frozen=True, slots=True)
class Branch:
    """A level of the trie: (first, node) in order, each node holding up to the next first; the first first is 0."""

    runs: tuple[tuple[int, Node], ...]


Node: TypeAlias = Judgement | Branch


@dataclass(frozen=True, slots=True)
class LoweredSide:
    """One direction of an endpoint, as the kernel has it: `peers` by identity; `anybody` for all others."""

    anybody: Node
    peers: tuple[tuple[int, Node], ...]


Tries: TypeAlias = dict[tuple[object, ...], Node]


def lowered_side(side: Side, direction: Direction, identities: Mapping[int, Identity], known: Tries) -> LoweredSide:
    """A side, which something enforces, as the kernel searches it. `known` keeps tries of entries seen before, for as long as the entries
    live."""
    kinds: dict[int, int] = {}
    base = 0
    for index, entry in enumerate(side.entries):
        if entry.peers.identities is None:
            base |= 1 << index
        for number in entry.peers.identities or ():
            kinds[number] = kinds.get(number, 0) | 1 << index
    tries = {kind: _trie(side, direction, kind, identities.get(_member(kinds, kind, base), _NOBODY_KNOWN), known) for kind in {base, *(each | base for each in kinds.values())}}
    anybody = tries[base]
    return LoweredSide(anybody, tuple(sorted((number, tries[kind | base]) for number, kind in kinds.items())) if kinds else ())


def _member(kinds: Mapping[int, int], kind: int, base: int) -> int:
    """An identity of that kind; 0 for those that no entry names."""
    return next((number for number, each in kinds.items() if each | base == kind), 0) if kind != base else 0


def _trie(side: Side, direction: Direction, kind: int, peer: Identity, known: Tries) -> Node:
    """The trie for peers that exactly the entries of `kind` cover."""
    covering = tuple(entry for index, entry in enumerate(side.entries) if kind >> index & 1)
    key = (side.default_deny, side.origin_span, tuple(map(id, side.selected_by)), direction, tuple(map(id, covering)), peer.number if not covering else 0)
    if key not in known:
        known[key] = _search(replace(side, entries=covering), direction, peer)
    return known[key]


def _search(side: Side, direction: Direction, peer: Identity) -> Node:
    """All protocols: those that entries name by their ports, and one verdict for the rest."""
    named = sorted({number for entry in side.entries for number in _protocols(entry)})
    other = next(number for number in range(WAYS - 1, -1, -1) if number not in named and number not in (1, 58))
    rest = _judged(side, direction, peer, other, 0)
    runs: list[tuple[int, Node]] = [(0, rest)]
    for number in named:
        runs += [(number, _of_protocol(side, direction, peer, number)), (number + 1, rest)]
    return _branch(runs)


def _of_protocol(side: Side, direction: Direction, peer: Identity, protocol: int) -> Node:
    """All ports of a protocol; an ICMP message's type is its port."""
    has_types = protocol in (Protocol.ICMP, Protocol.ICMPV6)
    last = WAYS - 1 if has_types else LAST_PORT
    starts = sorted({0, *(start for entry in side.entries for start in _starts(entry, protocol) if start <= last)})
    intervals = [(start, _judged(side, direction, peer, protocol, start)) for start in starts]
    if has_types:
        return _branch([(0, _branch(intervals))])
    return _branch([(upper, _branch(_within(intervals, upper))) for upper in sorted({0, *_touched(starts)})])


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


def _judged(side: Side, direction: Direction, peer: Identity, protocol: int, port: int) -> Judgement:
    """The verdict on one flow. Only the peer's identity counts: every entry that is left covers it, or names none."""
    party = Party()
    flow = Flow(party, party, direction, _protocol(protocol), port)
    covering = [entry for entry in side.entries if entry.ports is None or matched_ports(entry, flow)]
    return judgement(verdict_of_side(side, Judge(flow, peer, party)), covering)


def _protocol(number: int) -> Protocol | int:
    return Protocol(number) if number in Protocol.__members__.values() and number != Protocol.ANY else number


def _protocols(entry: Entry) -> Iterator[int]:
    for port in entry.ports or ():
        yield from (map(int, WITH_PORTS) if port.protocol is Protocol.ANY else (int(port.protocol),))


def _starts(entry: Entry, protocol: int) -> Iterator[int]:
    """Ports at which an entry begins to cover, or no longer does."""
    for port in entry.ports or ():
        if protocol in WITH_PORTS if port.protocol is Protocol.ANY else port.protocol == protocol:
            first, last = (port.number, port.number) if isinstance(port, IcmpType) else (port.first, port.last)
            yield first
            yield last + 1
