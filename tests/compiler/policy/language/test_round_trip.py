"""What is written in the language is read back as it was."""

from __future__ import annotations

from hypothesis import given, settings

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import formatted, read, show
from pybpf.compiler.policy.model.policy import Policy
from tests.compiler.policy.strategies import policies


@settings(max_examples=200, deadline=None)
@given(policies())
def test_a_policy_that_is_written_and_read_is_the_same(policy: Policy) -> None:
    text = show([policy])
    parsed = read(Source("written.policy", text))
    assert parsed.policies == (policy,), text


@settings(max_examples=100, deadline=None)
@given(policies())
def test_what_is_written_is_well_set(policy: Policy) -> None:
    text = show([policy])
    assert formatted(Source("written.policy", text)) == text
