"""BTF (Documentation/bpf/btf.rst): bytes <-> Btf, and the repairs a compiler's BTF needs before a kernel takes it.

Pure. Every length and reference is checked when it is read, so that later code may index freely. Type ids are those of the
blob: id 0 is void, the first type is 1. A type's `entries` are its trailing records as tuples of u32, by kind:

    STRUCT, UNION   (name, type, offset)          ARRAY      (element type, index type, count), once
    FUNC_PROTO      (name, type)                  ENUM       (name, value)    ENUM64 (name, low, high)
    DATASEC         (variable, offset, size)      VAR        (linkage,) once  INT (encoding,) once  DECL_TAG (component,) once
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from .errors import ObjectError

MAGIC = 0xEB9F
_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")


class Kind(IntEnum):
    """BTF_KIND_*."""

    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


# kind -> u32s in each trailing record; `vlen` counts the records, except where there is always one
_RECORD_WORDS = {Kind.STRUCT: 3, Kind.UNION: 3, Kind.ENUM: 2, Kind.FUNC_PROTO: 2, Kind.DATASEC: 3, Kind.ENUM64: 3}
_SINGLE_WORDS = {Kind.INT: 1, Kind.ARRAY: 3, Kind.VAR: 1, Kind.DECL_TAG: 1}
# what stands between a name and the type it means
MODIFIERS = frozenset({Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG})
_MAX_DEPTH = 64  # of modifiers and arrays around a type; deeper is a cycle or mischief


@dataclass(frozen=True, slots=True)
class Type:
    """One type. `size_or_type` is a size in bytes or the id of another type, as its kind has it; `vlen` as in its header."""

    kind: Kind
    name: int
    flag: bool
    vlen: int
    size_or_type: int
    entries: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Btf:
    """All types, `types[0]` being void's place, and the strings they name by offset."""

    types: tuple[Type | None, ...]
    strings: bytes

    def type(self, number: int) -> Type:
        """Type `number`; ObjectError for void or beyond the end."""
        found = self.types[number] if 0 <= number < len(self.types) else None
        if found is None:
            raise ObjectError("section .BTF", f"type {number} is used and is not there")
        return found

    def string(self, offset: int) -> str:
        """The text at `offset` of the strings."""
        end = self.strings.find(b"\0", offset)
        if not 0 <= offset < len(self.strings) or end < 0:
            raise ObjectError("section .BTF", f"string at {offset} of {len(self.strings)} bytes")
        return self.strings[offset:end].decode(errors="replace")

    def resolve(self, number: int) -> Type:
        """Type `number` with typedefs and qualifiers taken off."""
        found = self.type(number)
        for _ in range(_MAX_DEPTH):
            if found.kind not in MODIFIERS:
                return found
            found = self.type(found.size_or_type)
        raise ObjectError("section .BTF", f"type {number} is an endless chain")

    def size_of(self, number: int) -> int:
        """How many bytes a value of type `number` takes."""
        count = 1
        for _ in range(_MAX_DEPTH):
            found = self.resolve(number)
            if found.kind is not Kind.ARRAY:
                return count * self._plain_size(found, number)
            number, _, length = found.entries[0]
            count *= length
        raise ObjectError("section .BTF", "arrays are nested without end")

    def _plain_size(self, found: Type, number: int) -> int:
        if found.kind is Kind.PTR:
            return 8
        if found.kind in (Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT, Kind.DATASEC):
            return found.size_or_type
        raise ObjectError("section .BTF", f"type {number} ({found.kind.name}) has no size")


