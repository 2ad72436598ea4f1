"""CO-RE on kernels written down for the purpose: where fields are, which are missing, which types do not agree."""

from __future__ import annotations

import struct

import pytest

from pybpf.core import described, relocate
from pybpf.core_patch import POISON_CALL
from pybpf.errors import ObjectError
from pybpf.kinds import AttachType, ProgramType
from pybpf.spec import CoreKind, CoreRelocation, ProgramSpec
from tests.support.btf_types import SIGNED, Types

LOAD_U32, LOAD_U64, MOVE, CONSTANT = 0x61, 0x79, 0xB7, 0x18


def object_types() -> tuple[Types, int]:
    """struct task { u32 pid; u64 start; struct { u16 low; u16 high[3]; }; s32 code; } as an object has it: (types, its id)."""
    types = Types()
    u16, u32, u64 = types.integer("u16", 2), types.integer("u32", 4), types.integer("u64", 8)
    inner = types.struct("", 8, ("low", u16, 0), ("high", types.array(u16, 3), 16))
    s32 = types.integer("int", 4, SIGNED)
    return types, types.struct("task___mine", 32, ("pid", u32, 0), ("start", u64, 64), ("", inner, 128), ("code", s32, 192))


def kernel_types() -> Types:
    """The same struct in a kernel: elsewhere, `pid` wider, `start` narrower, `high` longer and within something else."""
    types = Types()
    u16, u32, u64 = types.integer("u16", 2), types.integer("u32", 4), types.integer("u64", 8)
    high = types.struct("", 20, ("before", u32, 0), ("high", types.array(u16, 8), 32))
    types.struct("task", 64, ("other", u64, 0), ("pid", u64, 64), ("", high, 128), ("start", u32, 320), ("code", u64, 384))
    return types


def relocated(kind: CoreKind, access: str, instruction: tuple[int, int, int, int], kernel: Types) -> tuple[tuple[int, ...], ProgramSpec]:
    """(the instruction afterwards, the program) of one that asks for a fact about struct task."""
    types, task = object_types()
    second = (0, 0, 0, 0) if instruction[0] == CONSTANT else (0x95, 0, 0, 0)
    code = struct.pack("<BBhi", *instruction) + struct.pack("<BBhi", *second)
    program = ProgramSpec(
        "p", "tc", ProgramType.SCHED_CLS, AttachType.NONE, code, core_relocations=(CoreRelocation(0, kind, task, access),)
    )
    after = relocate(program, types.btf(), kernel.kernel())
    return struct.unpack_from("<BBhi", after.instructions), after


def offset_of(access: str, before: int, kernel: Types) -> int:
    return relocated(CoreKind.FIELD_BYTE_OFFSET, access, (MOVE, 1, 0, before), kernel)[0][3]


def test_a_field_is_found_by_its_name() -> None:
    assert offset_of("0:0", 0, kernel_types()) == 8


def test_a_field_within_a_struct_without_a_name_is_found_elsewhere() -> None:
    assert offset_of("0:2:1", 18, kernel_types()) == 16 + 4


def test_an_element_keeps_its_number() -> None:
    assert offset_of("0:2:1:2", 22, kernel_types()) == 16 + 4 + 2 * 2


def test_the_element_that_a_pointer_points_to_is_as_large_as_the_kernels() -> None:
    assert offset_of("2:0", 64, kernel_types()) == 2 * 64 + 8


def test_a_load_of_an_unsigned_number_takes_the_kernels_width() -> None:
    assert relocated(CoreKind.FIELD_BYTE_OFFSET, "0:0", (LOAD_U32, 0x10, 0, 0), kernel_types())[0] == (LOAD_U64, 0x10, 8, 0)
    assert relocated(CoreKind.FIELD_BYTE_OFFSET, "0:1", (LOAD_U64, 0x10, 8, 0), kernel_types())[0] == (LOAD_U32, 0x10, 40, 0)


def test_a_load_of_a_signed_number_of_another_width_is_poisoned() -> None:
    instruction, program = relocated(CoreKind.FIELD_BYTE_OFFSET, "0:3", (LOAD_U32, 0x10, 24, 0), kernel_types())
    assert instruction == (0x85, 0, 0, POISON_CALL)
    assert program.poisoned == {0: "field 'code' of struct 'task'"}


