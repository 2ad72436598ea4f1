"""The space of all sets of labels, cut up by selectors: a region for each way in which they can answer.

A region says of each key which values it may have, absence being one. Selectors look at a key only through the values that they
name, so that everything in one region is chosen by the same selectors, and one member stands for all. The regions together are
the whole space: what holds for their members holds for every inventory.

Labels of workloads are of source k8s, those of hosts of source node; a selector with source `any` means these. Selectors that ask
a workload for labels of other sources are not decided here. Every workload has a namespace and a cluster. That all workloads of a
namespace share its labels is not used: more is imagined than can be, and so nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    CLUSTER_KEY,
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
_NAMESPACE: Final = (KUBERNETES, NAMESPACE_KEY)
_ALIAS: Final = NAMESPACE_LABELS_PREFIX + NAMESPACE_NAME_KEY  # Kubernetes keeps its value equal to the namespace's name


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
                found.update(Label(source, each, value) for each in ((key, _ALIAS) if (source, key) == _NAMESPACE else (key,)))
        return tuple(sorted(found))


PODS: Final = Region(KUBERNETES, values={_NAMESPACE: PRESENT, (KUBERNETES, CLUSTER_KEY): PRESENT})


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
    """The part that is chosen, and for each requirement the part that fails it and none before. What is not chosen at all stays whole."""
    if within(region, selector) is None:
        return [region]
    found: list[Region] = []
    for requirement in selector.requirements:
        failed = _met(region, _negated(requirement))
        if failed is not None:
            found.append(failed)
        met = _met(region, requirement)
        assert met is not None, "some of it is chosen"
        region = met
    return [*found, region]


def _met(region: Region, requirement: Requirement) -> Region | None:
    """The part of a region that meets a requirement; None if there is none."""
    source = _source(region, requirement)
    if source is None:
        return region if holds(requirement, region.reserved) else None
    key = _NAMESPACE if (source, requirement.key) == (KUBERNETES, _ALIAS) else (source, requirement.key)
    held = region.values.get(key, ALL)
    met = held.meet(_meant(requirement))
    if met.is_empty:
        return None
    return region if met == held else Region(region.source, region.reserved, {**region.values, key: met})


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
