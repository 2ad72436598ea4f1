"""docs/show.md: every picture on it is what the command draws, and every sign it explains is drawn."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pybpf.cli import main
from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import formatted, read
from pybpf.compiler.policy.picture import Fate, picture, text

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "show.md").read_text()
EXAMPLES = re.findall(r"```policy\n(.*?)```\n\nis\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("page", "command"), [("show.md", "show examples/policies/shop --name web-egress"), ("policies.md", "show examples/policies/shop --name orders")])
def test_a_transcript_is_what_the_command_prints(page: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    said = (ROOT / "docs" / page).read_text().partition(f"    pybpf {command}\n\n")[2]
    printed = CliRunner().invoke(main, shlex.split(command)).stdout
    assert printed and said.startswith("".join(f"    {line}".rstrip() + "\n" for line in printed.splitlines()))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```policy") == 2


@pytest.mark.parametrize(("written", "drawn"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_drawn_as_it_says(written: str, drawn: str) -> None:
    source = Source("docs/show.md", written)
    (policy,) = read(source).policies
    assert text(picture(policy)) == drawn and formatted(source) == written


def test_every_fate_of_an_arrow_is_on_the_page() -> None:
    assert all(f"`{fate.value}`" in PAGE for fate in Fate)
