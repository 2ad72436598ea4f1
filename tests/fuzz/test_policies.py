"""Longer searches, `make fuzz`: policies in other words, proofs of the diff against flows, changes against a new beginning."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given, settings

from pybpf.compiler.policy.diff import differences
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.resolve import Resolver, resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.diff import test_differences, test_round_trips
from tests.compiler.policy.lint import test_proofs
from tests.compiler.policy.resolve import test_resolver
from tests.compiler.policy.strategies import policies
from tests.compiler.policy.verdict.test_restatement import inventory

pytestmark = pytest.mark.skipif("PYBPF_FUZZ" not in os.environ, reason="a longer search: run `make fuzz`")
SECONDS = 60


@settings(max_examples=3000, deadline=None)
@given(policies())
def test_a_policy_said_in_other_words_means_the_same(policy: Policy) -> None:
    test_round_trips.check_words(policy)


@settings(max_examples=2000, deadline=None)
@given(test_proofs.sets())
def test_what_lint_says_is_proved(said: tuple[Policy, ...]) -> None:
    test_proofs.check_claims(said)


def test_every_flow_that_differs_is_in_a_difference() -> None:
    seed, until = time.time_ns(), time.monotonic() + SECONDS
    while time.monotonic() < until:
        seed += 1
        old, new, chance = test_differences.pairs_of_sets(seed)
        who = inventory()
        found, imagined = differences(old, new, who), differences(old, new)
        before, after = resolve(old, who), resolve(new, who)
        for _ in range(50):
            flow = chance.flow(who)
            first, second = verdict(before, flow).allowed, verdict(after, flow).allowed
            if first != second:
                assert any(each.allowed == second for each in found) and any(each.allowed == second for each in imagined), (seed, flow)


def test_after_any_changes_everything_is_as_if_made_anew() -> None:
    seed, until = time.time_ns(), time.monotonic() + SECONDS
    while time.monotonic() < until:
        seed += 1
        resolver, changes = Resolver(*test_resolver.start(seed)), test_resolver.Changes(seed)
        for _ in range(20):
            changes.apply(resolver)
            assert test_resolver.canonical(resolver.resolved) == test_resolver.canonical(test_resolver.anew(resolver)), seed
