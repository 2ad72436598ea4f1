"""Names by which addresses are known: every way in which patterns may match is there."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from pybpf.compiler.policy.diff.naming import MAX_NAMINGS, namings
from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.patterns import accepts_name, dns_pattern
from pybpf.compiler.policy.verdict.connections import full_name
from tests.compiler.policy.made import HERE

NAMES = ["a.example", "b.example", "ab.example", "x.a.example", "b", "other", "a.b"]
PATTERNS = [DnsPattern(each, "*" not in each, HERE) for each in ("a.example", "b", "*.example", "**.example", "a*.example", "*", "*.b", "nobody.at.all")]


def matched(names: tuple[str, ...], patterns: list[DnsPattern]) -> frozenset[str]:
    return frozenset(each.text for each in patterns if any(accepts_name(dns_pattern, each, full_name(name)) for name in names))


def of(patterns: list[DnsPattern]) -> tuple[tuple[str, ...], ...]:
    return namings({each: frozenset({each.text}) for each in patterns})


@pytest.mark.parametrize("seed", range(30))
def test_every_set_of_names_is_matched_as_one_of_those_made(seed: int) -> None:
    chance = random.Random(seed)
    patterns = chance.sample(PATTERNS, chance.randint(1, 4))
    made = {matched(names, patterns) for names in ((), *of(patterns))}
    for size in (1, 2, 3):
        for names in combinations(NAMES, size):
            assert matched(names, patterns) in made


def test_three_names_are_asked_about_together_where_each_says_something_else() -> None:
    patterns = [DnsPattern(each, True, HERE) for each in ("a.x", "b.x", "c.x")]
    assert sorted(map(len, of(patterns))) == [1, 1, 1, 2, 2, 2, 3]


def test_patterns_that_say_the_same_are_asked_about_once() -> None:
    patterns = [DnsPattern(f"n{number}.x", True, HERE) for number in range(50)]
    assert len(namings(dict.fromkeys(patterns, frozenset({"the same"})))) == 1


def test_no_patterns_need_no_names() -> None:
    assert namings({}) == ()


def test_more_sets_than_can_be_asked_about_are_not_left_out() -> None:
    patterns = [DnsPattern(f"n{number}.x", True, HERE) for number in range(MAX_NAMINGS.bit_length())]
    with pytest.raises(Unproven, match="sets of names"):
        of(patterns)
