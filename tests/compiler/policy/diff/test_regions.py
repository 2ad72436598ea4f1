"""The space of labels, cut by selectors: nobody is left out."""

from __future__ import annotations

import random

import pytest

from pybpf.compiler.policy.diff.regions import PODS, Region, cut, within
from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.model.labels import (
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
    selects,
)
from pybpf.compiler.policy.resolve.identities import NAMESPACE_NAME_KEY
from tests.compiler.policy.made import HERE

ALIAS = NAMESPACE_LABELS_PREFIX + NAMESPACE_NAME_KEY
KEYS = ["app", "tier", NAMESPACE_KEY, ALIAS, CLUSTER_KEY]
VALUES = ["a", "b", "c"]


def requirement(chance: random.Random) -> Requirement:
    operator = chance.choice(list(Operator))
    values = tuple(sorted(chance.sample(VALUES, chance.randint(1, 2)))) if operator in (Operator.IN, Operator.NOT_IN) else ()
    return Requirement(chance.choice(["any", KUBERNETES, RESERVED]), chance.choice(KEYS), operator, values)


def selector(chance: random.Random) -> Selector:
    return Selector(tuple(requirement(chance) for _ in range(chance.randint(0, 3))), HERE)


def workload(chance: random.Random) -> tuple[Label, ...]:
    """Labels that a workload may have; "d" is a value that nobody names."""
    space = chance.choice([*VALUES, "d"])
    own = [Label(KUBERNETES, key, chance.choice([*VALUES, "d"])) for key in ("app", "tier") if chance.random() < 0.6]
    made = [Label(KUBERNETES, NAMESPACE_KEY, space), Label(KUBERNETES, ALIAS, space), Label(KUBERNETES, CLUSTER_KEY, chance.choice("ad"))]
    return tuple(sorted((*own, *made)))


def node(chance: random.Random) -> tuple[Label, ...]:
    own = [Label(NODE, key, chance.choice([*VALUES, "d"])) for key in KEYS if chance.random() < 0.4]
    return tuple(sorted((*own, Label(RESERVED, "remote-node"))))


def answers(selectors: list[Selector], labels: tuple[Label, ...]) -> tuple[bool, ...]:
    return tuple(selects(each, labels) for each in selectors)


@pytest.mark.parametrize("seed", range(60))
def test_whoever_there_may_be_a_member_of_some_region_answers_alike(seed: int) -> None:
    chance = random.Random(seed)
    selectors = [selector(chance) for _ in range(chance.randint(1, 5))]
    workloads = {answers(selectors, each.labels()) for each in cut([PODS], selectors)}
    nodes = {answers(selectors, each.labels()) for each in cut([Region(NODE, frozenset({Label(RESERVED, "remote-node")}))], selectors)}
    for _ in range(80):
        assert answers(selectors, workload(chance)) in workloads
        assert answers(selectors, node(chance)) in nodes


@pytest.mark.parametrize("seed", range(30))
def test_the_member_of_a_part_is_chosen_and_that_of_no_part_never(seed: int) -> None:
    chance = random.Random(seed)
    one = selector(chance)
    part = within(PODS, one)
    if part is not None:
        assert selects(one, part.labels())
    assert any(selects(one, each.labels()) for each in cut([PODS], [one])) == (part is not None)


def test_what_a_selector_does_not_choose_stays_whole() -> None:
    of_nodes = Selector((Requirement(KUBERNETES, "app", Operator.IN, ("a",)), Requirement(RESERVED, "host", Operator.EXISTS)), HERE)
    assert cut([PODS], [of_nodes]) == [PODS]


@pytest.mark.parametrize("source", ["container", NODE])
def test_labels_of_sources_that_workloads_may_or_may_not_have_decide_nothing(source: str) -> None:
    asked = Selector((Requirement(source, "app", Operator.EXISTS),), HERE)
    with pytest.raises(Unproven, match=f"of source '{source}'"):
        cut([PODS], [asked])


def test_too_many_regions_are_refused() -> None:
    selectors = [Selector((Requirement(KUBERNETES, f"key-{number}", Operator.EXISTS),), HERE) for number in range(20)]
    with pytest.raises(Unproven, match="sorts of endpoints"):
        cut([PODS], selectors)
