"""NetworkPolicies that are refused: with which code, where, and with what advice."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler.diag import Diagnostic, Severity, Source, Span
from pybpf.compiler.policy.kubernetes import PAGES, policies
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report, in_order

CORPUS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "corpus" / "refused.toml").read_text())
CASES: list[dict[str, Any]] = CORPUS["case"]
BASE: str = CORPUS["base"]


def found_in(text: str) -> tuple[Diagnostic, ...]:
    """What is found in the one NetworkPolicy of a text, which is no policy exactly if there is an error."""
    (document,), wrong = parse(Source("policy.yaml", text))
    report = Report(list(wrong))
    read = policies(document, report)
    assert bool(read) == (not report.errors)
    return in_order(report.found)


def covered(span: Span) -> str:
    """The text of a span, as far as it stands in its first line."""
    line = span.source.line(span.line)
    return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None].rstrip()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_bad_policy_is_refused_at_its_place(case: dict[str, Any]) -> None:
    old, new = case["change"]
    assert BASE.count(old) == 1, "a case changes one text"
    found = found_in(BASE.replace(old, new))
    first = next(each for each in found if each.code == case["code"])
    assert covered(first.span) == case["covers"]
    assert case["hint"] in first.hint
    assert first.severity is Severity.ERROR
    assert {each.code for each in found} - {case["code"]} <= set(case.get("more", []))


def test_the_base_of_the_corpus_is_good() -> None:
    assert found_in(BASE) == ()


def test_all_errors_of_a_policy_come_at_once() -> None:
    text = BASE.replace("8000", '"8000"').replace("flights}", "a b}").replace("env,", "k8s:env,")
    assert [each.code for each in found_in(text)] == ["policy-label", "policy-label", "policy-port", "policy-port"]


def test_every_code_of_errors_has_a_case_here() -> None:
    elsewhere = {"policy-address", "lint-object-name", "lint-policy-types", "lint-cidr-host-bits"}  # of inventories, and test_network_policy.py
    assert {page.code for page in PAGES} - elsewhere <= {case["code"] for case in CASES}
