"""The .maps section and the data sections -> MapSpec.

A map is declared as a variable whose type spells out its attributes (libbpf's convention, bpf_helpers.h):

    __uint(name, v)      int (*name)[v]         a number, as an array's length
    __type(name, T)      T *name                a type; for key and value its size too
    __array(values, T)   T *values[]            of a map of maps: the inner map's definition; of a prog array: nothing
    __ulong(name, v)     enum { x = v } name

A member that is not in the table below is refused: it would ask for something that is then not done.
"""

from __future__ import annotations

from collections.abc import Mapping

from .btf import Btf, Kind, Type
from .errors import ObjectError
from .kinds import HOLDS_MAPS, HOLDS_PROGRAMS, MapFlag, MapType
from .sections import Section
from .spec import MapSpec, NumberKind, VariableSpec

_NUMBERS = {"type", "max_entries", "map_flags", "key_size", "value_size", "pinning", "map_extra"}
_TYPES = {"key": "key_size", "value": "value_size"}
_PIN_BY_NAME = 1
_DATA_PREFIXES = (".data", ".rodata", ".bss")


def declared(btf: Btf, names: Mapping[int, str]) -> dict[str, MapSpec]:
    """The maps of section .maps, whose variables `names` gives by offset. `slots` are still empty.

    Raises ObjectError for a variable without a BTF declaration, and for a declaration that is not understood.
    """
    types = _variables(btf, ".maps")
    missing = set(names.values()) - set(types)
    if missing:
        raise ObjectError("section .maps", f"no BTF describes {sorted(missing)}", "compile with -g")
    return {name: _declaration(btf, name, types[name], nested=False) for name in names.values()}


