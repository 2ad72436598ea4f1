"""IR -> LLVM text -> object: deterministic, typed, and with the places of the source."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys

import pytest
from elftools.elf.elffile import ELFFile

from pybpf import btf
from pybpf.btf import Btf, Kind
from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.frontend import translate
from pybpf.elf import parse
from pybpf.spec import ObjectSpec
from tests.compiler.frontend import accepted, accepted_memory
from tests.compiler.frontend.test_accepted import programs_of

PROGRAMS = programs_of(accepted)

DIGEST = """
import hashlib
from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.frontend import translate
from tests.compiler.frontend import accepted
from tests.compiler.frontend.test_accepted import programs_of
PROGRAMS = programs_of(accepted)
print(hashlib.sha256(compile_llvm(emit(translate(PROGRAMS))).elf).hexdigest())
"""


def elf() -> bytes:
    """The object of all accepted programs."""
    return compile_llvm(emit(translate(PROGRAMS))).elf


def spec() -> ObjectSpec:
    """What that object asks for."""
    return parse(elf())


def types() -> Btf:
    """Its types as LLVM wrote them, before a loader repairs anything."""
    section = ELFFile(io.BytesIO(elf())).get_section_by_name(".BTF")
    assert section is not None
    return btf.parse(section.data())


def test_equal_modules_give_equal_text() -> None:
    assert emit(translate(PROGRAMS)) == emit(translate(PROGRAMS))


def test_the_object_is_the_same_in_another_process() -> None:
    here = hashlib.sha256(compile_llvm(emit(translate(PROGRAMS))).elf).hexdigest()
    there = subprocess.run([sys.executable, "-c", DIGEST], env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_every_program_and_map_is_in_the_object() -> None:
    made = spec()
    assert set(made.programs) == {each.__name__ for each in PROGRAMS}
    assert set(made.maps) == {"boxes", "pairs", "by_port", "by_number", "ring", ".data.squares", ".rodata"}
    assert (made.maps["by_port"].key_size, made.maps["by_number"].key_size) == (2, 8)
    assert made.maps["boxes"].value_size == accepted.Box.size_bytes
    assert made.license == "Dual MIT/GPL"


def test_every_parameter_of_a_function_has_a_name_and_a_type() -> None:
    made = types()
    prototypes = [each for each in made.types if each is not None and each.kind is Kind.FUNC_PROTO]
    assert prototypes
    for each in prototypes:
        assert all(made.string(name) and kind for name, kind in each.entries)


def test_a_struct_in_the_object_lies_as_in_python() -> None:
    made = types()
    (box,) = [each for each in made.types if each is not None and each.kind is Kind.STRUCT and made.string(each.name) == "Box"]
    offsets = {made.string(name): offset // 8 for name, _, offset in box.entries}
    assert offsets == {name: field.offset for name, field in accepted.Box.layout.items()}
    assert box.size_or_type == accepted.Box.size_bytes


def test_line_info_tells_the_lines_of_every_program_apart() -> None:
    for each in spec().programs.values():
        lines = {int.from_bytes(each.line_info[at + 12 : at + 16], "little") >> 10 for at in range(0, len(each.line_info), 16)}
        assert len(lines) >= 4, each.name


@pytest.mark.parametrize(("value", "section"), [(0, ".bss"), (5, ".data")])
def test_a_variable_lies_where_its_value_can(value: int, section: str) -> None:
    accepted_memory.seen.value = value
    module = translate(programs_of(accepted_memory))
    accepted_memory.seen.value = 0
    (placed,) = [each.section for each in module.globals if each.name == "seen"]
    assert placed == section
    assert compile_llvm(emit(module)).elf
