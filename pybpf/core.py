"""CO-RE ("compile once, run everywhere"): facts about the kernel's types that a program was compiled with -> those of this kernel.

The compiler notes which instruction holds an offset, a size or the like of which type (.BTF.ext); here the type is looked for in the
kernel by its name, the fact is worked out again, and the instruction is changed. Of several types of that name those that do not
fit are out, and the others must agree. What this kernel lacks makes its instruction one that no kernel takes, as libbpf does: a call
of helper 195896080 (0xbad2310). Where a program asks first whether a field exists, the verifier never gets there.

The kernel has the same since 5.17; doing it here also serves older ones, and can say what is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from . import core_path
from .btf import Kind, Type, TypeTable
from .btf_kernel import KernelTypes
from .core_facts import Fact, fact
from .core_patch import patch, poison
from .core_path import Path
from .core_types import ENUMS, Tables, are_alike, are_compatible, essential
from .errors import ObjectError
from .spec import CoreKind, CoreRelocation, ProgramSpec

TYPE_BASED = frozenset({CoreKind.TYPE_EXISTS, CoreKind.TYPE_SIZE, CoreKind.TYPE_MATCHES, CoreKind.TYPE_ID_TARGET})
_INDEX = re.compile(r"[0-9]{1,10}")
ENUMERATOR_BASED = frozenset({CoreKind.ENUMVAL_EXISTS, CoreKind.ENUMVAL_VALUE})


@dataclass(frozen=True, slots=True)
class Target:
    """What a relocation is about, in one table of types: a type, perhaps a way to a field of it, or one of its enumerators."""

    type_id: int
    path: Path
    enumerator: int


def relocate(program: ProgramSpec, types: TypeTable, kernel: KernelTypes) -> ProgramSpec:
    """`program` with the facts of `kernel` in it. `types` are the object's. Pure.

    Raises ObjectError for a relocation that is damaged, and when the kernel has several types that do not agree.
    """
    code, poisoned = bytearray(program.instructions), dict(program.poisoned)
    for relocation in program.core_relocations:
        place = f"program {program.name!r}, instruction {relocation.instruction}"
        answer = _answer(relocation, Tables(types, kernel), kernel, place)
        if answer is None or not patch(code, relocation.instruction, *answer, place=place):
            poison(code, relocation.instruction)
            poisoned[relocation.instruction] = described(relocation, types)
    return replace(program, instructions=bytes(code), core_relocations=(), poisoned=poisoned)


def described(relocation: CoreRelocation, types: TypeTable) -> str:
    """What a relocation asks of the kernel, in words: "field 'cred.uid' of struct 'task_struct'"."""
    root = types.type(relocation.type_id)
    whole = f"{_WORDS.get(root.kind, 'type')} {essential(types.string(root.name))!r}"
    if relocation.kind in TYPE_BASED:
        return whole
    if relocation.kind in ENUMERATOR_BASED:
        enum = types.resolve(relocation.type_id)
        return f"enumerator {essential(types.string(enum.entries[_enumerator(enum, relocation, 'enum')][0]))!r} of {whole}"
    text = ""
    for position, step in enumerate(core_path.parse(types, relocation).steps):
        text += f".{step.name}" if step.name else f"[{step.index}]" if position or step.index else ""
    return f"field {text.lstrip('.')!r} of {whole}"


_WORDS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum"}


def _answer(relocation: CoreRelocation, tables: Tables, kernel: KernelTypes, place: str) -> tuple[Fact, Fact] | None:
    """(the fact as it was compiled in, the kernel's), None when this kernel has no answer."""
    if relocation.kind is CoreKind.TYPE_ID_LOCAL:
        same = Fact(relocation.type_id, is_certain=False)
        return same, same
    local = _local_target(relocation, tables.local, place)
    before = fact(relocation.kind, tables.local, local.type_id, local.path, local.enumerator, place)
    name = essential(tables.local.name(relocation.type_id))
    if not name:
        raise ObjectError(place, "it asks for a type without a name", "name the type")
    matched = [target for number in _candidates(relocation, tables, kernel, name) if (target := _match(relocation, local, tables, number))]
    if len({target.path.bit_offset for target in matched}) > 1:
        raise _ambiguous(place, name)
    answers = {fact(relocation.kind, kernel, each.type_id, each.path, each.enumerator, place) for each in matched}
    if len(answers) > 1:
        raise _ambiguous(place, name)
    if answers:
        return before, answers.pop()
    return (before, Fact(0)) if relocation.kind in _ZERO_WHEN_MISSING else None


# what a program asks in order to do without; the others have no answer when there is nothing
_ZERO_WHEN_MISSING = TYPE_BASED | {CoreKind.FIELD_EXISTS, CoreKind.ENUMVAL_EXISTS}


def _ambiguous(place: str, name: str) -> ObjectError:
    return ObjectError(place, f"this kernel has several types called {name!r}, and they differ in what is asked", "read the field another way")


def _candidates(relocation: CoreRelocation, tables: Tables, kernel: KernelTypes, name: str) -> tuple[int, ...]:
    """The kernel's types of that name and kind. Names in the kernel have no flavours."""
    kind = tables.local.type(relocation.type_id).kind
    return kernel.named(name, ENUMS if kind in ENUMS else {kind})


def _local_target(relocation: CoreRelocation, types: TypeTable, place: str) -> Target:
    """What the relocation is about in the object's own types."""
    if relocation.kind in TYPE_BASED:
        return Target(relocation.type_id, Path(), 0)
    if relocation.kind in ENUMERATOR_BASED:
        plain = types.plain(relocation.type_id)
        return Target(plain, Path(), _enumerator(types.type(plain), relocation, place))
    return Target(relocation.type_id, core_path.parse(types, relocation), 0)


def _enumerator(enum: Type, relocation: CoreRelocation, place: str) -> int:
    index = int(relocation.access) if _INDEX.fullmatch(relocation.access) else -1
    if enum.kind not in ENUMS or not 0 <= index < len(enum.entries):
        raise ObjectError(place, f"{relocation.access!r} is no enumerator of its type")
    return index


def _match(relocation: CoreRelocation, local: Target, tables: Tables, number: int) -> Target | None:
    """The same in the kernel's type `number`, None when it is not there."""
    if relocation.kind in TYPE_BASED:
        fits = are_alike if relocation.kind is CoreKind.TYPE_MATCHES else are_compatible
        return Target(number, Path(), 0) if fits(tables, relocation.type_id, number) else None
    if relocation.kind in ENUMERATOR_BASED:
        return _match_enumerator(local, tables, number)
    path = core_path.match(tables, local.path, number)
    return None if path is None else Target(number, path, 0)


def _match_enumerator(local: Target, tables: Tables, number: int) -> Target | None:
    name = essential(tables.local.string(tables.local.type(local.type_id).entries[local.enumerator][0]))
    plain = tables.kernel.plain(number)
    enum = tables.kernel.type(plain) if plain else None
    if enum is None or enum.kind not in ENUMS:
        return None
    index = next((index for index, entry in enumerate(enum.entries) if essential(tables.kernel.string(entry[0])) == name), None)
    return None if index is None else Target(plain, Path(), index)
