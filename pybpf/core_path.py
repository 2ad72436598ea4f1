"""The way to a field: as an object's compiler wrote it, and the same way in a type of the kernel.

Compilers write a way as numbers, "0:1:2": element 0 of what the pointer points to, its member 1, that member's member or element 2.
What counts when it is looked for in the kernel are the names, and the elements of arrays; members without a name are walked through:

    struct sample { int x; struct { int y; int a[7]; }; };        &sample->a[3]  is  "0:1:1:3",  and its steps are  0  a  3

The rules are libbpf's and the kernel's (bpf_core_parse_spec, bpf_core_spec_match, tools/lib/bpf/relo_core.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .btf import Kind, Type, TypeTable
from .core_types import COMPOSITES, Tables, fields_agree
from .errors import ObjectError
from .spec import CoreRelocation

_MAX_STEPS = 64
_NUMBER = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Step:
    """Member `index` of struct `type_id`, with its name; or element `index` of an array of `type_id`, without. Types are plain."""

    type_id: int
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the root type on, and where they lead, in bits from the beginning."""

    steps: tuple[Step, ...] = ()
    bit_offset: int = 0


def parse(types: TypeTable, relocation: CoreRelocation) -> Path:
    """The way that `relocation` writes. Raises ObjectError when there is no such way in the object's own types."""
    place = f"CO-RE relocation {relocation.access!r} of type {relocation.type_id}"
    numbers = [int(part) if _NUMBER.fullmatch(part) else -1 for part in relocation.access.split(":")]
    if not 0 < len(numbers) <= _MAX_STEPS or min(numbers) < 0:
        raise ObjectError(place, "it is no way to a field")
    here = types.plain(relocation.type_id)
    path = _to_element(types, Path(), here, numbers[0])
    for number in numbers[1:]:
        found = types.type(here)
        if found.kind in COMPOSITES and number < len(found.entries):
            name, member_type, _ = found.entries[number]
            bits = path.bit_offset + member_bits(found, number)[0]
            step = (Step(here, number, types.string(name)),) if name else ()
            path, here = Path(path.steps + step, bits), types.plain(member_type)
        elif found.kind is Kind.ARRAY and (number < found.entries[0][2] or _is_flexible(types, path, found)):
            here = types.plain(found.entries[0][0])
            path = _to_element(types, path, here, number)
        else:
            raise ObjectError(place, f"{number} is no member or element of {found.kind.name} {types.string(found.name)!r}")
    return path


def match(tables: Tables, wanted: Path, kernel_type: int) -> Path | None:
    """The same way from `kernel_type` on, None when it does not lead there."""
    types, here, path = tables.kernel, tables.kernel.plain(kernel_type), Path()
    for position, step in enumerate(wanted.steps):
        if step.name:
            found = _member(tables, step, here, path)
            if found is None:
                return None
            path, here = found
            continue
        if position:
            array = types.type(here) if here else None
            if array is None or array.kind is not Kind.ARRAY:
                return None
            if step.index >= array.entries[0][2] and not _is_flexible(types, path, array):
                return None
            here = types.plain(array.entries[0][0])
        path = _to_element(types, path, here, step.index)
    return path


def member_bits(composite: Type, index: int) -> tuple[int, int]:
    """(offset, width) of a member in bits; the width is 0 for what is no bit field."""
    offset = composite.entries[index][2]
    return (offset & 0xFFFFFF, offset >> 24) if composite.flag else (offset, 0)


def _to_element(types: TypeTable, path: Path, element: int, index: int) -> Path:
    bits = path.bit_offset + 8 * index * (types.size_of(element) if index else 0)
    return Path((*path.steps, Step(element, index, "")), bits)


def _member(tables: Tables, wanted: Step, here: int, path: Path) -> tuple[Path, int] | None:
    """(the way to the member of that name, its type), looked for in members without a name too; None when it is not there."""
    types = tables.kernel
    composite = types.type(here) if here else None
    if composite is None or composite.kind not in COMPOSITES:
        return None
    for index, (name, member_type, _) in enumerate(composite.entries):
        onward = replace(path, bit_offset=path.bit_offset + member_bits(composite, index)[0])
        if not name:
            found = _member(tables, wanted, types.plain(member_type), onward)
            if found is not None:
                return found
        elif types.string(name) == wanted.name:
            declared = tables.local.type(wanted.type_id).entries[wanted.index][1]
            if not fields_agree(tables, declared, member_type):
                return None
            return replace(onward, steps=(*onward.steps, Step(here, index, wanted.name))), types.plain(member_type)
    return None


def _is_flexible(types: TypeTable, path: Path, array: Type) -> bool:
    """Whether an array without a length is a struct's last member, so that it goes on beyond the struct."""
    last = path.steps[-1]
    return array.entries[0][2] == 0 and bool(last.name) and last.index + 1 == len(types.type(last.type_id).entries)
