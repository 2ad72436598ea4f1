"""Binding calls and addresses, on objects written down instruction by instruction."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from pybpf.btf_ext import Ext
from pybpf.errors import ObjectError
from pybpf.kinds import AttachType, ProgramType
from pybpf.link import Function, Unit, functions, link
from pybpf.sections import Elf, ElfRelocation, Section, Symbol, SymbolKind
from pybpf.spec import ProgramSpec, Relocation, RelocationKind

EXIT = (0x95, 0, 0, 0)
NOP = (0xB7, 0, 0, 0)
LOAD = ((0x18, 0x01, 0, 0), (0, 0, 0, 0))
CALL = (0x85, 0x10, 0, -1)
TC, TEXT, DATA, MAPS = 1, 2, 3, 4


def code(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("<BBhi", *each) for each in instructions)


def section(number: int, name: str, content: bytes, *relocations: ElfRelocation) -> Section:
    return Section(number, name, content, True, number in (TC, TEXT), False, relocations)


def symbol(name: str, number: int | None, value: int, size: int = 0, kind: SymbolKind = SymbolKind.FUNCTION) -> Symbol:
    return Symbol(name, kind, number, value * 8, size * 8, False)


def linked(tc: Section, text: Section, *symbols: Symbol) -> ProgramSpec:
    """The program at the beginning of `tc`; section 3 is .data, section 4 holds map m at byte 32."""
    elf = Elf({TC: tc, TEXT: text, DATA: section(DATA, ".data", bytes(64)), MAPS: section(MAPS, ".maps", bytes(64))}, symbols)
    found = functions(elf)
    return link(found[TC, 0], (ProgramType.SCHED_CLS, AttachType.NONE), Unit(found, {(MAPS, 32): "m"}, {DATA: ".data"}, Ext()))


def decoded(program: ProgramSpec) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("<BBhi", program.instructions))


NO_TEXT = section(TEXT, ".text", b"")


def test_a_call_by_symbol_is_bound_to_the_appended_function() -> None:
    f = symbol("f", TEXT, 1, 2)
    program = linked(
        section(TC, "tc", code(NOP, CALL, EXIT), ElfRelocation(8, 10, f)),
        section(TEXT, ".text", code(EXIT, NOP, EXIT)), symbol("main", TC, 0, 3), symbol("g", TEXT, 0, 1), f,
    )  # fmt: skip
    assert decoded(program) == [NOP, (0x85, 0x10, 0, 1), EXIT, NOP, EXIT]


def test_a_call_by_section_has_the_target_in_its_immediate() -> None:
    text = symbol("", TEXT, 0, kind=SymbolKind.SECTION)
    program = linked(
        section(TC, "tc", code((0x85, 0x10, 0, 0), EXIT), ElfRelocation(0, 10, text)),
        section(TEXT, ".text", code(EXIT, NOP, EXIT)), symbol("main", TC, 0, 2), symbol("g", TEXT, 0, 1), symbol("f", TEXT, 1, 2),
    )  # fmt: skip
    assert decoded(program) == [(0x85, 0x10, 0, 1), EXIT, NOP, EXIT]


def test_a_call_within_the_section_needs_no_relocation() -> None:
    program = linked(
        section(TC, "tc", code((0x85, 0x10, 0, 2), EXIT, EXIT, NOP, EXIT)), NO_TEXT,
        symbol("main", TC, 0, 2), symbol("other", TC, 2, 1), symbol("f", TC, 3, 2),
    )  # fmt: skip
    assert decoded(program) == [(0x85, 0x10, 0, 1), EXIT, NOP, EXIT]


def test_functions_that_call_each_other_are_appended_once() -> None:
    f, g = symbol("f", TEXT, 0, 2), symbol("g", TEXT, 2, 2)
    program = linked(
        section(TC, "tc", code(CALL, CALL, EXIT), ElfRelocation(0, 10, f), ElfRelocation(8, 10, g)),
        section(TEXT, ".text", code(CALL, EXIT, CALL, EXIT), ElfRelocation(0, 10, g), ElfRelocation(16, 10, f)),
        symbol("main", TC, 0, 3), f, g,
    )  # fmt: skip
    assert [each[3] for each in decoded(program)] == [2, 3, 0, 1, 0, -3, 0]


def test_the_address_of_a_function_is_relative_to_its_load() -> None:
    f = symbol("f", TEXT, 0, 1)
    program = linked(section(TC, "tc", code(*LOAD, EXIT), ElfRelocation(0, 1, f)), section(TEXT, ".text", code(EXIT)), symbol("main", TC, 0, 3), f)
    assert decoded(program)[0] == (0x18, 0x41, 0, 2)


def test_the_address_of_a_variable_keeps_its_offset_and_addend() -> None:
    variable = replace(symbol("v", DATA, 0, 1, SymbolKind.OBJECT), value=12)
    program = linked(section(TC, "tc", code((0x18, 1, 0, 4), LOAD[1], EXIT), ElfRelocation(0, 1, variable)), NO_TEXT, symbol("main", TC, 0, 3))
    assert program.relocations == (Relocation(0, RelocationKind.MAP_VALUE, ".data", 16),)


def test_relocations_of_appended_functions_move_with_them() -> None:
    f, m = symbol("f", TEXT, 0, 3), symbol("m", MAPS, 4, 4, SymbolKind.OBJECT)
    program = linked(
        section(TC, "tc", code(CALL, EXIT), ElfRelocation(0, 10, f)),
        section(TEXT, ".text", code(*LOAD, EXIT), ElfRelocation(0, 1, m)), symbol("main", TC, 0, 2), f,
    )  # fmt: skip
    assert program.relocations == (Relocation(2, RelocationKind.MAP, "m"),)


FOREIGN = symbol("bpf_kernel_function", None, 0)
REFUSED: dict[str, tuple[bytes, tuple[ElfRelocation, ...]]] = {
    "a file descriptor of its own": (code((0x18, 0x11, 0, 5), LOAD[1], EXIT), ()),
    "a kernel function": (code((0x85, 0x20, 0, 1234), EXIT), ()),
    "an external function": (code(CALL, EXIT), (ElfRelocation(0, 10, FOREIGN),)),
    "a call into the middle of a function": (code((0x85, 0x10, 0, 0), EXIT), ()),
    "a map that begins elsewhere": (code(*LOAD, EXIT), (ElfRelocation(0, 1, symbol("m", MAPS, 3)),)),
    "half a 64-bit constant": (code(EXIT, LOAD[0]), ()),
    "a relocation of the second half": (code(*LOAD, EXIT), (ElfRelocation(8, 1, symbol("m", MAPS, 4)),)),
    "a relocation between instructions": (code(*LOAD, EXIT), (ElfRelocation(4, 1, symbol("m", MAPS, 4)),)),
    "two relocations of one instruction": (code(CALL, EXIT), (ElfRelocation(0, 10, FOREIGN), ElfRelocation(0, 10, FOREIGN))),
    "a relocation of another instruction": (code(NOP, EXIT), (ElfRelocation(0, 1, symbol("m", MAPS, 4)),)),
    "an offset beyond what the kernel takes": (code(*LOAD, EXIT), (ElfRelocation(0, 1, symbol("v", DATA, 1 << 28)),)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_bound_is_refused(what: str) -> None:
    content, relocations = REFUSED[what]
    with pytest.raises(ObjectError):
        linked(section(TC, "tc", content, *relocations), NO_TEXT, symbol("main", TC, 0, len(content) // 8))


@pytest.mark.parametrize(
    "symbols",
    [(symbol("f", TC, 0, 2), symbol("g", TC, 1, 2)), (symbol("f", TC, 0, 9),), (symbol("f", DATA, 0, 1),), (symbol("f", TC, 0, 0),)],
    ids=["overlapping", "beyond the section", "in a data section", "empty"],
)
def test_functions_that_are_none_are_refused(symbols: tuple[Symbol, ...]) -> None:
    with pytest.raises(ObjectError):
        functions(Elf({TC: section(TC, "tc", bytes(24)), DATA: section(DATA, ".data", bytes(24))}, symbols))


def test_a_function_knows_where_it_lies() -> None:
    tc = section(TC, "tc", code(NOP, EXIT))
    assert functions(Elf({TC: tc}, (symbol("f", TC, 0, 2),))) == {(TC, 0): Function("f", tc, 0, 16, False)}
