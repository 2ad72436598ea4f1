""".policy files that are refused: with which code, where, and with what advice."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler.diag import Severity, Source, Span
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.language.codes import PAGES

CASES: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "corpus" / "refused.toml").read_text())["case"]


def text_of(case: dict[str, Any]) -> str:
    """The text of a case: its own, or its rule or setting in a policy."""
    if "text" in case:
        return str(case["text"])
    return f"let board = labels app=board\npolicy shop for $board {{\n  {case.get('head', '')}\n  {case.get('rule', 'allow from world')}\n}}\n"


def covered(span: Span) -> str:
    """The text of a span, as far as it stands in its first line."""
    line = span.source.line(span.line)
    return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None].rstrip()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_bad_policy_is_refused_at_its_place(case: dict[str, Any]) -> None:
    parsed = read(Source("case.policy", text_of(case)))
    assert parsed.policies == ()
    first = next(each for each in parsed.found if each.code == case["code"])
    assert first.severity is Severity.ERROR
    assert case["hint"] in first.hint
    assert case["covers"] in [covered(each.span) for each in parsed.found if each.code == case["code"]]
    assert {each.code for each in parsed.found} - {case["code"]} <= set(case.get("more", []))


def test_every_code_of_errors_has_a_case_here() -> None:
    elsewhere = {"lint-unused-variable", "policy-not-sayable"}
    assert {page.code for page in PAGES} - elsewhere <= {case["code"] for case in CASES}
