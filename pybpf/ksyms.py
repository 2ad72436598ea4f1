"""What a program uses of the kernel itself -> the ids of these functions and variables in the kernel's BTF.

    call         call                 src_reg 2 (BPF_PSEUDO_KFUNC_CALL), imm = the function's id, offset 0 (vmlinux)
    address      ld_imm64             src_reg 3 (BPF_PSEUDO_BTF_ID), imm = the function's or variable's id

Something weak may be missing: then its address is 0, so that the program can ask, and a call of it is replaced by one of a helper
that no kernel has, which the verifier refuses only if it can be reached. Functions of kernel modules are not looked for.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from .btf import Kind, TypeTable
from .btf_kernel import KernelTypes
from .core_types import Tables, are_compatible
from .errors import ObjectError
from .spec import INSTRUCTION_SIZE, KernelSymbol, KernelUse, ProgramSpec

POISON_CALL = 2002000000  # libbpf's number for the same (POISON_CALL_KFUNC_BASE)
_PSEUDO_KFUNC_CALL, _PSEUDO_BTF_ID = 2, 3
_INSTRUCTION = struct.Struct("<BBhi")
_KINDS = {KernelUse.CALL: (Kind.FUNC,), KernelUse.ADDRESS: (Kind.FUNC, Kind.VAR)}


def bind(program: ProgramSpec, types: TypeTable, kernel: KernelTypes) -> ProgramSpec:
    """`program` with its kernel symbols bound to `kernel`. `types` are the object's. Pure.

    Raises ObjectError for one that is missing and not weak, and for a function that the object declares as another.
    """
    if not program.kernel_symbols:
        return program
    code, poisoned = bytearray(program.instructions), dict(program.poisoned)
    for symbol in program.kernel_symbols:
        number = _find(symbol, program, kernel)
        if number:
            _check_declaration(symbol, program, Tables(types, kernel), number)
        _place(code, symbol, number)
        if not number and symbol.use is KernelUse.CALL:
            poisoned[symbol.instruction] = f"function {symbol.name!r}"
    return replace(program, instructions=bytes(code), kernel_symbols=(), poisoned=poisoned)


def _find(symbol: KernelSymbol, program: ProgramSpec, kernel: KernelTypes) -> int:
    """The symbol's id in the kernel, 0 for a weak one that is missing."""
    numbers = kernel.named(symbol.name, _KINDS[symbol.use])
    if len(numbers) > 1:
        raise ObjectError(f"program {program.name!r}", f"the kernel has {len(numbers)} symbols called {symbol.name!r}")
    if numbers:
        return numbers[0]
    if not symbol.is_weak:
        hint = "use a newer kernel, or declare it weak and ask for its address first"
        raise ObjectError(f"program {program.name!r}", f"this kernel has no function or variable {symbol.name!r} for programs to use", hint)
    return 0


def _check_declaration(symbol: KernelSymbol, program: ProgramSpec, tables: Tables, number: int) -> None:
    """Refuse a function with other parameters or another result than the kernel's: the call would mean something else."""
    declared, real = tables.local.type(symbol.type_id), tables.kernel.type(number)
    if real.kind is Kind.FUNC and (
        declared.kind is not Kind.FUNC or not are_compatible(tables, declared.size_or_type, real.size_or_type)
    ):
        message = f"the kernel's {symbol.name!r} has other parameters or another result than declared"
        raise ObjectError(f"program {program.name!r}", message, "declare it as this kernel has it (bpftool btf dump file /sys/kernel/btf/vmlinux)")


def _place(code: bytearray, symbol: KernelSymbol, number: int) -> None:
    at = symbol.instruction * INSTRUCTION_SIZE
    opcode, registers, _, _ = _INSTRUCTION.unpack_from(code, at)
    destination = registers & 0x0F
    match symbol.use:
        case KernelUse.CALL if number:
            _INSTRUCTION.pack_into(code, at, opcode, destination | _PSEUDO_KFUNC_CALL << 4, 0, number)
        case KernelUse.CALL:
            _INSTRUCTION.pack_into(code, at, opcode, 0, 0, POISON_CALL)
        case KernelUse.ADDRESS:
            source = _PSEUDO_BTF_ID if number else 0
            _INSTRUCTION.pack_into(code, at, opcode, destination | source << 4, 0, number)
            _INSTRUCTION.pack_into(code, at + INSTRUCTION_SIZE, 0, 0, 0, 0)