def test_a_missing_field_is_poisoned_and_named() -> None:
    instruction, program = relocated(CoreKind.FIELD_BYTE_OFFSET, "0:2:0", (MOVE, 1, 0, 16), kernel_types())
    assert instruction == (0x85, 0, 0, POISON_CALL)
    assert program.poisoned == {0: "field 'low' of struct 'task'"}


def test_both_halves_of_a_poisoned_constant_are_calls() -> None:
    _, program = relocated(CoreKind.FIELD_BYTE_OFFSET, "0:2:0", (CONSTANT, 1, 0, 16), Types())
    assert program.instructions == struct.pack("<BBhi", 0x85, 0, 0, POISON_CALL) * 2


@pytest.mark.parametrize(("access", "there"), [("0:0", 1), ("0:2:0", 0), ("0:2:1:2", 1)])
def test_whether_a_field_exists_is_a_number(access: str, there: int) -> None:
    assert relocated(CoreKind.FIELD_EXISTS, access, (MOVE, 1, 0, 1), kernel_types())[0] == (MOVE, 1, 0, there)


@pytest.mark.parametrize("kind", [CoreKind.TYPE_EXISTS, CoreKind.TYPE_SIZE, CoreKind.TYPE_ID_TARGET, CoreKind.TYPE_MATCHES])
def test_what_is_asked_of_a_missing_type_is_zero(kind: CoreKind) -> None:
    before = 32 if kind is CoreKind.TYPE_SIZE else 1
    assert relocated(kind, "0", (MOVE, 1, 0, before), Types())[0] == (MOVE, 1, 0, 0)


@pytest.mark.parametrize(("kind", "before", "after"), [(CoreKind.TYPE_EXISTS, 1, 1), (CoreKind.TYPE_SIZE, 32, 64), (CoreKind.TYPE_MATCHES, 1, 0)])
def test_facts_about_the_whole_type(kind: CoreKind, before: int, after: int) -> None:
    assert relocated(kind, "0", (MOVE, 1, 0, before), kernel_types())[0][3] == after


def test_a_64_bit_constant_gets_both_halves() -> None:
    instruction, program = relocated(CoreKind.FIELD_BYTE_OFFSET, "0:0", (CONSTANT, 1, 0, 0), kernel_types())
    assert instruction == (CONSTANT, 1, 0, 8) and program.instructions[8:] == bytes(8)


def test_types_of_one_name_that_agree_are_one() -> None:
    kernel = kernel_types()
    kernel.struct("task", 16, ("pid", kernel.integer("u64", 8), 64))
    assert offset_of("0:0", 0, kernel) == 8


def test_types_of_one_name_that_do_not_fit_are_out() -> None:
    kernel = kernel_types()
    kernel.struct("task", 16, ("pid", kernel.pointer(0), 0))
    kernel.struct("task", 16)
    assert offset_of("0:0", 0, kernel) == 8


@pytest.mark.parametrize("offset", [0, 72])
def test_types_of_one_name_that_do_not_agree_are_refused(offset: int) -> None:
    kernel = kernel_types()
    kernel.struct("task", 16, ("pid", kernel.integer("u64", 8), offset))
    with pytest.raises(ObjectError) as caught:
        offset_of("0:0", 0, kernel)
    assert "'task'" in caught.value.message


def test_an_instruction_that_holds_something_else_is_refused() -> None:
    with pytest.raises(ObjectError):
        offset_of("0:0", 4, kernel_types())


@pytest.mark.parametrize("instruction", [(0xBF, 0x21, 0, 0), (0x95, 0, 0, 0), (CONSTANT, 0x11, 0, 0)])
def test_an_instruction_that_holds_no_number_is_refused(instruction: tuple[int, int, int, int]) -> None:
    with pytest.raises(ObjectError):
        relocated(CoreKind.FIELD_BYTE_OFFSET, "0:0", instruction, kernel_types())


def test_an_offset_that_no_load_can_hold_is_refused() -> None:
    kernel = Types()
    kernel.struct("task", 1 << 17, ("pid", kernel.integer("u32", 4), 8 << 15))
    with pytest.raises(ObjectError) as caught:
        relocated(CoreKind.FIELD_BYTE_OFFSET, "0:0", (LOAD_U32, 0x10, 0, 0), kernel)
    assert str(1 << 15) in caught.value.message


@pytest.mark.parametrize("access", ["", ":", "0:", "x", "-1", "0:9", "0:0:0", "0:2:1:3", "0:" * 70 + "0", "٠"])
def test_a_way_that_the_objects_own_types_do_not_have_is_refused(access: str) -> None:
    with pytest.raises(ObjectError):
        offset_of(access, 0, kernel_types())


