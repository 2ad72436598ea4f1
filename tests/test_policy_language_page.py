"""docs/policy-language.md: every example is read, and is set as `pybpf fmt` would; the Python prints what it says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import formatted, read
from pybpf.compiler.policy.lint import lint

PAGE = Path(__file__).resolve().parent.parent / "docs" / "policy-language.md"
TEXT = PAGE.read_text()
EXAMPLES = re.findall(r"```policy\n(.*?)```", TEXT, re.DOTALL)
REQUESTS = ['prefix "/a"', "regex '/a[0-9]'", 'exact "/a*b"', "any request", "GET /flights?*", 'kafka produce version 2 client "b" topic "a"', "no http"]


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_read_and_well_set(text: str) -> None:
    source = Source("docs/policy-language.md", text)
    parsed = read(source)
    assert parsed.found == () and parsed.policies
    assert formatted(source) == text


@pytest.mark.parametrize("part", REQUESTS)
def test_a_request_of_the_tables_is_one(part: str) -> None:
    assert part in TEXT
    assert read(Source("a.policy", f"policy a for app=a {{ allow from world on port 80: {part} }}")).found == ()


def test_the_examples_raise_no_doubts_but_about_queries() -> None:
    found = {each.code for text in EXAMPLES for each in lint(read(Source("a.policy", text)).policies)}
    assert found <= {"lint-path-query", "lint-names-without-dns", "lint-negative-selector"}, found


def test_the_python_prints_what_it_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    said = TEXT.partition(code)[2].partition("prints\n\n")[2]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), {})
    assert printed.getvalue() == "".join(line.removeprefix("    ") + "\n" for line in said.splitlines())
