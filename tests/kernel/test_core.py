"""Facts about this kernel's types, and functions of its own, in programs that were compiled elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pybpf.btf import Kind
from pybpf.btf_kernel import VMLINUX, KernelTypes, kernel_types
from pybpf.errors import NotSupported, ObjectError
from pybpf.loading import load
from pybpf.programs import Program, SkbContext
from pybpf.spec import ObjectSpec
from pybpf.verifier import VerifierError

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
Objects = Callable[[str], ObjectSpec]
PACKET = bytes(64)
FACTS = 25  # the cases of program `fact` in tests/objects/core.c
CORE = Path(__file__).resolve().parent.parent / "objects" / "core.o"


@pytest.fixture(autouse=True)
def _has_types() -> None:
    if not VMLINUX.exists():
        pytest.skip(f"missing: {VMLINUX} (use a kernel built with CONFIG_DEBUG_INFO_BTF)")


def facts(program: Program) -> list[int]:
    return [program.test_run(PACKET, context=SkbContext(mark=number).pack()).return_value for number in range(FACTS)]


def test_the_kernels_types_are_found_by_name() -> None:
    assert KernelTypes(VMLINUX.read_bytes()).named("task_struct", {Kind.STRUCT})


def test_every_fact_is_what_libbpf_finds(objects: Objects, bpffs: Path) -> None:
    tool = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin")
    if tool is None:
        pytest.skip("missing: bpftool (apt install bpftool)")
    subprocess.run([tool, "prog", "loadall", CORE, bpffs / "core"], check=True, capture_output=True)
    with load(objects("core")) as loaded, Program.from_pin(bpffs / "core" / "fact") as theirs:
        assert loaded.notes == ()
        assert facts(loaded.programs["fact"]) == facts(theirs)


def test_a_field_of_the_running_task_is_read(objects: Objects) -> None:
    with load(objects("core")) as loaded:
        assert loaded.programs["tgid"].test_run(PACKET).return_value == os.getpid()


def test_a_load_as_narrow_as_the_programs_struct_is_as_wide_as_the_kernels(objects: Objects) -> None:
    said = int(Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[6])  # the task's flags (proc(5), field 9)
    with load(objects("core")) as loaded:
        assert loaded.programs["flags"].test_run(PACKET).return_value >> 16 == said >> 16 != 0


def test_a_missing_field_behind_a_question_does_no_harm(objects: Objects) -> None:
    with load(objects("core")) as loaded:
        assert loaded.programs["guarded"].test_run(PACKET).return_value == 55


def test_a_missing_field_that_is_read_is_named(objects: Objects) -> None:
    with pytest.raises(NotSupported) as caught:
        load(objects("nofield"))
    assert caught.value.feature == "field 'deep.nowhere' of struct 'task_struct'"
    assert isinstance(caught.value.__cause__, VerifierError)


def test_functions_of_the_kernel_are_called(objects: Objects) -> None:
    with load(objects("kfuncs")) as loaded:
        assert loaded.notes == ()
        assert loaded.programs["sum"].test_run(PACKET, context=SkbContext(mark=10).pack()).return_value == 45


def test_a_weak_function_that_is_missing_has_no_address(objects: Objects) -> None:
    with load(objects("kfuncs")) as loaded:
        assert loaded.programs["guarded"].test_run(PACKET).return_value == 77


def test_a_call_of_a_weak_function_that_is_missing_is_named(objects: Objects) -> None:
    with pytest.raises(NotSupported) as caught:
        load(objects("unguarded"))
    assert caught.value.feature == "function 'bpf_pybpf_is_nowhere'"


def test_a_function_that_is_missing_and_needed_is_named(objects: Objects) -> None:
    with pytest.raises(ObjectError) as caught:
        load(objects("missing"))
    assert "bpf_pybpf_is_nowhere" in caught.value.message


def test_the_kernels_types_are_read_once() -> None:
    assert kernel_types() is kernel_types()
