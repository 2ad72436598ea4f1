"""Every program on the page about the language is taken by the verifier, in one object."""

from __future__ import annotations

from pathlib import Path

import pytest

import pybpf
from tests.support.pages import module_of_page, programs_of

pytestmark = pytest.mark.kernel


def test_the_examples_of_the_language_page_load(tmp_path: Path) -> None:
    programs = programs_of(module_of_page("kernel-python.md", tmp_path))
    with pybpf.load(pybpf.compile_programs(*programs).elf, constants={"threshold": 7}) as loaded:
        assert set(loaded.programs) == {each.__name__ for each in programs}
        assert loaded.variables["threshold"].value == 7
        assert loaded.programs["drop_short"].test_run(bytes(64)).return_value == 2
