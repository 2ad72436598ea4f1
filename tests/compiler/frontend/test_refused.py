"""What is not of the language is a CompileError with a code, a place and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.compiler.diag import CompileError, Diagnostic
from pybpf.compiler.frontend import translate
from pybpf.compiler.frontend.codes import CODES
from tests.compiler.frontend.refused import REFUSED, Refused
from tests.compiler.kernel_text import PRELUDE, module_of

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "errors.md"


def refusal(case: Refused, folder: Path) -> Diagnostic:
    """The one diagnostic that translating the case's `main` ends in."""
    module = module_of(case.text.replace("«", "").replace("»", ""), folder)
    with pytest.raises(CompileError) as caught:
        translate([module.main], target=case.target)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_program_is_refused_where_it_is_wrong(case: Refused, tmp_path: Path) -> None:
    before, _, rest = case.text.partition("«")
    lines = (PRELUDE + before).split("\n")
    marked = rest.partition("»")[0].split("\n")
    found = refusal(case, tmp_path)
    assert (found.code, found.span.line, found.span.column) == (case.code, len(lines), len(lines[-1]) + 1), str(found)
    assert found.span.end_line == len(lines) + len(marked) - 1
    assert case.says in found.message
    assert case.hint in found.hint


def test_every_code_has_a_case() -> None:
    assert {case.code for case in REFUSED} == set(CODES)


def test_every_code_is_documented() -> None:
    text = DOCUMENT.read_text()
    assert [code for code in CODES if f"`{code}`" not in text] == []


def test_a_function_without_source_is_refused_by_name() -> None:
    names: dict[str, object] = {}
    exec("from pybpf.compiler.lang import *\n@program('tc')\ndef main(packet: Skb) -> int:\n    return 0\n", names)
    with pytest.raises(CompileError) as caught:
        translate([names["main"]])  # type: ignore[list-item]  # what exec made has no type
    (found,) = caught.value.diagnostics
    assert (found.code, found.span.line) == ("kernel-source", 2)
    assert "main" in found.message and "file" in found.hint


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(CompileError) as caught:
        translate([print])
    assert caught.value.diagnostics[0].code == "kernel-source"