def parse(blob: bytes) -> Btf:
    """The types in a .BTF section. Raises ObjectError on damage and on kinds that are unknown here."""
    if len(blob) < _HEADER.size:
        raise ObjectError("section .BTF", f"{len(blob)} bytes are too short for its header")
    magic, version, flags, header_size, type_offset, type_size, string_offset, string_size = _HEADER.unpack_from(blob)
    if (magic, version, flags) != (MAGIC, 1, 0):
        raise ObjectError("section .BTF", f"magic {magic:#x} version {version} flags {flags}, expected {MAGIC:#x}, 1, 0")
    types_at, strings_at = header_size + type_offset, header_size + string_offset
    if header_size < _HEADER.size or max(types_at + type_size, strings_at + string_size) > len(blob):
        raise ObjectError("section .BTF", "its parts lie outside of it")
    strings = blob[strings_at : strings_at + string_size]
    if not strings.startswith(b"\0") or not strings.endswith(b"\0"):
        raise ObjectError("section .BTF", "its strings do not begin and end with a zero byte")
    return Btf(_parse_types(blob[types_at : types_at + type_size]), strings)


def _parse_types(blob: bytes) -> tuple[Type | None, ...]:
    types: list[Type | None] = [None]
    position = 0
    while position < len(blob):
        try:
            name, info, size_or_type = _TYPE.unpack_from(blob, position)
            kind, vlen = Kind(info >> 24 & 0x1F), info & 0xFFFF
            position += _TYPE.size
            words, count = (_SINGLE_WORDS[kind], 1) if kind in _SINGLE_WORDS else (_RECORD_WORDS.get(kind, 0), vlen)
            entries = tuple(struct.iter_unpack(f"<{words}I", _exactly(blob, position, 4 * words * count))) if words else ()
        except (struct.error, ValueError) as error:
            raise ObjectError("section .BTF", f"type {len(types)}: {error}") from error
        types.append(Type(kind, name, bool(info >> 31), vlen, size_or_type, entries))
        position += 4 * words * count
    return tuple(types)


def _exactly(blob: bytes, start: int, size: int) -> bytes:
    if start + size > len(blob):
        raise ValueError(f"it needs {size} bytes, {len(blob) - start} are left")
    return blob[start : start + size]


def emit(btf: Btf) -> bytes:
    """The blob that parses to `btf`: header, types, strings, with nothing between."""
    types = b"".join(_emit_type(each) for each in btf.types if each is not None)
    return _HEADER.pack(MAGIC, 1, 0, _HEADER.size, 0, len(types), len(types), len(btf.strings)) + types + btf.strings


def _emit_type(each: Type) -> bytes:
    info = each.flag << 31 | each.kind << 24 | each.vlen
    return _TYPE.pack(each.name, info, each.size_or_type) + b"".join(struct.pack(f"<{len(entry)}I", *entry) for entry in each.entries)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a data section's variables lie: the section's size, and name -> offset in it, in bytes."""

    size: int
    offsets: Mapping[str, int]


def repair(btf: Btf, layouts: Mapping[str, Layout]) -> Btf:
    """`btf` as a kernel takes it. `layouts` is by section name.

    Compilers leave to the loader: the size of a DATASEC and the offsets in it, which only the ELF knows (sorted here, as
    the kernel wants them); and LLVM leaves parameters unnamed that have no debug info ("FUNC f Invalid arg#1").
    """
    types, strings = list(btf.types), bytearray(btf.strings)
    for number, each in enumerate(btf.types):
        if each is None:
            continue
        if each.kind is Kind.DATASEC:
            types[number] = _laid_out(btf, each, layouts)
        elif each.kind is Kind.FUNC:
            if btf.type(each.size_or_type).kind is not Kind.FUNC_PROTO:
                raise ObjectError("section .BTF", f"function {btf.string(each.name)!r} has no prototype")
            prototype = types[each.size_or_type]
            assert prototype is not None
            types[each.size_or_type] = _named(prototype, strings)
    return Btf(tuple(types), bytes(strings))


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
    entries = []
    for index, (name, type_number) in enumerate(prototype.entries, 1):
        if not name and type_number:
            name = len(strings)
            strings += f"argument{index}".encode() + b"\0"
        entries.append((name, type_number))
    return replace(prototype, entries=tuple(entries))
