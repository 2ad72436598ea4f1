"""Inventories that are refused: with which code, where, and with what advice."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler.diag import CompileError, Diagnostic, Source, Span
from pybpf.compiler.policy.inventory import PAGES, merged, read_inventory
from pybpf.compiler.policy.model.inventory import CidrGroup

CORPUS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "corpus" / "refused.toml").read_text())
CASES: list[dict[str, Any]] = CORPUS["case"]
BASE: str = CORPUS["base"]


def refusal(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as caught:
        read_inventory(Source("inventory.yaml", text))
    return caught.value.diagnostics


def covered(span: Span) -> str:
    """The text of a span, as far as it stands in its first line."""
    line = span.source.line(span.line)
    return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None].rstrip()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_bad_inventory_is_refused_at_its_place(case: dict[str, Any]) -> None:
    old, new = case["change"]
    assert BASE.count(old) == 1, "a case changes one text"
    found = refusal(BASE.replace(old, new))
    first = next(each for each in found if each.code == case["code"])
    assert covered(first.span) == case["covers"]
    assert case["hint"] in first.hint
    assert {each.code for each in found} - {case["code"]} <= set(case.get("more", []))


def test_the_base_of_the_corpus_is_good() -> None:
    assert len(read_inventory(Source("inventory.yaml", BASE)).endpoints) == 2


@pytest.mark.parametrize("text", ["", "# nobody\n", "---\n---\n"])
def test_a_file_that_holds_nothing_is_refused(text: str) -> None:
    assert [each.code for each in refusal(text)] == ["policy-no-document"]


def test_a_syntax_error_is_the_only_one() -> None:
    assert [each.code for each in refusal("endpoints: [\n")] == ["policy-yaml"]


def test_all_errors_come_at_once_and_in_order() -> None:
    text = BASE.replace("board-2", "Board").replace("80/tcp", "tcp/80").replace("[nodes]", "nodes")
    assert [each.code for each in refusal(text)] == ["policy-wrong-shape", "policy-port", "policy-name"]


def test_the_first_owner_of_an_address_is_named() -> None:
    (found,) = refusal("endpoints:\n- {name: a, addresses: [10.0.0.1]}\n- {name: b, addresses: [10.0.0.1]}\n")
    assert "by endpoint default/a, in line 2" in found.message


def test_two_groups_of_one_name_that_differ_are_refused() -> None:
    inventory = read_inventory(Source("inventory.yaml", BASE))
    with pytest.raises(CompileError) as caught:
        merged(inventory, [CidrGroup("partners", (), ())])
    assert [each.code for each in caught.value.diagnostics] == ["policy-inventory-group"]


def test_every_code_has_a_case_or_a_test() -> None:
    assert {page.code for page in PAGES} <= {case["code"] for case in CASES} | {"policy-inventory-group"}
