"""Object files -> specs; no kernel, no root."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf import btf
from pybpf.btf_kernel import KernelTypes
from pybpf.core import relocate
from pybpf.elf import parse
from pybpf.errors import ObjectError
from pybpf.kinds import SECTIONS, AttachType, MapFlag, MapType, ProgramType
from pybpf.ksyms import bind
from pybpf.spec import CoreKind, KernelUse, Relocation, RelocationKind

OBJECTS = Path(__file__).resolve().parent.parent / "objects"
SMALL = (OBJECTS / "small.o").read_bytes()
KINDS = (OBJECTS / "kinds.o").read_bytes()
CORE = parse((OBJECTS / "core.o").read_bytes())
KERNEL = KernelTypes(CORE.btf or b"")  # a kernel whose structs are those of core.c


def test_the_same_bytes_give_the_same_spec() -> None:
    assert parse(KINDS) == parse(KINDS)


def test_maps_are_read_from_their_declarations() -> None:
    maps = parse(KINDS).maps
    shapes = {name: (each.type, each.key_size, each.value_size, each.max_entries, each.flags) for name, each in maps.items()}
    assert shapes == {
        "flows": (MapType.HASH, 8, 8, 16, MapFlag.NONE),
        "counters": (MapType.PERCPU_ARRAY, 4, 8, 2, MapFlag.NONE),
        "prefixes": (MapType.LPM_TRIE, 8, 4, 8, MapFlag.NO_PREALLOC),
        ".rodata": (MapType.ARRAY, 4, 10, 1, MapFlag.RDONLY_PROG),
        ".data": (MapType.ARRAY, 4, 4, 1, MapFlag.MMAPABLE),
        ".data.custom": (MapType.ARRAY, 4, 4, 1, MapFlag.MMAPABLE),
        ".bss": (MapType.ARRAY, 4, 16, 1, MapFlag.MMAPABLE),
    }


def test_global_variables_carry_their_first_values_and_only_constants_are_frozen() -> None:
    maps = parse(KINDS).maps
    assert maps[".rodata"].contents == struct.pack("<I", 1000) + b"hello\0"
    assert maps[".data.custom"].contents == struct.pack("<I", 7)
    assert maps[".bss"].contents is None
    assert [name for name, each in maps.items() if each.frozen] == [".rodata"]


def test_a_section_may_hold_several_programs() -> None:
    programs = parse(KINDS).programs
    assert [(each.name, each.section, each.type) for each in programs.values()] == [
        ("count", "tc", ProgramType.SCHED_CLS),
        ("greet", "tc", ProgramType.SCHED_CLS),
    ]


def test_a_program_brings_the_subprograms_it_reaches_and_no_others() -> None:
    programs = parse(KINDS).programs
    assert len(programs["count"].func_info) // 8 == 3  # count, account, scaled
    assert len(programs["greet"].func_info) // 8 == 2  # greet, scaled


def test_every_call_lands_on_the_beginning_of_a_function() -> None:
    for name in ("kinds", "calls", "small"):
        for program in parse((OBJECTS / f"{name}.o").read_bytes()).programs.values():
            starts = {struct.unpack_from("<I", program.func_info, at)[0] for at in range(0, len(program.func_info), 8)}
            code = list(struct.iter_unpack("<BBhi", program.instructions))
            calls = [index + imm + 1 for index, (opcode, registers, _, imm) in enumerate(code) if (opcode, registers >> 4) == (0x85, 1)]
            addresses = [index + imm + 1 for index, (opcode, registers, _, imm) in enumerate(code) if (opcode, registers >> 4) == (0x18, 4)]
            assert set(calls + addresses) <= starts
            assert len(calls + addresses) >= len(starts) - 1


def test_line_info_follows_the_subprograms_it_describes() -> None:
    program = parse(KINDS).programs["count"]
    lines = [struct.unpack_from("<I", program.line_info, at)[0] for at in range(0, len(program.line_info), 16)]
    functions = [struct.unpack_from("<I", program.func_info, at)[0] for at in range(0, len(program.func_info), 8)]
    assert lines == sorted(lines) and set(functions) <= set(lines)
    assert lines[-1] < len(program.instructions) // 8


def test_references_name_maps_and_offsets_into_variables() -> None:
    references = parse(KINDS).programs["greet"].relocations
    assert [(each.kind, each.map_name, each.offset) for each in references] == [
        (RelocationKind.MAP_VALUE, ".rodata", 4),
        (RelocationKind.MAP_VALUE, ".data", 0),
        (RelocationKind.MAP_VALUE, ".data.custom", 0),
    ]
    small = parse(SMALL).programs["small"]
    assert small.relocations == (Relocation(small.relocations[0].instruction, RelocationKind.MAP, "cell"),)


def test_values_declared_in_a_map_become_slots() -> None:
    maps = parse((OBJECTS / "calls.o").read_bytes()).maps
    assert maps["jumps"].slots == ((2, "second"),)
    assert maps["outer"].slots == ((0, "left"), (1, "right"))
    inner = maps["outer"].inner
    assert inner is not None and (inner.type, inner.max_entries) == (MapType.ARRAY, 1)


def test_a_section_name_says_which_hook() -> None:
    program = parse((OBJECTS / "calls.o").read_bytes()).programs["sum"]
    assert program.attach_type is AttachType.TCX_INGRESS
    assert program.expected_attach_type is AttachType.NONE


def test_types_are_repaired() -> None:
    spec = parse(KINDS)
    assert spec.btf is not None
    types = btf.parse(spec.btf)
    sections = {types.string(each.name): each for each in types.types if each is not None and each.kind is btf.Kind.DATASEC}
    assert sections[".bss"].size_or_type == 16
    assert sorted(entry[1] for entry in sections[".bss"].entries) == [0, 8]
    prototypes = [each for each in types.types if each is not None and each.kind is btf.Kind.FUNC]
    assert all(name for each in prototypes for name, _ in types.type(each.size_or_type).entries)


def test_what_is_the_kernels_stays_open() -> None:
    programs = parse((OBJECTS / "kfuncs.o").read_bytes()).programs
    assert [(each.name, each.use, each.is_weak) for each in programs["sum"].kernel_symbols] == [
        ("bpf_iter_num_new", KernelUse.CALL, False),
        ("bpf_iter_num_next", KernelUse.CALL, False),
        ("bpf_iter_num_next", KernelUse.CALL, False),
        ("bpf_iter_num_destroy", KernelUse.CALL, False),
    ]
    assert [(each.use, each.is_weak) for each in programs["guarded"].kernel_symbols] == [(KernelUse.ADDRESS, True), (KernelUse.CALL, True)]


def test_facts_about_the_kernels_types_stay_open() -> None:
    types = btf.parse(CORE.btf or b"")
    asked = CORE.programs["tgid"].core_relocations
    assert [(each.kind, types.name(each.type_id), each.access) for each in asked] == [
        (CoreKind.FIELD_BYTE_OFFSET, "task_struct", "0:5"),
        (CoreKind.FIELD_BYTE_OFFSET, "task_struct", "0:1"),
    ]
    assert {each.kind for program in CORE.programs.values() for each in program.core_relocations} == set(CoreKind) - {CoreKind.TYPE_MATCHES}


def test_facts_of_a_kernel_like_the_objects_own_are_those_it_was_compiled_with() -> None:
    types = btf.parse(CORE.btf or b"")
    program = CORE.programs["tgid"]
    assert relocate(program, types, KERNEL).instructions == program.instructions


def test_the_license_is_read() -> None:
    assert parse(SMALL).license == "GPL"


def test_every_hook_of_the_table_is_spelled_in_lower_case() -> None:
    assert all(name == name.lower() for name in SECTIONS)


def test_a_section_may_name_the_place_to_attach_to() -> None:
    placed = parse((OBJECTS / "calls.o").read_bytes().replace(b"tcx/ingress\0", b"tp/net/udp_\0")).programs["sum"]
    assert (placed.section, placed.type) == ("tp/net/udp_", ProgramType.TRACEPOINT)


def test_a_section_that_is_not_known_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ObjectError) as caught:
        parse((OBJECTS / "calls.o").read_bytes().replace(b"tcx/ingress\0", b"tcx/ingresz\0"))
    assert caught.value.place == "section tcx/ingresz"
    assert "tcx/ingress" in caught.value.hint


@pytest.mark.parametrize("text", [b"", b"\x7fELF", b"#!/bin/sh\n", bytes(64), b"\x7fELF" + bytes(60)])
def test_what_is_no_object_file_is_refused(text: bytes) -> None:
    with pytest.raises(ObjectError):
        parse(text)


def test_an_object_for_another_machine_is_refused() -> None:
    x86 = SMALL[:18] + struct.pack("<H", 62) + SMALL[20:]
    with pytest.raises(ObjectError) as caught:
        parse(x86)
    assert "BPF" in caught.value.message


def test_an_object_cut_short_anywhere_is_refused() -> None:
    for length in range(len(SMALL)):
        with pytest.raises(ObjectError):
            parse(SMALL[:length])


@given(st.sampled_from(["small", "kinds", "calls", "variables", "kfuncs", "core"]), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=500, deadline=2000)
def test_a_damaged_object_is_refused_or_read_but_never_trips_the_reader(name: str, damage: list[tuple[int, int]]) -> None:
    data = bytearray((OBJECTS / f"{name}.o").read_bytes())
    for position, byte in damage:
        data[position % len(data)] = byte
    try:
        spec = parse(bytes(data))
    except ObjectError:
        return
    assert {each.map_name for each in spec.variables.values()} <= set(spec.maps)
    for program in spec.programs.values():
        assert {each.map_name for each in program.relocations} <= set(spec.maps)
        with suppress(ObjectError):
            types = btf.parse(spec.btf or b"")
            bind(relocate(program, types, KERNEL), types, KERNEL)


def test_every_byte_of_an_object_may_be_wrong() -> None:
    for position in range(len(SMALL)):
        wrong = (0, 0xFF, SMALL[position] ^ 0x80)[position % 3]
        try:
            parse(SMALL[:position] + bytes([wrong]) + SMALL[position + 1 :])
        except ObjectError as error:
            assert error.place and error.message and error.hint
