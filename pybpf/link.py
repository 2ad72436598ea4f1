"""Functions of an object -> whole programs: each with the subprograms it reaches appended, and every call between them bound.

    program   subprogram   subprogram       calls:     src_reg 1, imm = target - here - 1, in instructions
    |-------->|----------->|                addresses: src_reg 4, the same in the first slot of a ld_imm64
    0         at[f]        at[g]

An instruction is opcode u8, registers u8 (source in the high half), offset s16, imm s32; ld_imm64 takes two. Calls come as
R_BPF_64_32, or already bound within their section; addresses as R_BPF_64_64 (Documentation/bpf/llvm_reloc.rst). What is declared
in section .ksyms and defined nowhere is the kernel's, and stays open (ksyms.py); so do CO-RE relocations (core.py). An object that
brings file descriptors of its own (a source register without a relocation) is refused: they would be the loading process's.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from . import btf_ext
from .btf import Btf
from .errors import ObjectError
from .kinds import AttachType, ProgramType
from .sections import Elf, ElfRelocation, Section, Symbol, SymbolKind
from .spec import (
    INSTRUCTION_SIZE,
    CoreKind,
    CoreRelocation,
    KernelSymbol,
    KernelUse,
    ProgramSpec,
    Relocation,
    RelocationKind,
)

MAX_INSTRUCTIONS = 1_000_000  # BPF_COMPLEXITY_LIMIT_INSNS: the kernel takes no longer program

_R_BPF_64_64, _R_BPF_64_32 = 1, 10
_LD_IMM64, _CALL = 0x18, 0x85
_SOURCE_IS_CALL, _SOURCE_IS_FUNCTION = 1, 4  # BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC
_INSTRUCTION = struct.Struct("<BBhi")
_KERNEL_USES = {(_R_BPF_64_32, _CALL): KernelUse.CALL, (_R_BPF_64_64, _LD_IMM64): KernelUse.ADDRESS}
_CORE_KINDS = frozenset(kind.value for kind in CoreKind)


@dataclass(frozen=True, slots=True)
class Function:
    """Bytes `start` to `end` of an executable section."""

    name: str
    section: Section
    start: int
    end: int
    is_local: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """An instruction's use of a map, as in spec.Relocation."""

    kind: RelocationKind
    map_name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """All that binding needs: functions by (section, offset), maps by (section, offset), data sections by section.

    `kernel_symbols` are the declarations of what is the kernel's, by name; `types` are what the records of `ext` refer to.
    """

    functions: Mapping[tuple[int, int], Function]
    maps: Mapping[tuple[int, int], str]
    variables: Mapping[int, str]
    ext: btf_ext.Ext
    types: Btf | None = None
    kernel_symbols: Mapping[str, int] = field(default_factory=dict)


def functions(elf: Elf) -> dict[tuple[int, int], Function]:
    """Every function by (section number, offset). Raises ObjectError if they overlap or lie outside their section."""
    found: dict[tuple[int, int], Function] = {}
    for symbol in elf.symbols:
        if symbol.kind is SymbolKind.FUNCTION and symbol.section is not None:
            section, end = elf.sections[symbol.section], symbol.value + symbol.size
            if not section.is_executable or symbol.value % 8 or not symbol.size or symbol.size % 8 or end > len(section.content):
                raise ObjectError(f"function {symbol.name!r}", f"bytes {symbol.value} to {end} of section {section.name!r} are no function")
            if (section.number, symbol.value) in found:
                raise ObjectError(f"function {symbol.name!r}", "two functions begin at the same place", "give aliases bodies of their own")
            found[section.number, symbol.value] = Function(symbol.name, section, symbol.value, end, symbol.is_local)
    ordered = [found[key] for key in sorted(found)]
    for one, other in pairwise(ordered):
        if one.section.number == other.section.number and one.end > other.start:
            raise ObjectError(f"function {other.name!r}", f"it overlaps {one.name!r}")
    return found


