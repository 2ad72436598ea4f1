from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pybpf.cli import main
from pybpf.demo import SCENARIOS

POLICY = SCENARIOS / "flights" / "read-flights.yaml"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compile", *map(str, arguments)])


def test_an_object_is_an_elf_file(tmp_path: Path) -> None:
    done = run(POLICY, "-o", tmp_path / "out.o")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.o").read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize(
    ("stage", "sign"), [("ir", "program judge_http"), ("llvm", "define "), ("asm", "exit"), ("tables", "rule set 0: 1 rules")]
)
def test_each_stage_can_be_seen_as_text(stage: str, sign: str) -> None:
    done = run(POLICY, "--emit", stage)
    assert done.exit_code == 0, done.output
    assert sign in done.stdout


def test_a_wrong_policy_is_status_1_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Nothing\n")
    done = run(tmp_path / "a.yaml", "-o", tmp_path / "out.o")
    assert done.exit_code == 1
    assert "a.yaml:1:" in done.stderr
    assert not (tmp_path / "out.o").exists()


def test_an_unreadable_file_is_status_2(tmp_path: Path) -> None:
    done = run(tmp_path / "none.yaml", "-o", tmp_path / "out.o")
    assert done.exit_code == 2
    assert "ENOENT" in done.stderr


def test_an_unwritable_place_is_status_2(tmp_path: Path) -> None:
    done = run(POLICY, "--emit", "tables", "-o", tmp_path / "nowhere" / "out.o")
    assert done.exit_code == 2
    assert "ENOENT" in done.stderr


def test_an_object_is_not_written_to_nowhere() -> None:
    assert run(POLICY).exit_code == 2
