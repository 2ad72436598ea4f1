"""The back end in its child process: what it makes, and what happens when it gives up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pybpf.compiler.codegen import (
    BackendError,
    abandon,
    assembly,
    compile_llvm,
    emit,
    finished,
    started,
    target,
)
from pybpf.compiler.frontend import translate
from tests.compiler.frontend.accepted import branches
from tests.compiler.kernel_text import PRELUDE, module_of

TOO_MUCH_STACK = """
class Big(Struct):
    many: Annotated[Array[u8], Count(512)]


@program("tc")
def main(packet: Skb) -> int:
    big = Big()
    ring.output(big)
    numbers.update(1, 2)
    return 0
"""


def refusal(folder: Path) -> BackendError:
    """What the back end says of a program with too large a struct on its stack."""
    module = module_of(TOO_MUCH_STACK, folder)
    with pytest.raises(BackendError) as caught:
        compile_llvm(emit(translate([module.main])))
    return caught.value


def test_too_much_stack_is_an_error_and_the_process_lives(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert "stack limit" in str(error)
    assert "PerCpuArray" in error.hint
    assert compile_llvm(emit(translate([branches]))).elf[:4] == b"\x7fELF"


def test_a_back_end_error_names_the_function_and_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert error.function == "main"
    assert error.place is not None
    file, line = error.place
    first = PRELUDE.count("\n") + TOO_MUCH_STACK[: TOO_MUCH_STACK.index("def main")].count("\n") + 1
    assert file.endswith(".py") and first <= line <= first + 4


def test_what_is_no_llvm_is_an_error_too() -> None:
    with pytest.raises(BackendError) as caught:
        compile_llvm("this is not LLVM")
    assert (caught.value.function, caught.value.place) == ("", None)
    assert "expected top-level entity" in str(caught.value)


def test_nothing_is_left_open_by_a_failed_compilation(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    refusal(tmp_path)
    assert os.listdir("/proc/self/fd") == before


def test_the_assembly_shows_the_instructions() -> None:
    text = assembly(emit(translate([branches])))
    assert "branches:" in text and "call 1" in text and "exit" in text


def test_stores_in_a_row_are_no_call_of_memset(tmp_path: Path) -> None:
    stores = "".join(f"    table[{each}] = 0\n" for each in range(300))
    module = module_of(f'\n\ntable = global_array(u64, 512, ".data.many")\n\n\n@program("tc")\ndef main(packet: Skb) -> int:\n{stores}    return 0\n', tmp_path)
    assert "memset" not in assembly(emit(translate([module.main])))


def test_a_child_ends_with_whom_it_worked_for() -> None:
    begun = started(emit(translate([branches])))
    abandon(begun)
    with pytest.raises(ChildProcessError):
        os.waitpid(begun.pid, 0)


def test_a_back_end_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "MOST_SECONDS", 0)
    begun = started(emit(translate([branches])))
    with pytest.raises(BackendError, match="stopped after") as caught:
        finished(begun)
    assert "@subprogram" in caught.value.hint
    with pytest.raises(ChildProcessError):
        os.waitpid(begun.pid, 0)
