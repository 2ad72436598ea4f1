"""One side, one peer, one port: the words that pass. What the oracle decides flow by flow, decided for all of them at once.

The levels are asked in order, as in verdict/judging.py. `open_` are the words that nothing has decided yet:

    denies of a level       take their words away
    allows of a level       let their words pass, and end it: what else is open is refused
    passes of a level       hand what is open to the next tier
    nothing                 leaves what is open to the next level, and at last to default deny

A word stands for a connection of which everything is known, so that nothing is left to inspect: what no rule of a request could be
about (the word O) is refused by allows that look at requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pybpf.compiler.automata import NOTHING, Dfa, either, intersect, minimize, without
from pybpf.compiler.policy.diff.words import ACCEPT, Words
from pybpf.compiler.policy.model.flow import Fit
from pybpf.compiler.policy.model.layer7 import Layer7
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.model.policy import Action, OnDeny, Tier
from pybpf.compiler.policy.model.resolved import Entry, Side
from pybpf.compiler.policy.verdict.allowing import Judge, asked, server_names_of
from pybpf.compiler.policy.verdict.connections import connection_fit
from pybpf.compiler.policy.verdict.judging import denies_without_audit, enforced_entries


@dataclass(frozen=True, slots=True)
class Said:
    """What one entry that covers a connection says of its words, and how its refusals look (None: unsaid)."""

    layer7: Layer7 | None
    server_names: tuple[DnsPattern, ...]
    on_deny: OnDeny | None


@dataclass(frozen=True, slots=True)
class Level:
    """The entries of one tier and priority that cover a connection."""

    tier: Tier
    denies: tuple[Said, ...]
    allows: tuple[Said, ...]
    passes: bool


@dataclass(frozen=True, slots=True)
class Covering:
    """What decides a connection: equal values let equal words pass, and refuse them alike."""

    levels: tuple[Level, ...]
    default_deny: bool
    on_deny: OnDeny | None


def covering(side: Side, judge: Judge) -> Covering:
    """What covers a connection on a side, policies in audit left out: they refuse nothing."""
    levels = [
        _level(tier, hits, judge)
        for (tier, _), entries in groupby(enforced_entries(side), key=lambda entry: (entry.tier, entry.priority))
        if (hits := [entry for entry in entries if connection_fit(entry, judge.flow, judge.identity, judge.peer) is Fit.COVERS])
    ]
    audited = any(policy.audit for policy in side.selected_by)
    default_deny = denies_without_audit(side, judge.flow.direction) if audited else side.default_deny
    return Covering(tuple(levels), default_deny, side.origin.on_deny if side.origin is not None else None)


def passing(covering: Covering, words: Words) -> Dfa:
    """The words that pass, as a minimal machine."""
    open_ = words.everything
    for level in _asked(covering.levels):
        for deny in level.denies:
            open_ = without(open_, words.of(deny.layer7, deny.server_names))
        if level.allows:
            return minimize(intersect(open_, _together(level.allows, words), accept=ACCEPT))
    return NOTHING if covering.default_deny else open_


def refused(covering: Covering, words: Words) -> dict[OnDeny | None, Dfa]:
    """The words that do not pass, as minimal machines, by how that is said to look."""
    open_ = words.everything
    found: dict[OnDeny | None, Dfa] = {}
    for level in _asked(covering.levels):
        for deny in level.denies:
            denied = words.of(deny.layer7, deny.server_names)
            found[deny.on_deny] = either(found.get(deny.on_deny, NOTHING), minimize(intersect(open_, denied, accept=ACCEPT)))
            open_ = without(open_, denied)
        if level.allows:
            look = level.allows[0].on_deny
            found[look] = either(found.get(look, NOTHING), without(open_, _together(level.allows, words)))
            return found
    if covering.default_deny:
        found[covering.on_deny] = either(found.get(covering.on_deny, NOTHING), open_)
    return found


def _asked(levels: Sequence[Level]) -> Iterator[Level]:
    """The levels that are asked: none of a tier after one of it that passes."""
    passed: Tier | None = None
    for level in levels:
        if level.tier != passed:
            yield level
            passed = level.tier if level.passes else passed


def _together(said: Sequence[Said], words: Words) -> Dfa:
    found = NOTHING
    for each in said:
        found = either(found, words.of(each.layer7, each.server_names))
    return found


def _level(tier: Tier, hits: Sequence[Entry], judge: Judge) -> Level:
    denies = [entry for entry in hits if entry.action is Action.DENY]
    allows = [entry for entry in hits if entry.action is Action.ALLOW]
    counting = asked(allows, judge.flow) if allows else ()
    return Level(
        tier,
        _each(denies, lambda entry: entry.port_rule.server_names if entry.port_rule is not None else ()),
        _each(counting, lambda entry: server_names_of(entry, counting, judge)),
        any(entry.action is Action.PASS for entry in hits),
    )


def _each(entries: Sequence[Entry], names: Callable[[Entry], tuple[DnsPattern, ...]]) -> tuple[Said, ...]:
    """What entries say, each once."""
    return tuple(dict.fromkeys(Said(_requests(entry), names(entry), entry.on_deny) for entry in entries))


def _requests(entry: Entry) -> Layer7 | None:
    return entry.port_rule.layer7 if entry.port_rule is not None and entry.checked else None

