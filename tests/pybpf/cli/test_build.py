"""`pybpf build`: no program of a file is left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from pybpf.cli import main

GUARD = '''
@program("tc")
def guard(packet: Skb) -> int:
    return Action.SHOT
'''
INDENTED = "class Inside:" + GUARD.replace("\n", "\n    ") + "\n"


@pytest.mark.parametrize("text", [GUARD + GUARD.replace("SHOT", "OK"), GUARD + "\nguard = None\n", INDENTED + GUARD.replace("guard", "other")], ids=["twice", "replaced", "in a class"])
def test_a_program_that_cannot_be_reached_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lost.py"
    path.write_text("from __future__ import annotations\nfrom pybpf.lang import *\n" + text)
    done = CliRunner().invoke(main, ["build", str(path), "-o", str(tmp_path / "out.o")])
    assert done.exit_code == 2
    assert "the program guard cannot be reached" in done.output
    assert not (tmp_path / "out.o").exists()


@pytest.mark.parametrize("decorator", ["@program", '@program("")', "@program(3)", '@program("tc\\\\41")'])
def test_a_program_says_where_it_goes(decorator: str, tmp_path: Path) -> None:
    path = tmp_path / "placeless.py"
    path.write_text("from __future__ import annotations\nfrom pybpf.lang import *\n" + GUARD.replace('@program("tc")', decorator))
    done = CliRunner().invoke(main, ["build", str(path), "-o", str(tmp_path / "out.o")])
    assert done.exit_code == 2
    assert "a program says where it goes" in done.output
