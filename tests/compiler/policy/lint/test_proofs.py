"""What lint says of rules is proved with the diff: a rule that adds nothing can go, requests that do not matter can go."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.diff import differences
from pybpf.compiler.policy.language import read, show
from pybpf.compiler.policy.lint import lint
from pybpf.compiler.policy.model.policy import Policy, Rule
from tests.compiler.policy.strategies import HERE, rules

MET: Counter[str] = Counter()
PEERS = ["app=a", "app=a, x=y", "endpoints", "192.0.2.0/24", "192.0.2.0/25", "world", "anybody", "app=b or app=a"]
PORTS = ["", "on port 80", "on port 80-90/any", "on port 80: POST /a", "on port 80: POST /a, POST /b", "on port 80/any", 'on port 443 tls "a.b"', "on port 53/udp"]
SUBJECTS = ["app=s", "endpoints", "app=s, x=y"]


@st.composite
def sets(draw: st.DrawFn) -> tuple[Policy, ...]:
    """Policies of few peers and ports, which meet often."""
    written = []
    for number in range(draw(st.integers(1, 3))):
        lines = [
            f"{draw(st.sampled_from(['allow', 'allow', 'deny']))} {draw(st.sampled_from(['from', 'to']))} {draw(st.sampled_from(PEERS))} {draw(st.sampled_from(PORTS))}"
            for _ in range(draw(st.integers(1, 4)))
        ]
        written.append(f"policy p{number} for {draw(st.sampled_from(SUBJECTS))} {{\n" + "\n".join(lines) + "\n}")
    return read(Source("a.policy", "\n".join(written))).policies


def without(policies: tuple[Policy, ...], span: Span) -> tuple[Policy, ...]:
    """The policies without the rule, or the port rule, that stands at a place; its direction stays as it was."""
    return tuple(replace(policy, rules=tuple(_emptied(rule, span) for rule in policy.rules)) for policy in policies)


def _emptied(rule: Rule, span: Span) -> Rule:
    if rule.span == span and rule.port_rules is None:
        return replace(rule, peers=())
    parts = tuple(each for each in rule.port_rules or () if each.span != span)
    return rule if rule.port_rules is None else replace(rule, port_rules=parts)


def without_requests(policies: tuple[Policy, ...], span: Span) -> tuple[Policy, ...]:
    """The policies with any request allowed where these stand."""
    return tuple(
        replace(
            policy,
            rules=tuple(
                replace(
                    rule,
                    port_rules=tuple(replace(part, layer7=None) if part.span == span else part for part in rule.port_rules) if rule.port_rules is not None else None,
                )
                for rule in policy.rules
            ),
        )
        for policy in policies
    )


@settings(max_examples=150, deadline=None, derandomize=True)  # so that what is met often is so each time
@given(sets())
def test_what_lint_says_is_proved(policies: tuple[Policy, ...]) -> None:
    check_claims(policies)


def check_claims(policies: tuple[Policy, ...]) -> None:
    """What lint says adds nothing or does not matter can go, and nothing differs."""
    for found in lint(policies):
        if found.code in ("lint-denied", "lint-redundant"):
            changed = without(policies, found.span)
        elif found.code == "lint-requests-silenced":
            changed = without_requests(policies, found.span)
        else:
            continue
        MET[found.code] += 1
        assert changed != policies
        assert differences(policies, changed) == (), f"{found.message}\n{show(policies)}"


def test_each_claim_was_met_often() -> None:
    assert min(MET[code] for code in ("lint-denied", "lint-redundant", "lint-requests-silenced")) > 5, MET


@settings(max_examples=50, deadline=None)
@given(st.lists(rules(Scope("shop")), min_size=1, max_size=3))
def test_lint_takes_whatever_readers_give(written: list[Rule]) -> None:
    (policy,) = read(Source("a.policy", "policy a in namespace shop for app=a { allow from nobody }")).policies
    assert all(each.hint for each in lint([replace(policy, rules=tuple(written), span=HERE)]))


