"""Every finding about policy has a page; `python -m tests.compiler.policy.test_pages` writes docs/policy-errors.md anew."""

from __future__ import annotations

import re
from pathlib import Path

from pybpf.compiler.policy.pages import pages

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT / "docs" / "policy-errors.md"
HEAD = """# Findings in policies and inventories

What `pybpf check` says, code by code; `pybpf explain CODE` prints one of these pages. All findings of all files come at once, each
with its line, column and a hint. Codes that begin with `policy-` are errors: the document they are in is not used, all others
are. Codes that begin with `lint-` are warnings: the policy is used as it is written and may not mean what it seems to.
"""


def document() -> str:
    """The whole page of documentation."""
    parts = [
        f"\n## {page.code}\n\n{page.meaning[0].upper()}{page.meaning[1:].rstrip('.')}.\n\n"
        + "".join(f"    {line}\n" for line in page.example.splitlines())
        + f"\n{page.remedy}\n"
        for page in pages().values()
    ]
    return HEAD + "".join(parts)


def test_every_code_that_is_raised_has_a_page() -> None:
    text = "".join(path.read_text() for path in (ROOT / "compiler" / "policy").rglob("*.py") if path.name not in ("codes.py",))
    raised = set(re.findall(r'"((?:policy|lint)-[a-z-]+[a-z])"', text))
    assert raised - set(pages()) == set()


def test_every_page_is_about_a_code_that_is_raised() -> None:
    text = "".join(path.read_text() for path in (ROOT / "compiler" / "policy").rglob("*.py") if path.name != "codes.py")
    assert [code for code in pages() if f'"{code}"' not in text] == []


def test_the_documentation_has_the_pages_as_they_are() -> None:
    assert DOCUMENT.read_text() == document(), "run python -m tests.compiler.policy.test_pages"


if __name__ == "__main__":
    DOCUMENT.write_text(document())