def flags(order: tuple[str, ...]) -> tuple[Types, int]:
    """struct bits with bit fields of 3, 7 and 30 bits of a u32, in an order: (types, its id)."""
    types, widths = Types(), {"a": 3, "b": 7, "c": 30}
    u32, at, members = types.integer("u32", 4), 0, []
    for name in order:
        if at % 32 + widths[name] > 32:
            at += 32 - at % 32
        members.append((name, u32, at, widths[name]))
        at += widths[name]
    return types, types.bit_struct("bits", 8, *members)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (CoreKind.FIELD_BYTE_OFFSET, 4),
        (CoreKind.FIELD_BYTE_SIZE, 4),
        (CoreKind.FIELD_LSHIFT_U64, 64 - (3 + 7)),
        (CoreKind.FIELD_RSHIFT_U64, 64 - 7),
        (CoreKind.FIELD_SIGNED, 0),
    ],
)
def test_a_bit_field_is_read_as_a_whole_number_and_shifted(kind: CoreKind, expected: int) -> None:
    (local, number), (kernel, _) = flags(("b", "a", "c")), flags(("c", "a", "b"))
    before = 57 if kind is CoreKind.FIELD_RSHIFT_U64 else 0
    code = struct.pack("<BBhi", MOVE, 1, 0, before)
    program = ProgramSpec("p", "tc", ProgramType.SCHED_CLS, AttachType.NONE, code, core_relocations=(CoreRelocation(0, kind, number, "0:0"),))
    assert struct.unpack_from("<BBhi", relocate(program, local.btf(), kernel.kernel()).instructions)[3] == expected


@pytest.mark.parametrize(
    ("name", "there", "value"), [("RUNNING___mine", 1, -7), ("IDLE", 1, 1 << 31), ("GONE", 0, None)]
)
def test_enumerators_are_found_by_name(name: str, there: int, value: int | None) -> None:
    local, kernel = Types(), Types()
    number = local.enum64("state___mine", (name, 5))
    kernel.enum("state", ("IDLE", 1 << 31))
    kernel.enum("state", ("RUNNING", -7), signed=True)
    code = struct.pack("<BBhiBBhi", MOVE, 1, 0, 1, 0x95, 0, 0, 0) + struct.pack("<BBhiBBhi", CONSTANT, 1, 0, 5, 0, 0, 0, 0)
    asked = CoreRelocation(0, CoreKind.ENUMVAL_EXISTS, number, "0"), CoreRelocation(2, CoreKind.ENUMVAL_VALUE, number, "0")
    program = relocate(ProgramSpec("p", "tc", ProgramType.SCHED_CLS, AttachType.NONE, code, core_relocations=asked), local.btf(), kernel.kernel())
    assert struct.unpack_from("<i", program.instructions, 4) == (there,)
    if value is None:
        assert program.poisoned == {2: "enumerator 'GONE' of enum 'state'"}
    else:
        low, high = struct.unpack_from("<i", program.instructions, 20)[0], struct.unpack_from("<i", program.instructions, 28)[0]
        assert (low & 0xFFFFFFFF | high << 32) == value


def test_a_relocation_is_described_as_its_author_wrote_it() -> None:
    types, task = object_types()
    assert described(CoreRelocation(0, CoreKind.FIELD_BYTE_OFFSET, task, "1:2:1:2"), types.btf()) == "field '[1].high[2]' of struct 'task'"
    assert described(CoreRelocation(0, CoreKind.TYPE_SIZE, task, "0"), types.btf()) == "struct 'task'"


def test_the_array_at_a_structs_end_has_no_end() -> None:
    local, kernel = Types(), Types()
    for types, before in ((local, 0), (kernel, 64)):
        u32 = types.integer("u32", 4)
        types.struct("tail", 4, ("count", u32, before), ("items", types.array(u32, 0), before + 32))
    code = struct.pack("<BBhi", MOVE, 1, 0, 4 + 4 * 5)
    asked = CoreRelocation(0, CoreKind.FIELD_BYTE_OFFSET, 3, "0:1:5")
    program = ProgramSpec("p", "tc", ProgramType.SCHED_CLS, AttachType.NONE, code, core_relocations=(asked,))
    assert struct.unpack_from("<i", relocate(program, local.btf(), kernel.kernel()).instructions, 4) == (12 + 4 * 5,)
