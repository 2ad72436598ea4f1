"""The corpus of policies and flows: what each flow gets and which rule decides it, and which policies are refused.

cases.py says what a case is made of. What a case expects was written down from what policies are to mean, not from what the
project makes of them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pybpf.compiler.diag import Severity, Span
from pybpf.compiler.policy.model.flow import Verdict
from pybpf.compiler.policy.reading import read
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.cases import KEYS, Case, Expected, asked, cases, decider, resolved, rows, source

CASES = list(cases())


def having(key: str) -> list[Any]:
    """The cases that have a key."""
    return [pytest.param(case, id=case.title) for case in CASES if key in case.keys]


def judged(key: str) -> list[Any]:
    """The cases that have a key; those that do not hold today are expected to fail."""
    chosen = [case for case in CASES if key in case.keys]
    return [pytest.param(case, id=case.title, marks=_marks(case)) for case in chosen]


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=case.keys["xfail"], strict=True)] if "xfail" in case.keys else []


@pytest.mark.parametrize("case", judged("flows"))
def test_every_flow_gets_what_the_policy_means(case: Case) -> None:
    known = resolved(case)
    wrong = {}
    for line in case.keys["flows"]:
        flow, expected = asked(line, case)
        got = verdict(known, flow)
        if (told := seen(got, expected, decider(got, known.policies))) != expected:
            wrong[line] = told
    assert wrong == {}


@pytest.mark.parametrize("case", having("flows"))
def test_a_policy_with_flows_is_read_with_no_other_findings_than_the_case_says(case: Case) -> None:
    assert codes(case.keys) == case.keys.get("warned", [])


@pytest.mark.parametrize("case", judged("refused"))
def test_a_policy_that_means_nothing_certain_is_refused(case: Case) -> None:
    reading = read([source(case.keys)])
    told = [each for each in reading.errors if each.code == case.keys["refused"] and case.keys["message"] in each.message]
    assert told, [f"{each.code}: {each.message}" for each in reading.found]
    assert reading.policies == ()
    assert told[0].hint


@pytest.mark.parametrize("case", having("accepted"))
def test_what_looks_like_a_refused_policy_is_read(case: Case) -> None:
    accepted = case.keys["accepted"]
    assert codes(accepted) == accepted.get("warned", [])
    assert read([source(accepted)]).policies


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    told = {row for case in CASES for row in case.rows}
    assert told == set(rows())


def test_cases_have_names_of_their_own_and_known_keys() -> None:
    assert [title for title, count in Counter(case.title for case in CASES).items() if count > 1] == []
    assert [case.title for case in CASES if case.keys.keys() - KEYS or not case.keys.keys() & {"flows", "refused"}] == []


def test_the_corpus_is_large_enough() -> None:
    lines = [line for case in CASES for line in case.keys.get("flows", [])]
    assert len(CASES) >= 260
    assert sum(" by " in line for line in lines) * 2 > len(lines)


def codes(keys: dict[str, Any]) -> list[str]:
    """The codes of everything found in a file; no error may be among them."""
    found = read([source(keys)]).found
    assert [f"{each.code}: {each.message}" for each in found if each.severity is Severity.ERROR] == []
    return [each.code for each in found]


def seen(got: Verdict, expected: Expected, by: str) -> Expected:
    """A verdict, as far as a line says something of it."""
    return Expected(
        got.outcome.value,
        got.authenticated,
        expected.refusal and (got.on_deny.value if got.on_deny is not None else "nothing"),
        expected.by and by,
        expected.at and text_at(got.span)[: len(expected.at)],
    )


def text_at(span: Span | None) -> str:
    """The first line of a place."""
    return span.source.line(span.line)[span.column - 1 :] if span is not None else ""
