"""Every row of the table of helpers, called by a program that the compiler makes: the verifier takes what it makes.

test_helpers.py asks the same of instructions filled in from `registers`; here all of the compiler stands between.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from pybpf.compiler import CompileError, compile_programs
from pybpf.compiler.lang import ProgramType
from pybpf.compiler.lang.helper import Helper
from pybpf.compiler.lang.helpers.availability import AVAILABLE, CONFIGURED
from pybpf.compiler.lang.helpers.table import rows
from pybpf.elf import parse
from pybpf.loading import load
from tests.compiler.kernel_text import module_of
from tests.kernel.test_helpers import ELSEWISE, MAY_SLEEP
from tests.support import helper_texts
from tests.support.helper_programs import PACKETS, pairs
from tests.support.helper_texts import Call

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

TOOL = shutil.which("bpftool")
NEEDS_CONSTANT = {182}  # strncmp, whose second string must lie in .rodata
CALLED = [(row, kind) for row, kind in pairs(rows(), AVAILABLE) if (row.name, kind) not in ELSEWISE and row.number not in NEEDS_CONSTANT]


def rows_of(kind: ProgramType) -> list[Helper]:
    """What programs of this type may call, without what may sleep."""
    return [row for row, each in CALLED if each is kind and row.number not in MAY_SLEEP]


def module(calls: list[Call], folder: Path) -> ModuleType:
    """All of them in one file."""
    return module_of(helper_texts.TEXT_PRELUDE + "\n\n".join(call.text for call in calls), folder)


def load_all(calls: list[Call], folder: Path) -> set[str]:
    """Compile them as one object and load it; the names of the programs that are in the kernel then."""
    made = module(calls, folder)
    with load(parse(compile_programs(*(getattr(made, call.name) for call in calls)).elf)) as loaded:
        assert loaded.notes == ()
        return set(loaded.programs)


@pytest.mark.parametrize("kind", ProgramType)
def test_the_verifier_takes_a_compiled_call_of_each_row(kind: ProgramType, tmp_path: Path) -> None:
    calls = [call for row in rows_of(kind) for call in helper_texts.calls(row, kind)]
    assert load_all(calls, tmp_path) == {call.name for call in calls}
    assert {call.row for call in calls} == set(rows_of(kind))


def test_what_may_sleep_is_called_where_programs_may(tmp_path: Path, bpffs: Path) -> None:
    """Loaded by libbpf, which knows from the section that these programs may sleep."""
    if TOOL is None:
        pytest.skip("missing: bpftool (apt-get install bpftool)")
    calls = [
        call
        for row, kind in CALLED
        if kind is ProgramType.KPROBE and row.number in MAY_SLEEP
        for call in helper_texts.calls(row, kind, section=helper_texts.MAY_SLEEP)
    ]
    assert {call.row.number for call in calls} == MAY_SLEEP
    made = module(calls, tmp_path)
    (tmp_path / "calls.o").write_bytes(compile_programs(*(getattr(made, call.name) for call in calls)).elf)
    subprocess.run([TOOL, "prog", "loadall", str(tmp_path / "calls.o"), str(bpffs / "calls")], check=True)
    assert {each.name for each in (bpffs / "calls").iterdir()} == {call.name for call in calls}


@pytest.mark.parametrize("kind", PACKETS)
def test_a_view_from_before_a_call_is_taken_where_the_row_leaves_the_packet_in_place(kind: ProgramType, tmp_path: Path) -> None:
    calls = [call for row in rows_of(kind) if not row.moves_packet for call in helper_texts.calls_between_views(row, kind)]
    assert load_all(calls, tmp_path) == {call.name for call in calls}


@pytest.mark.parametrize("kind", PACKETS)
def test_a_view_from_before_a_call_is_refused_by_the_compiler_where_the_row_moves_the_packet(kind: ProgramType, tmp_path: Path) -> None:
    calls = [call for row in rows_of(kind) if row.moves_packet for call in helper_texts.calls_between_views(row, kind)]
    made = module(calls, tmp_path)
    for call in calls:
        with pytest.raises(CompileError) as caught:
            compile_programs(getattr(made, call.name))
        assert [each.code for each in caught.value.diagnostics] == ["kernel-moved"], call.name


def test_every_row_is_called_in_some_program() -> None:
    assert {row for row in rows() if row.number not in NEEDS_CONSTANT | CONFIGURED.keys()} == {row for row, _ in CALLED}
    assert helper_texts.PLACES.keys() == set(ProgramType)
