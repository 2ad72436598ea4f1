"""Two sets of policies -> what passes under one and not under the other. No difference is a proof that there is none.

Every subject's two sides, every sort of peer and every place are compared as sets of words: all that could be said there. What is
in one set and not in the other is a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from pybpf.compiler.policy.diff.comparing import Change, Comparison, Difference, Found, Pair
from pybpf.compiler.policy.diff.imagined import imagined
from pybpf.compiler.policy.diff.population import Population, Stated, existing
from pybpf.compiler.policy.diff.words import Words, header_names
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.layer7 import Http, HttpRule
from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.resolved import Side


def differences(old: Sequence[Policy], new: Sequence[Policy], inventory: Inventory | None = None) -> tuple[Difference, ...]:
    """What became allowed and what became refused, as `changes` says, for policies without groups of their own."""
    found = changes(Stated(tuple(old)), Stated(tuple(new)), inventory)
    return tuple(each for each in found if each.change is not Change.OTHERWISE)


def changes(old: Stated, new: Stated, inventory: Inventory | None = None) -> tuple[Difference, ...]:
    """All differences, in the order of Change.

    Without an inventory they are those of some inventory, and none of what became allowed or refused is a proof for every one: with
    the usual settings, and workloads that have labels of source k8s or, while they are made, reserved:init alone. What changed
    otherwise is looked for among the flows that are found on the way, and is no proof.

    Raises Unproven where neither can be shown, TooManyStates for conditions whose machines are too large to compare, ValueError for
    an inventory that cannot be.
    """
    words = Words(header_names(_http_rules((*old.policies, *new.policies))))
    populations = [existing(old, new, inventory)] if inventory is not None else imagined(old, new)
    found = [each for population in populations for each in _of(population, words)]
    order = list(Change)
    return tuple(sorted(_merged(found), key=lambda each: order.index(each.change)))


def _of(population: Population, words: Words) -> Iterator[Found]:
    for subject in population.subjects:
        before, after = (side.sides(subject.number, subject.port_names) for side in (population.old, population.new))
        for pair in (Pair(subject, *each) for each in zip(Direction, before, after, strict=True)):
            if _meaning(pair.old) != _meaning(pair.new):
                yield from Comparison(pair, population.known, words).differences(population.others[pair.direction])


def _meaning(side: Side) -> object:
    """What decides on a side: equal values decide equally."""
    entries = [replace(each, policy=None, rule=None, reason="") for each in side.entries]
    named = [each.rule.peers if each.rule is not None else None for each in side.entries]
    denying = frozenset(way for policy in side.selected_by if not policy.audit for way in policy.default_deny)
    audited = any(policy.audit for policy in side.selected_by)
    origin = (side.origin.on_deny,) if side.origin is not None else None
    return side.enforced, side.default_deny, origin, entries, named, audited, denying


def _http_rules(policies: Iterable[Policy]) -> Iterator[HttpRule]:
    for policy in policies:
        for rule in policy.rules:
            for part in rule.port_rules or ():
                yield from part.layer7.rules if isinstance(part.layer7, Http) else ()


def _merged(found: Sequence[Found]) -> list[Difference]:
    """Differences that differ in their peers only are one, and then those that differ in their subjects only."""
    by_others = _joined(found, lambda one: one.subjects, lambda one, more: replace(one, others=_union(one.others, more.others)))
    by_subjects = _joined(by_others, lambda one: one.others, lambda one, more: replace(one, subjects=_union(one.subjects, more.subjects)))
    return [each.difference for each in by_subjects]


def _joined(
    found: Sequence[Found], kept: Callable[[Difference], tuple[str, ...]], join: Callable[[Difference, Difference], Difference]
) -> list[Found]:
    """Those that are alike in all but what `join` joins."""
    first: dict[object, Found] = {}
    for each in found:
        one = each.difference
        key = (one.change, one.direction, kept(one), one.places, each.words)
        held = first.get(key)
        first[key] = each if held is None else replace(held, difference=join(held.difference, one))
    return list(first.values())


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