def values_offset(btf: Btf, name: str) -> int:
    """Where in map `name`'s variable its `values` begin, in bytes."""
    definition = btf.resolve(_variables(btf, ".maps")[name])
    offsets = [bits // 8 for member, _, bits in definition.entries if btf.string(member) == "values"]
    if len(offsets) != 1:
        raise ObjectError(f"map {name!r}", "something is stored in it that is not one of its values")
    return offsets[0]


def is_data(section: Section) -> bool:
    """Whether a section holds global variables."""
    return section.is_allocated and any(section.name == each or section.name.startswith(each + ".") for each in _DATA_PREFIXES)


def data(section: Section, btf: Btf | None) -> MapSpec:
    """The array map of one value that holds a section's variables.

    Constants are read-only for the program and frozen. What has variables that may change is memory-mapped, so that one of them
    can be written without the others (BPF_F_MMAPABLE, kernel 5.5).
    """
    is_constant = section.name.startswith(".rodata")
    if section.relocations:
        raise ObjectError(f"section {section.name}", "a global variable holds an address, which is not supported")
    type_id = _datasec(btf, section.name)
    flags = MapFlag.RDONLY_PROG if is_constant else MapFlag.MMAPABLE if type_id else MapFlag.NONE
    return MapSpec(
        section.name, MapType.ARRAY, key_size=4, value_size=len(section.content), max_entries=1, flags=flags, value_type_id=type_id,
        contents=None if section.is_zeroed else section.content, frozen=is_constant,
    )  # fmt: skip


def variables(spec: MapSpec, btf: Btf) -> list[VariableSpec]:
    """The variables of a data section's map that have a type. `btf` is repaired: their offsets are known."""
    entries = btf.type(spec.value_type_id).entries if spec.value_type_id else ()
    return [_variable(spec, btf, *entry) for entry in entries]


def _variable(spec: MapSpec, btf: Btf, number: int, offset: int, size: int) -> VariableSpec:
    variable = btf.type(number)
    if variable.kind is not Kind.VAR:
        raise ObjectError(f"section {spec.name}", "its BTF lists something other than variables")
    kind = _number_kind(btf, variable.size_or_type) if size in (1, 2, 4, 8) else None
    return VariableSpec(btf.string(variable.name), spec.name, offset, size, kind, spec.frozen)


_BIG_ENDIAN = frozenset({"__be16", "__be32", "__be64"})
_INT_SIGNED, _INT_BOOL = 1, 4  # BTF_INT_*


def _number_kind(btf: Btf, type_id: int) -> NumberKind | None:
    """How a value of that type is a number, None when it is not."""
    plain = btf.plain(type_id)
    while type_id != plain:
        outer = btf.type(type_id)
        if outer.kind is Kind.TYPEDEF and btf.string(outer.name) in _BIG_ENDIAN:
            return NumberKind.BIG_ENDIAN
        type_id = outer.size_or_type
    found = btf.type(plain)
    match found.kind:
        case Kind.INT:
            encoding = found.entries[0][0] >> 24
            return NumberKind.BOOLEAN if encoding & _INT_BOOL else NumberKind.SIGNED if encoding & _INT_SIGNED else NumberKind.UNSIGNED
        case Kind.ENUM | Kind.ENUM64:
            return NumberKind.SIGNED if found.flag else NumberKind.UNSIGNED
        case _:
            return None


def _datasec(btf: Btf | None, name: str) -> int:
    """The type id of a section's DATASEC, 0 when it has none."""
    types = enumerate(btf.types) if btf else ()
    return next((number for number, each in types if each and btf and each.kind is Kind.DATASEC and btf.string(each.name) == name), 0)


def _variables(btf: Btf, section: str) -> dict[str, int]:
    """Variable name -> type id of a section's variables."""
    number = _datasec(btf, section)
    variables = [btf.type(entry[0]) for entry in btf.type(number).entries] if number else []
    if any(each.kind is not Kind.VAR for each in variables):
        raise ObjectError(f"section {section}", "its BTF lists something other than variables")
    return {btf.string(each.name): each.size_or_type for each in variables}


def _declaration(btf: Btf, name: str, type_id: int, *, nested: bool) -> MapSpec:
    place = f"map {name!r}"
    definition = btf.resolve(type_id)
    if definition.kind is not Kind.STRUCT:
        raise ObjectError(place, f"it is declared as {definition.kind.name}, expected a struct")
    numbers: dict[str, int] = {}
    type_ids: dict[str, int] = {}
    inner: MapSpec | None = None
    for member_name, member_type, _ in definition.entries:
        member, kind = btf.string(member_name), btf.resolve(member_type)
        if member in _NUMBERS:
            _note(numbers, member, _number(btf, kind, f"{place}, {member}"), place)
        elif member in _TYPES and kind.kind is Kind.PTR:
            type_ids[member] = kind.size_or_type
            _note(numbers, _TYPES[member], btf.size_of(kind.size_or_type), place)
        elif member == "values" and not nested:
            inner = _values(btf, name, kind)
        else:
            raise ObjectError(place, f"member {member!r} is unknown here", f"known are {', '.join(sorted(_NUMBERS | set(_TYPES)))} and values")
    return _spec(name, numbers, type_ids, inner)


def _note(numbers: dict[str, int], member: str, value: int, place: str) -> None:
    """Remember a number; the same one may be said twice (key and key_size), another may not."""
    if numbers.setdefault(member, value) != value:
        raise ObjectError(place, f"{member} is {numbers[member]} and {value}")


def _number(btf: Btf, kind: Type, place: str) -> int:
    """The number a member's type spells."""
    if kind.kind is Kind.PTR:
        array = btf.resolve(kind.size_or_type)
        if array.kind is Kind.ARRAY:
            return array.entries[0][2]
    if kind.kind is Kind.ENUM and len(kind.entries) == 1:
        return kind.entries[0][1]
    if kind.kind is Kind.ENUM64 and len(kind.entries) == 1:
        return kind.entries[0][1] | kind.entries[0][2] << 32
    raise ObjectError(place, f"{kind.kind.name} spells no number", "declare it with __uint")


def _values(btf: Btf, name: str, kind: Type) -> MapSpec | None:
    """The inner map that `values` declares, None where it declares functions (a prog array)."""
    if kind.kind is Kind.ARRAY:
        pointer = btf.resolve(kind.entries[0][0])
        if pointer.kind is Kind.PTR:
            target = btf.resolve(pointer.size_or_type)
            if target.kind is Kind.FUNC_PROTO:
                return None
            return _declaration(btf, f"{name}.inner", pointer.size_or_type, nested=True)
    raise ObjectError(f"map {name!r}", "its values are neither maps nor functions")


def _spec(name: str, numbers: dict[str, int], type_ids: dict[str, int], inner: MapSpec | None) -> MapSpec:
    place = f"map {name!r}"
    try:
        map_type = MapType(numbers.get("type", 0))
    except ValueError:
        raise ObjectError(place, f"type {numbers.get('type', 0)} is no kind of map that is known here") from None
    if map_type in HOLDS_MAPS | HOLDS_PROGRAMS:
        _note(numbers, "value_size", 4, place)  # an fd going in, an id coming out
        type_ids = {}
    if (inner is not None) != (map_type in HOLDS_MAPS):
        raise ObjectError(place, f"{map_type.name} {'has' if inner else 'lacks'} an inner map", "declare it with __array(values, ...)")
    pinning = numbers.get("pinning", 0)
    if pinning not in (0, _PIN_BY_NAME):
        raise ObjectError(place, f"pinning {pinning} is unknown here", "use LIBBPF_PIN_BY_NAME or none")
    return MapSpec(
        name, map_type, numbers.get("key_size", 0), numbers.get("value_size", 0), numbers.get("max_entries", 0),
        MapFlag(numbers.get("map_flags", 0)), numbers.get("map_extra", 0), type_ids.get("key", 0), type_ids.get("value", 0),
        inner=inner, pinned=pinning == _PIN_BY_NAME,
    )  # fmt: skip
