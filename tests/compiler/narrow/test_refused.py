"""Policy files that are refused: with which code, where, and with what advice."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler.diag import CompileError, Diagnostic, Source
from pybpf.compiler.narrow import CODES, read

ROOT = Path(__file__).resolve().parents[3]
CORPUS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "corpus" / "refused.toml").read_text())
CASES: list[dict[str, Any]] = CORPUS["case"]
BASE: str = CORPUS["base"]


def refusal(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as caught:
        read(Source("policy.yaml", text))
    return caught.value.diagnostics


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_bad_policy_is_refused_at_its_place(case: dict[str, Any]) -> None:
    old, new = case["change"]
    assert BASE.count(old) == 1, "a case changes one text"
    found = refusal(BASE.replace(old, new))
    first = next(each for each in found if each.code == case["code"])
    assert [first.span.line, first.span.column] == case["at"]
    assert case["hint"] in first.hint
    assert {each.code for each in found} - {case["code"]} <= set(case.get("more", []))


def test_the_base_of_the_corpus_is_good() -> None:
    assert len(read(Source("policy.yaml", BASE))) == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n"])
def test_a_file_without_a_policy_is_refused(text: str) -> None:
    assert [each.code for each in refusal(text)] == ["policy-no-document"]


def test_forty_ports_are_read_and_forty_one_refused() -> None:
    def ports(count: int) -> str:
        return BASE.replace('      - port: "80"\n        protocol: TCP\n', '      - {port: "80", protocol: TCP}\n' * count)

    assert len(read(Source("policy.yaml", ports(40)))) == 1
    found = refusal(ports(41))
    assert [(each.code, each.span.line) for each in found] == [("policy-too-many-ports", 55)]


def test_all_errors_of_a_file_come_at_once_and_in_order() -> None:
    text = BASE.replace('"80"', "80x!").replace("env: prod", "env: on").replace("method:", "metod:")
    assert [each.code for each in refusal(text)] == ["policy-not-a-string", "policy-port", "policy-unknown-key"]


def test_an_alias_bomb_is_refused_without_being_unfolded() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert {each.code for each in refusal(bomb)} >= {"policy-yaml-alias"}


def test_ten_thousand_open_brackets_are_refused() -> None:
    assert refusal("[" * 10_000)[-1].code == "policy-yaml-depth"


def test_every_code_has_a_case_or_a_test() -> None:
    elsewhere = {"policy-no-document", "policy-too-many-ports"}
    assert {case["code"] for case in CASES} | elsewhere == set(CODES)


def test_every_code_is_explained_on_the_page() -> None:
    page = (ROOT / "docs" / "errors.md").read_text()
    for code in [*CODES, "http-pattern", "http-too-large"]:
        assert f"| `{code}` |" in page, f"docs/errors.md does not explain {code}"
