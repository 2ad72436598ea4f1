"""Whether a type of an object and a type of the kernel are "the same", in the three senses that CO-RE has.

    are_compatible    the same sort of thing by name: what "this type exists" means
    are_alike         alike in all that the object's declaration says: what "this type matches" means
    fields_agree      a field's value can be read with the other's type

The rules are libbpf's and the kernel's (bpf_core_types_are_compat, bpf_core_types_match, bpf_core_fields_are_compat,
tools/lib/bpf/relo_core.c). Qualifiers and typedefs never count. A name's flavour, from "___" on, is not part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .btf import Kind, Type, TypeTable
from .errors import ObjectError

COMPOSITES = frozenset({Kind.STRUCT, Kind.UNION})
ENUMS = frozenset({Kind.ENUM, Kind.ENUM64})
_MAX_DEPTH = 32  # of pointers, arrays and parameters within each other
_FLAVOURED = re.compile(r"(.*[^_])___[^_]", re.DOTALL)
_INT_SIGNED = 1  # BTF_INT_SIGNED


@dataclass(frozen=True, slots=True)
class Tables:
    """The object's types and the kernel's."""

    local: TypeTable
    kernel: TypeTable


def essential(name: str) -> str:
    """`name` without its flavour: task_struct for task_struct___old. The last "___" within it counts, and no longer row of them."""
    flavoured = _FLAVOURED.match(name)
    return flavoured[1] if flavoured else name


def same_kind(one: Kind, other: Kind) -> bool:
    """Whether two kinds may stand for each other: an enum's width does not count."""
    return one is other or (one in ENUMS and other in ENUMS)


def is_signed(number: Type) -> bool:
    """Whether an integer or an enum is signed."""
    return number.flag if number.kind in ENUMS else number.kind is Kind.INT and bool(number.entries[0][0] >> 24 & _INT_SIGNED)


def fields_agree(tables: Tables, local: int, kernel: int) -> bool:
    """Whether a field of type `local` can be the kernel's field of type `kernel`: sizes and signs of numbers do not count."""
    for _ in range(_MAX_DEPTH):
        one, other = _plain(tables.local, local), _plain(tables.kernel, kernel)
        if one is None or other is None:
            return one is other
        if one.kind in COMPOSITES and other.kind in COMPOSITES:
            return True
        if not same_kind(one.kind, other.kind):
            return False
        match one.kind:
            case Kind.PTR | Kind.FLOAT:
                return True
            case Kind.FWD | Kind.ENUM | Kind.ENUM64:
                names = essential(tables.local.string(one.name)), essential(tables.kernel.string(other.name))
                return not all(names) or names[0] == names[1]
            case Kind.INT:
                return _is_whole(one) and _is_whole(other)
            case Kind.ARRAY:
                local, kernel = one.entries[0][0], other.entries[0][0]
            case _:
                return False
    raise _endless()


def are_compatible(tables: Tables, local: int, kernel: int) -> bool:
    """Whether the two are of the same kind all the way down; the caller has compared their names."""
    return _compatible(tables, local, kernel, _MAX_DEPTH)


def _compatible(tables: Tables, local: int, kernel: int, depth: int) -> bool:
    if not depth:
        raise _endless()
    one, other = _plain(tables.local, local), _plain(tables.kernel, kernel)
    if one is None or other is None:
        return one is other
    if not same_kind(one.kind, other.kind):
        return False
    match one.kind:
        case Kind.STRUCT | Kind.UNION | Kind.ENUM | Kind.ENUM64 | Kind.FWD:
            return True
        case Kind.INT:
            return _is_whole(one) and _is_whole(other)
        case Kind.PTR:
            return _compatible(tables, one.size_or_type, other.size_or_type, depth - 1)
        case Kind.ARRAY:
            return _compatible(tables, one.entries[0][0], other.entries[0][0], depth - 1)
        case Kind.FUNC_PROTO:
            mine_all, theirs_all = [*one.entries, (0, one.size_or_type)], [*other.entries, (0, other.size_or_type)]
            pairs = zip(mine_all, theirs_all, strict=False)
            return len(mine_all) == len(theirs_all) and all(_compatible(tables, mine, theirs, depth - 1) for (_, mine), (_, theirs) in pairs)
        case _:
            return False


