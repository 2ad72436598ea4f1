"""The objects are ordinary ones: bpftool and libbpf read, describe and load each of them without a word of complaint."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler import build
from pybpf.compiler.building import DATAPATH
from pybpf.compiler.frontend import translate
from pybpf.kernel_progs import http_program
from tests.compiler.frontend.test_accepted import PROGRAMS
from tests.support.pages import module_of_page, programs_of

pytestmark = pytest.mark.kernel
TOOL = shutil.which("bpftool")
OBJECTS = ("accepted", "datapath", "judge_http", "language page")


def programs(name: str, folder: Path) -> Sequence[Callable[..., Any]]:
    """The programs of one object of the corpus."""
    match name:
        case "accepted":
            return PROGRAMS
        case "datapath":
            return DATAPATH
        case "judge_http":
            return [http_program.judge_http]
        case _:
            return programs_of(module_of_page("kernel-python.md", folder))


@pytest.fixture(params=OBJECTS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One object of the corpus, as a file."""
    if TOOL is None:
        pytest.skip("missing: bpftool (apt-get install bpftool)")
    path = tmp_path / "corpus.o"
    path.write_bytes(build(translate(programs(request.param, tmp_path))).elf)
    return path


def bpftool(*words: str) -> str:
    """What it prints. Any word on its standard error fails the test."""
    assert TOOL is not None
    done = subprocess.run([TOOL, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), f"bpftool {' '.join(words)}"
    return done.stdout


def test_bpftool_loads_every_program(made: Path, bpffs: Path) -> None:
    bpftool("prog", "loadall", str(made), str(bpffs / "corpus"))
    assert list((bpffs / "corpus").iterdir())


def test_bpftool_shows_the_types_with_named_parameters(made: Path) -> None:
    text = bpftool("btf", "dump", "file", str(made))
    assert " FUNC '" in text and "DATASEC '.maps'" in text


def test_bpftool_makes_a_skeleton(made: Path) -> None:
    assert "__open_and_load" in bpftool("gen", "skeleton", str(made))
