"""Every section of the language is loaded as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.frontend import translate
from pybpf.compiler.lang.contexts import CONTEXTS
from pybpf.compiler.lang.kinds import SECTIONS
from pybpf.elf import parse
from pybpf.hooks import Interface, attach
from pybpf.kinds import AttachType, ProgramType
from pybpf.loading import load
from tests.compiler.kernel_text import module_of

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

PLACES = {"tracepoint": "sched/sched_process_exec", "tp": "sched/sched_process_exec", "raw_tracepoint": "sched_process_exit", "raw_tp": "sched_process_exit"}


def compiled(section: str, folder: Path) -> bytes:
    """The object of a program that does nothing, in that section."""
    row = SECTIONS[section]
    name = section.removesuffix("+")
    place = f"/{PLACES.get(name, 'do_exit')}" if section.endswith("+") else ""
    context = CONTEXTS[row.type].__name__
    text = f"""
class Fields({context}):
    pass


@program("{name}{place}")
def main(context: {"Fields" if context == "Tracepoint" else context}) -> int:
    return {row.returns[1] if row.returns else 0}
"""
    return compile_llvm(emit(translate([module_of(text, folder).main]))).elf


@pytest.mark.parametrize("section", SECTIONS)
def test_a_program_of_the_section_is_loaded_for_its_hook(section: str, tmp_path: Path) -> None:
    with load(parse(compiled(section, tmp_path))) as loaded:
        assert loaded.programs["main"].type is ProgramType(SECTIONS[section].type)
        assert loaded.attach_types["main"] is AttachType(SECTIONS[section].hook)


@pytest.mark.parametrize("section", ["netkit/primary", "netkit/peer", "xdp.frags/devmap", "xdp.frags/cpumap"])
def test_one_that_this_loader_does_not_attach_says_so(section: str, tmp_path: Path) -> None:
    with load(parse(compiled(section, tmp_path))) as loaded, pytest.raises(ValueError, match=rf"\({SECTIONS[section].hook.name}\): compile it for"):
        attach(loaded, "main", Interface(1))