def are_alike(tables: Tables, local: int, kernel: int) -> bool:
    """Whether everything that the object says of the type is so in the kernel: names, sizes of numbers, members, enumerators.

    What stands behind a pointer is compared by kind and name only. Unlike libbpf this does not compare the names of integers,
    which compilers spell differently ("unsigned long long" and "long long unsigned int").
    """
    return _alike(tables, local, kernel, _MAX_DEPTH, behind_pointer=False)


def _alike(tables: Tables, local: int, kernel: int, depth: int, *, behind_pointer: bool) -> bool:
    if not depth:
        raise _endless()
    one, other = _plain(tables.local, local), _plain(tables.kernel, kernel)
    if one is None or other is None:
        return one is other
    names_differ = essential(tables.local.string(one.name)) != essential(tables.kernel.string(other.name))
    if names_differ and (one.kind, other.kind) != (Kind.INT, Kind.INT):
        return False
    if behind_pointer and one.kind in COMPOSITES | {Kind.FWD}:
        return _is_union(one) is _is_union(other)
    if not same_kind(one.kind, other.kind):
        return False
    match one.kind:
        case Kind.FWD:
            return one.flag == other.flag
        case Kind.ENUM | Kind.ENUM64:
            return one.size_or_type == other.size_or_type and _entry_names(tables.local, one) <= _entry_names(tables.kernel, other)
        case Kind.STRUCT | Kind.UNION:
            return all(_has_alike(tables, member, other, depth - 1) for member in one.entries)
        case Kind.INT:
            return one.size_or_type == other.size_or_type and is_signed(one) == is_signed(other)
        case Kind.PTR:
            return _alike(tables, one.size_or_type, other.size_or_type, depth - 1, behind_pointer=True)
        case Kind.ARRAY:
            (mine, _, my_count), (theirs, _, their_count) = one.entries[0], other.entries[0]
            return my_count == their_count and _alike(tables, mine, theirs, depth - 1, behind_pointer=behind_pointer)
        case Kind.FUNC_PROTO:
            mine_all, theirs_all = [*one.entries, (0, one.size_or_type)], [*other.entries, (0, other.size_or_type)]
            return len(mine_all) == len(theirs_all) and all(
                _alike(tables, mine, theirs, depth - 1, behind_pointer=behind_pointer)
                for (_, mine), (_, theirs) in zip(mine_all, theirs_all, strict=True)
            )
        case _:
            return False


def _has_alike(tables: Tables, member: tuple[int, ...], other: Type, depth: int) -> bool:
    """Whether the kernel's struct has a member of that name with a type like it."""
    name = essential(tables.local.string(member[0]))
    return any(
        essential(tables.kernel.string(their_name)) == name and _alike(tables, member[1], their_type, depth, behind_pointer=False)
        for their_name, their_type, _ in other.entries
    )


def _entry_names(table: TypeTable, enum: Type) -> set[str]:
    return {essential(table.string(entry[0])) for entry in enum.entries}


def _is_union(found: Type) -> bool | None:
    """Whether it is a union or the announcement of one; None for what is neither struct nor union."""
    match found.kind:
        case Kind.STRUCT | Kind.UNION:
            return found.kind is Kind.UNION
        case Kind.FWD:
            return found.flag
        case _:
            return None


def _is_whole(number: Type) -> bool:
    """Whether an integer begins at its own first bit: others are what compilers once wrote for bit fields."""
    return number.entries[0][0] >> 16 & 0xFF == 0


def _plain(table: TypeTable, number: int) -> Type | None:
    """The type without qualifiers and typedefs, None for void."""
    plain = table.plain(number)
    return table.type(plain) if plain else None


def _endless() -> ObjectError:
    return ObjectError("section .BTF", f"types are nested more than {_MAX_DEPTH} deep")