def link(entry: Function, kind: tuple[ProgramType, AttachType], unit: Unit) -> ProgramSpec:
    """The program that begins at `entry`. Raises ObjectError with function and instruction for what cannot be bound."""
    bodies = _reached((entry.section.number, entry.start), unit)
    at: dict[tuple[int, int], int] = {}
    length = 0
    for key, body in bodies.items():
        at[key], length = length, length + len(body.code)
    if length > MAX_INSTRUCTIONS:
        raise ObjectError(f"program {entry.name!r}", f"it has {length} instructions, the kernel takes {MAX_INSTRUCTIONS}")
    code = b"".join(_placed(body, at[key], at) for key, body in bodies.items())
    relocations = [
        Relocation(at[key] + index, reference.kind, reference.map_name, reference.offset)
        for key, body in bodies.items() for index, reference in body.references.items()
    ]  # fmt: skip
    symbols = [replace(each, instruction=at[key] + each.instruction) for key, body in bodies.items() for each in body.kernel_symbols]
    core = [replace(each, instruction=at[key] + each.instruction) for key in bodies for each in _core_relocations(unit.functions[key], unit)]
    return ProgramSpec(
        entry.name, entry.section.name, *kind, code, tuple(relocations),
        _described(unit.ext.functions, at, unit), _described(unit.ext.lines, at, unit), tuple(symbols), tuple(core),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Body:
    """A function's decoded instructions, by instruction number the functions and the maps it refers to, and what is the kernel's."""

    code: list[tuple[int, int, int, int]]
    calls: dict[int, tuple[int, int]]
    references: dict[int, Reference]
    kernel_symbols: list[KernelSymbol]


def _reached(start: tuple[int, int], unit: Unit) -> dict[tuple[int, int], _Body]:
    """The functions that the one at `start` needs, itself first, each once, in the order they are met."""
    bodies: dict[tuple[int, int], _Body] = {}
    waiting = deque([start])
    while waiting:
        key = waiting.popleft()
        if key not in bodies:
            bodies[key] = _bind(key, unit)
            waiting.extend(bodies[key].calls.values())
    return bodies


def _bind(key: tuple[int, int], unit: Unit) -> _Body:
    """What each instruction of a function refers to."""
    function = unit.functions[key]
    code = list(_INSTRUCTION.iter_unpack(function.section.content[function.start : function.end]))
    body = _Body(code, {}, {}, [])
    open_relocations: dict[int, ElfRelocation] = {}
    for relocation in function.section.relocations:
        if function.start <= relocation.offset < function.end:
            index, rest = divmod(relocation.offset - function.start, INSTRUCTION_SIZE)
            if rest or index in open_relocations:
                raise ObjectError(f"function {function.name!r}", f"relocation at byte {relocation.offset} fits no instruction")
            open_relocations[index] = relocation
    index = 0
    while index < len(code):
        _bind_one(function, body, index, open_relocations.pop(index, None), unit)
        index += 2 if code[index][0] == _LD_IMM64 else 1
    if open_relocations:
        raise ObjectError(f"function {function.name!r}", f"relocation inside instruction {min(open_relocations) - 1}")
    return body


def _bind_one(function: Function, body: _Body, index: int, relocation: ElfRelocation | None, unit: Unit) -> None:
    opcode, registers, _, imm = body.code[index]
    source, place = registers >> 4, f"function {function.name!r}, instruction {index}"
    if opcode == _LD_IMM64 and index + 1 == len(body.code):
        raise ObjectError(place, "the second half of a 64-bit constant is missing")
    if relocation is None:
        if opcode == _LD_IMM64 and source:
            raise ObjectError(place, f"it loads a kernel object (kind {source}) that the object file cannot know")
        if opcode == _CALL and source == _SOURCE_IS_CALL:
            body.calls[index] = _function_at(unit, function.section.number, function.start + (index + imm + 1) * INSTRUCTION_SIZE, place)
        elif opcode == _CALL and source:
            raise ObjectError(place, f"it calls a kernel function (kind {source}) that the object file cannot know")
        return
    if relocation.symbol.section is None and relocation.symbol.name in unit.kernel_symbols:
        _bind_to_kernel(body, index, relocation, unit.kernel_symbols[relocation.symbol.name], place)
        return
    section = _defined(relocation.symbol, place)
    if (relocation.type, opcode) == (_R_BPF_64_32, _CALL):
        body.calls[index] = _function_at(unit, section, relocation.symbol.value + (imm + 1) * INSTRUCTION_SIZE, place)
    elif (relocation.type, opcode) == (_R_BPF_64_64, _LD_IMM64):
        _bind_address(body, index, (section, relocation.symbol.value + imm), unit, place)
    else:
        raise ObjectError(place, f"relocation of type {relocation.type} against opcode {opcode:#x} is unknown here")


def _bind_address(body: _Body, index: int, address: tuple[int, int], unit: Unit, place: str) -> None:
    """`ld_imm64` of an address in a section: of a map, a variable, or a function."""
    section, offset = address
    if address in unit.maps:
        body.references[index] = Reference(RelocationKind.MAP, unit.maps[address])
    elif section in unit.variables:
        if not 0 <= offset < 1 << 29:  # BPF_MAX_VAR_OFF
            raise ObjectError(place, f"it refers to byte {offset} of {unit.variables[section]!r}")
        body.references[index] = Reference(RelocationKind.MAP_VALUE, unit.variables[section], offset)
    else:
        body.calls[index] = _function_at(unit, section, offset, place)


def _bind_to_kernel(body: _Body, index: int, relocation: ElfRelocation, type_id: int, place: str) -> None:
    """A call of a function of the kernel, or the address of something of its."""
    use = _KERNEL_USES.get((relocation.type, body.code[index][0]))
    if use is None or (use is KernelUse.ADDRESS and body.code[index][3]):
        raise ObjectError(place, f"it uses the kernel's {relocation.symbol.name!r} in a way that is unknown here")
    body.kernel_symbols.append(KernelSymbol(index, use, relocation.symbol.name, relocation.symbol.is_weak, type_id))


def _core_relocations(function: Function, unit: Unit) -> list[CoreRelocation]:
    """The function's CO-RE relocations, counted in its own instructions."""
    found = []
    for offset, type_id, access, kind in unit.ext.core.get(function.section.name, ()):
        if function.start <= offset < function.end:
            place = f"function {function.name!r}, instruction {(offset - function.start) // INSTRUCTION_SIZE}"
            if offset % INSTRUCTION_SIZE or kind not in _CORE_KINDS or unit.types is None:
                raise ObjectError(place, f"its CO-RE relocation of kind {kind} at byte {offset} is unknown here")
            found.append(CoreRelocation((offset - function.start) // INSTRUCTION_SIZE, CoreKind(kind), type_id, unit.types.string(access)))
    return found


def _defined(symbol: Symbol, place: str) -> int:
    if symbol.section is None:
        raise ObjectError(place, f"{symbol.name!r} is not defined in this object", "define it here, or declare it in section .ksyms if it is the kernel's")
    return symbol.section


def _function_at(unit: Unit, section: int, offset: int, place: str) -> tuple[int, int]:
    if (section, offset) not in unit.functions:
        raise ObjectError(place, f"it refers to byte {offset} of section {section}, where no function, map or variable lies")
    return section, offset


def _placed(body: _Body, here: int, at: Mapping[tuple[int, int], int]) -> bytes:
    """The body's bytes for a program that has it at instruction `here`."""
    code = list(body.code)
    for index, callee in body.calls.items():
        opcode, registers, offset, _ = code[index]
        source = _SOURCE_IS_CALL if opcode == _CALL else _SOURCE_IS_FUNCTION
        code[index] = opcode, registers & 0x0F | source << 4, offset, at[callee] - (here + index) - 1
    return b"".join(_INSTRUCTION.pack(*each) for each in code)


def _described(records: btf_ext.Records, at: Mapping[tuple[int, int], int], unit: Unit) -> bytes:
    """All functions' records together, in program order; nothing if one function has none."""
    parts = []
    for key, here in at.items():
        function = unit.functions[key]
        part = btf_ext.rebased(records, function.section.name, function.start, function.end, here)
        if part is None:
            return b""
        parts.append(part)
    return b"".join(parts)
