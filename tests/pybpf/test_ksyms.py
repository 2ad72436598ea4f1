"""Programs that use functions and variables of the kernel, bound to kernels written down for the purpose."""

from __future__ import annotations

import struct

import pytest

from pybpf.errors import ObjectError
from pybpf.kinds import AttachType, ProgramType
from pybpf.ksyms import POISON_CALL, bind
from pybpf.spec import KernelSymbol, KernelUse, ProgramSpec
from tests.support.btf_types import Types

CALL, LOAD, EXIT = (0x85, 0x10, 0, -1), ((0x18, 0x02, 0, 0), (0, 0, 0, 0)), (0x95, 0, 0, 0)


def declaring(*parameters: str) -> tuple[Types, int]:
    """Types with function `grow` that takes parameters named after their types and returns an int: (types, the function's id)."""
    types = Types()
    known = {"int": types.integer("int", 4), "long": types.integer("long", 8), "task": types.struct("task", 8)}
    known["task*"] = types.pointer(known["task"])
    return types, types.function("grow", types.prototype(known["int"], *(known[each] for each in parameters)), 1)


def using(use: KernelUse, type_id: int, *, name: str = "grow", weak: bool = False) -> ProgramSpec:
    code = (CALL, EXIT) if use is KernelUse.CALL else (*LOAD, EXIT)
    instructions = b"".join(struct.pack("<BBhi", *each) for each in code)
    symbols = (KernelSymbol(0, use, name, weak, type_id),)
    return ProgramSpec("p", "tc", ProgramType.SCHED_CLS, AttachType.NONE, instructions, kernel_symbols=symbols)


def decoded(program: ProgramSpec) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack("<BBhi", program.instructions))


def test_a_call_gets_the_functions_id() -> None:
    (local, declared), (kernel, real) = declaring("int"), declaring("int")
    assert decoded(bind(using(KernelUse.CALL, declared), local.btf(), kernel.kernel()))[0] == (0x85, 0x20, 0, real)


def test_an_address_gets_the_symbols_id() -> None:
    (local, declared), (kernel, real) = declaring("int"), declaring("int")
    assert decoded(bind(using(KernelUse.ADDRESS, declared), local.btf(), kernel.kernel()))[:2] == [(0x18, 0x32, 0, real), (0, 0, 0, 0)]


def test_what_is_missing_and_needed_is_named() -> None:
    local, declared = declaring("int")
    with pytest.raises(ObjectError) as caught:
        bind(using(KernelUse.CALL, declared, name="shrink"), local.btf(), local.kernel())
    assert "'shrink'" in caught.value.message and "weak" in caught.value.hint


def test_a_call_of_what_is_missing_and_weak_is_poisoned() -> None:
    local, declared = declaring("int")
    program = bind(using(KernelUse.CALL, declared, name="shrink", weak=True), local.btf(), local.kernel())
    assert decoded(program)[0] == (0x85, 0, 0, POISON_CALL)
    assert program.poisoned == {0: "function 'shrink'"}


def test_the_address_of_what_is_missing_and_weak_is_none() -> None:
    local, declared = declaring("int")
    program = bind(using(KernelUse.ADDRESS, declared, name="shrink", weak=True), local.btf(), local.kernel())
    assert decoded(program)[:2] == [(0x18, 0x02, 0, 0), (0, 0, 0, 0)]
    assert program.poisoned == {}


@pytest.mark.parametrize(("declared_as", "really"), [(("int",), ("int", "int")), (("int",), ("task*",)), ((), ("int",))])
@pytest.mark.parametrize("weak", [True, False])
def test_a_function_declared_as_another_is_refused(declared_as: tuple[str, ...], really: tuple[str, ...], weak: bool) -> None:
    (local, declared), (kernel, _) = declaring(*declared_as), declaring(*really)
    with pytest.raises(ObjectError) as caught:
        bind(using(KernelUse.CALL, declared, weak=weak), local.btf(), kernel.kernel())
    assert "'grow'" in caught.value.message


def test_the_width_of_a_number_may_differ() -> None:
    (local, declared), (kernel, _) = declaring("int"), declaring("long")
    assert bind(using(KernelUse.CALL, declared), local.btf(), kernel.kernel()).poisoned == {}


def test_two_functions_of_one_name_are_refused() -> None:
    local, declared = declaring("int")
    kernel, real = declaring("int")
    kernel.function("grow", kernel.btf().type(real).size_or_type, 1)
    with pytest.raises(ObjectError):
        bind(using(KernelUse.CALL, declared), local.btf(), kernel.kernel())
