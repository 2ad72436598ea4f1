"""A compiler's BTF -> BTF as a kernel takes it.

Compilers leave three things to the loader:

    data sections     the size of a DATASEC and the offsets in it, which only the ELF knows (sorted here, as the kernel wants them)
    parameters        a name for each: LLVM leaves those unnamed that have no debug info ("FUNC f Invalid arg#1")
    .ksyms            what is declared here and defined in the kernel: no kernel takes such declarations (btf_func_check_meta,
                      btf_var_check_meta, kernel/bpf/btf.c), so functions become defined ones, variables become plain integers, and
                      the section lists an integer in every place

Type ids stay what they were; new types come after the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .btf import Btf, Kind, Type
from .errors import ObjectError

KERNEL_SYMBOLS = ".ksyms"
_FUNC_GLOBAL, _FUNC_EXTERN = 1, 2  # BTF_FUNC_*
_VAR_GLOBAL = 1  # BTF_VAR_GLOBAL_ALLOCATED
_SLOT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a data section's variables lie: the section's size, and name -> offset in it, in bytes."""

    size: int
    offsets: Mapping[str, int]


def repair(btf: Btf, layouts: Mapping[str, Layout]) -> Btf:
    """`btf` as a kernel takes it. `layouts` is by section name. Raises ObjectError for a section that the object does not have."""
    types, strings = list(btf.types), bytearray(btf.strings)
    for number, each in enumerate(btf.types):
        if each is None:
            continue
        if each.kind is Kind.DATASEC:
            if btf.string(each.name) == KERNEL_SYMBOLS:
                _define(btf, number, types, strings)
            else:
                types[number] = _laid_out(btf, each, layouts)
        elif each.kind is Kind.FUNC:
            if btf.type(each.size_or_type).kind is not Kind.FUNC_PROTO:
                raise ObjectError("section .BTF", f"function {btf.string(each.name)!r} has no prototype")
            prototype = types[each.size_or_type]
            assert prototype is not None
            types[each.size_or_type] = _named(prototype, strings)
    return Btf(tuple(types), bytes(strings))


def kernel_symbols(btf: Btf) -> dict[str, int]:
    """Name -> type id (a FUNC or a VAR) of what the object declares and the kernel defines. `btf` is as the compiler made it."""
    sections = [each for each in btf.types if each is not None and each.kind is Kind.DATASEC and btf.string(each.name) == KERNEL_SYMBOLS]
    return {btf.name(number): number for each in sections for number, _, _ in each.entries}


def _define(btf: Btf, section_number: int, types: list[Type | None], strings: bytearray) -> None:
    """Rewrite section .ksyms and what it lists, in `types`."""
    section = btf.type(section_number)
    integer, stand_in = len(types), len(types) + 1
    types.append(Type(Kind.INT, _add(strings, "int"), False, 0, _SLOT_BYTES, ((8 * _SLOT_BYTES,),)))
    types.append(Type(Kind.VAR, _add(strings, "kernel_symbol"), False, 0, integer, ((_VAR_GLOBAL,),)))
    entries = []
    for index, (number, _, _) in enumerate(section.entries):
        declared = btf.type(number)
        listed = number
        if declared.kind is Kind.FUNC and declared.vlen == _FUNC_EXTERN:
            types[number] = replace(declared, vlen=_FUNC_GLOBAL)
            listed = stand_in
        elif declared.kind is Kind.VAR and btf.plain(declared.size_or_type):
            types[number] = replace(declared, size_or_type=integer, entries=((_VAR_GLOBAL,),))
        else:
            name = btf.string(declared.name)
            raise ObjectError(f"kernel symbol {name!r}", "it is declared without a type", "declare the function or variable with its real type")
        entries.append((listed, _SLOT_BYTES * index, _SLOT_BYTES))
    types[section_number] = replace(section, size_or_type=_SLOT_BYTES * len(entries), entries=tuple(entries))


def _laid_out(btf: Btf, section: Type, layouts: Mapping[str, Layout]) -> Type:
    name = btf.string(section.name)
    layout = layouts.get(name)
    if layout is None:
        raise ObjectError("section .BTF", f"it describes section {name!r}, which the object does not have", "external symbols are not supported")
    entries = []
    for variable, _, size in section.entries:
        variable_name = btf.string(btf.type(variable).name)
        offset = layout.offsets.get(variable_name)
        if offset is None or offset + size > layout.size:
            raise ObjectError("section .BTF", f"variable {variable_name!r} does not lie in section {name!r}")
        entries.append((variable, offset, size))
    return replace(section, size_or_type=layout.size, entries=tuple(sorted(entries, key=lambda entry: entry[1])))


def _named(prototype: Type, strings: bytearray) -> Type:
    """The prototype with a name for each parameter that has a type and no name (type 0 is `...`)."""
    entries = [
        (_add(strings, f"argument{index}") if type_number and not name else name, type_number)
        for index, (name, type_number) in enumerate(prototype.entries, 1)
    ]
    return replace(prototype, entries=tuple(entries))


def _add(strings: bytearray, text: str) -> int:
    """Where `text` begins, now that it stands at the end."""
    at = len(strings)
    strings += text.encode() + b"\0"
    return at
