"""The space of all sets of labels, cut up by selectors: a region for each way in which they can answer.

A region says of each key which values it may have, absence being one. Selectors look at a key only through the values that they
name, so that everything in one region is chosen by the same selectors, and one member stands for all. The regions together are
the whole space: what holds for their members holds for every inventory.

Labels of workloads are of source k8s, those of hosts of source node; a selector with source `any` means these. Selectors that ask
a workload for labels of other sources are not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    NODE,
    RESERVED,
    Label,
    Operator,
    Requirement,
    Selector,
    holds,
)
from pybpf.compiler.policy.resolve.identities import NAMESPACE_NAME_KEY

MAX_REGIONS: Final = 20_000
SYNTHETIC: Final = "pybpf-diff"  # the source of labels that stand for facts which no label tells, such as being behind a service
Key: TypeAlias = tuple[str, str]
_ALIAS: Final = NAMESPACE_LABELS_PREFIX + NAMESPACE_NAME_KEY


class Unproven(Exception):
    """Equality cannot be shown without knowing who exists; the message says why."""


@dataclass(frozen=True, slots=True)
class Values:
    """Some values of a key, None for its absence: those listed, or all but those listed."""

    listed: frozenset[str | None]
    all_but: bool

    def meet(self, other: Values) -> Values:
        """What is in both."""
        if self.all_but and other.all_but:
            return Values(self.listed | other.listed, True)
        if self.all_but:
            return Values(other.listed - self.listed, False)
        return Values(self.listed - other.listed if other.all_but else self.listed & other.listed, False)

    @property
    def is_empty(self) -> bool:
        """Whether there is none. Infinitely many values are left when some are taken away."""
        return not self.all_but and not self.listed


ALL: Final = Values(frozenset(), True)
PRESENT: Final = Values(frozenset({None}), True)
ABSENT: Final = Values(frozenset({None}), False)


@dataclass(frozen=True, slots=True)
class Region:
    """Sets of labels: the reserved ones are the same in all, the others have keys of `source` with these values."""

    source: str
    reserved: frozenset[Label] = frozenset()
    values: Mapping[Key, Values] = field(default_factory=dict)

    def labels(self) -> tuple[Label, ...]:
        """A member, with as few labels as may be; sorted."""
        found = set(self.reserved)
        for (source, key), values in self.values.items():
            value = _member(values)
            if value is not None:
                found.add(Label(source, key, value))
        return tuple(sorted(found))


PODS: Final = Region(KUBERNETES, values={(KUBERNETES, NAMESPACE_KEY): PRESENT})


def cut(regions: Iterable[Region], selectors: Sequence[Selector]) -> list[Region]:
    """The regions, cut by every selector. Raises Unproven for more than MAX_REGIONS, and for what labels here do not decide."""
    found = list(regions)
    for selector in selectors:
        found = [piece for region in found for piece in _pieces(region, selector)]
        if len(found) > MAX_REGIONS:
            raise Unproven(f"selectors tell more than {MAX_REGIONS} sorts of endpoints apart")
    return found


def within(region: Region, selector: Selector) -> Region | None:
    """The part that a selector chooses; None if there is none."""
    for requirement in selector.requirements:
        met = _met(region, requirement)
        if met is None:
            return None
        region = met
    return region


def _pieces(region: Region, selector: Selector) -> list[Region]:
    """The part that is chosen, and for each requirement the part that fails it and none before."""
    found: list[Region] = []
    for requirement in selector.requirements:
        failed = _met(region, _negated(requirement))
        if failed is not None:
            found.append(failed)
        met = _met(region, requirement)
        if met is None:
            return found
        region = met
    return [*found, region]


def _met(region: Region, requirement: Requirement) -> Region | None:
    """The part of a region that meets a requirement; None if there is none."""
    source = _source(region, requirement)
    if source is None:
        return region if holds(requirement, region.reserved) else None
    key = (source, NAMESPACE_KEY if requirement.key == _ALIAS else requirement.key)
    met = region.values.get(key, ALL).meet(_meant(requirement))
    return None if met.is_empty else replace(region, values={**region.values, key: met})


def _source(region: Region, requirement: Requirement) -> str | None:
    """The source of the labels that a requirement looks at; None where it looks at the reserved ones alone."""
    if requirement.source == SYNTHETIC:
        return SYNTHETIC
    if requirement.source == RESERVED or region.source == RESERVED:
        return None
    if requirement.source == ANY_SOURCE and any(label.key == requirement.key for label in region.reserved):
        raise Unproven(f"the label {requirement.key!r} of any source may be reserved, or a host's own")
    if requirement.source in (ANY_SOURCE, region.source):
        return region.source
    if region.source == NODE:
        return None  # hosts have no labels of other sources
    raise Unproven(f"what workloads have labels of source {requirement.source!r} is not known")


def _meant(requirement: Requirement) -> Values:
    values: frozenset[str | None] = frozenset(requirement.values)
    match requirement.operator:
        case Operator.IN:
            return Values(values, False)
        case Operator.NOT_IN:
            return Values(values, True)
        case Operator.EXISTS:
            return PRESENT
        case Operator.DOES_NOT_EXIST:
            return ABSENT


_OPPOSITE: Final = {
    Operator.IN: Operator.NOT_IN,
    Operator.NOT_IN: Operator.IN,
    Operator.EXISTS: Operator.DOES_NOT_EXIST,
    Operator.DOES_NOT_EXIST: Operator.EXISTS,
}


def _negated(requirement: Requirement) -> Requirement:
    return replace(requirement, operator=_OPPOSITE[requirement.operator])


def _member(values: Values) -> str | None:
    """One of them: absence if it may be, else the first of those listed, else a value that nobody has named."""
    if not values.all_but:
        return None if None in values.listed else min(each for each in values.listed if each is not None)
    if None not in values.listed:
        return None
    return next(each for each in ("other", *(f"other-{number}" for number in range(len(values.listed) + 1))) if each not in values.listed)
