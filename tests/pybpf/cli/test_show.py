"""`pybpf show` on the shop of examples/policies."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from pybpf.cli import main

POLICIES = Path(__file__).resolve().parents[3] / "examples" / "policies"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["show", str(POLICIES / "shop"), *words])


def test_policies_are_drawn_as_text() -> None:
    done = run("--name", "orders")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("policy orders in namespace shop\n  for app=orders\n")
    assert "policy billing" in run().stdout


def test_policies_are_drawn_as_svg(tmp_path: Path) -> None:
    assert run("--svg", "-o", str(tmp_path / "a.svg")).exit_code == 0
    title = ElementTree.parse(tmp_path / "a.svg").getroot()[0].text
    assert title is not None and title.count("policy ") == 3


def test_pictures_are_there_for_programs_too() -> None:
    (row,) = json.loads(run("--json", "--name", "orders").stdout)
    assert (row["subject"], row["ingress"]["rest"]["fate"], row["egress"]["rest"]) == ("app=orders", "refused", None)
    assert row["ingress"]["arrows"][0]["fate"] == "passes"


def test_text_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, run().stdout.splitlines())) <= 50


def test_files_with_errors_are_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "a.policy").write_text("policy a for app=a { allow from }")
    done = CliRunner().invoke(main, ["show", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (2, "") and "a.policy:1" in done.stderr


def test_a_name_that_is_not_there_is_an_error() -> None:
    done = run("--name", "order")
    assert done.exit_code == 2 and "did you mean 'orders'" in done.stderr


def test_a_matrix_is_drawn_as_svg() -> None:
    done = CliRunner().invoke(main, ["matrix", str(POLICIES / "shop"), "--inventory", str(POLICIES / "inventory.yaml"), "--svg"])
    assert done.exit_code == 0
    assert ElementTree.fromstring(done.stdout).tag.endswith("svg")
