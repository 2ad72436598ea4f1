"""BTF (Documentation/bpf/btf.rst): bytes <-> Btf.

Pure. Every length and reference is checked when it is read, so that later code may index freely. Type ids are those of the
blob: id 0 is void, the first type is 1. A type's `entries` are its trailing records as tuples of u32, by kind:

    STRUCT, UNION   (name, type, offset)          ARRAY      (element type, index type, count), once
    FUNC_PROTO      (name, type)                  ENUM       (name, value)    ENUM64 (name, low, high)
    DATASEC         (variable, offset, size)      VAR        (linkage,) once  INT (encoding,) once  DECL_TAG (component,) once
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
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
RECORD_WORDS = {Kind.STRUCT: 3, Kind.UNION: 3, Kind.ENUM: 2, Kind.FUNC_PROTO: 2, Kind.DATASEC: 3, Kind.ENUM64: 3}
SINGLE_WORDS = {Kind.INT: 1, Kind.ARRAY: 3, Kind.VAR: 1, Kind.DECL_TAG: 1}
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


class TypeTable(ABC):
    """Types by id and the strings they name: a whole Btf, or a large one that is read as it is asked (btf_kernel.KernelTypes)."""

    __slots__ = ()

    @abstractmethod
    def type(self, number: int) -> Type:
        """Type `number`; ObjectError for void or beyond the end."""

    @abstractmethod
    def string(self, offset: int) -> str:
        """The text at `offset` of the strings."""

    def name(self, number: int) -> str:
        """The name of type `number`, empty when it has none."""
        return self.string(self.type(number).name)

    def plain(self, number: int) -> int:
        """The id that type `number` means with typedefs and qualifiers taken off; 0 when that is void."""
        for _ in range(_MAX_DEPTH):
            if number == 0:
                return 0
            found = self.type(number)
            if found.kind not in MODIFIERS:
                return number
            number = found.size_or_type
        raise ObjectError("section .BTF", f"type {number} is an endless chain")

    def resolve(self, number: int) -> Type:
        """The type that type `number` means with typedefs and qualifiers taken off; ObjectError for void."""
        return self.type(self.plain(number))

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


@dataclass(frozen=True, slots=True)
class Btf(TypeTable):
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
        return text_at(self.strings, offset)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a .BTF section is made of: the bytes of its types, one after another, and those of its strings."""

    types: bytes
    strings: bytes


def parse(blob: bytes) -> Btf:
    """The types in a .BTF section. Raises ObjectError on damage and on kinds that are unknown here."""
    parts = split(blob)
    types: list[Type | None] = [None]
    position = 0
    while position < len(parts.types):
        found, position = parse_type(parts.types, position, len(types))
        types.append(found)
    return Btf(tuple(types), parts.strings)


def split(blob: bytes) -> Parts:
    """The two parts of a .BTF section, found by its header. Raises ObjectError when they lie outside of it."""
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
    return Parts(blob[types_at : types_at + type_size], strings)


def parse_type(blob: bytes, position: int, number: int) -> tuple[Type, int]:
    """(the type at byte `position`, where the next one is). `number` is its id, for the error's sake."""
    try:
        name, info, size_or_type = _TYPE.unpack_from(blob, position)
        kind, vlen = Kind(info >> 24 & 0x1F), info & 0xFFFF
        start = position + _TYPE.size
        words, count = (SINGLE_WORDS[kind], 1) if kind in SINGLE_WORDS else (RECORD_WORDS.get(kind, 0), vlen)
        entries = tuple(struct.iter_unpack(f"<{words}I", _exactly(blob, start, 4 * words * count))) if words else ()
    except (struct.error, ValueError) as error:
        raise ObjectError("section .BTF", f"type {number}: {error}") from error
    return Type(kind, name, bool(info >> 31), vlen, size_or_type, entries), start + 4 * words * count


def _exactly(blob: bytes, start: int, size: int) -> bytes:
    if start + size > len(blob):
        raise ValueError(f"it needs {size} bytes, {len(blob) - start} are left")
    return blob[start : start + size]


def text_at(strings: bytes, offset: int) -> str:
    """The zero-terminated text at `offset`. Raises ObjectError when there is none."""
    end = strings.find(b"\0", offset)
    if not 0 <= offset < len(strings) or end < 0:
        raise ObjectError("section .BTF", f"string at {offset} of {len(strings)} bytes")
    return strings[offset:end].decode(errors="replace")


def emit(btf: Btf) -> bytes:
    """The blob that parses to `btf`: header, types, strings, with nothing between."""
    types = b"".join(_emit_type(each) for each in btf.types if each is not None)
    return _HEADER.pack(MAGIC, 1, 0, _HEADER.size, 0, len(types), len(types), len(btf.strings)) + types + btf.strings


def _emit_type(each: Type) -> bytes:
    info = each.flag << 31 | each.kind << 24 | each.vlen
    return _TYPE.pack(each.name, info, each.size_or_type) + b"".join(struct.pack(f"<{len(entry)}I", *entry) for entry in each.entries)
