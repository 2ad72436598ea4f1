"""A place in a table of types -> the number that a CO-RE relocation wants of it.

A bit field is read as a whole number of 1, 2, 4 or 8 bytes that has all of it, then shifted left and right:

    bits    0 ......... offset ...... offset + width ........ 8 * size        FIELD_BYTE_OFFSET, FIELD_BYTE_SIZE: of that number
            |            [############]                       |               FIELD_LSHIFT_U64 = 64 - (offset + width), on a
                                                                              little-endian machine; FIELD_RSHIFT_U64 = 64 - width
"""

from __future__ import annotations

from dataclasses import dataclass

from .btf import Kind, Type, TypeTable
from .core_path import Path, member_bits
from .core_types import is_signed
from .errors import ObjectError
from .spec import CoreKind


@dataclass(frozen=True, slots=True)
class Fact:
    """A value, and for the offset of a field: how many bytes it takes, and whether it keeps its value when it is read wider or narrower.

    `is_certain` says that a compiler can have come to no other value; `size` 0 means that no load or store depends on it.
    """

    value: int
    size: int = 0
    widens: bool = False
    is_certain: bool = True


def fact(kind: CoreKind, types: TypeTable, type_id: int, path: Path, enumerator: int, place: str) -> Fact:
    """The fact `kind` about a type, the field that `path` leads to, or an enumerator. Raises ObjectError when that has none."""
    match kind:
        case CoreKind.TYPE_ID_LOCAL | CoreKind.TYPE_ID_TARGET:
            return Fact(type_id, is_certain=False)
        case CoreKind.TYPE_EXISTS | CoreKind.TYPE_MATCHES | CoreKind.FIELD_EXISTS | CoreKind.ENUMVAL_EXISTS:
            return Fact(1)
        case CoreKind.TYPE_SIZE:
            return Fact(types.size_of(type_id))
        case CoreKind.ENUMVAL_VALUE:
            return Fact(_enumerator_value(types.type(type_id), enumerator))
        case _:
            return _of_field(kind, types, path, place)


def _enumerator_value(enum: Type, index: int) -> int:
    """The value as 64 bits, with its sign carried up."""
    _, low, *high = enum.entries[index]
    if high:
        return low | high[0] << 32
    return low | 0xFFFFFFFF << 32 if enum.flag and low >> 31 else low


@dataclass(frozen=True, slots=True)
class _Window:
    """The whole number that a field is read as: its place and size in bytes, and the field within the machine's 64 bits."""

    offset: int
    size: int
    left_shift: int
    right_shift: int


def _of_field(kind: CoreKind, types: TypeTable, path: Path, place: str) -> Fact:
    last = path.steps[-1]
    if not last.name:
        return _of_element(kind, types, path, place)
    composite = types.type(last.type_id)
    plain = types.plain(composite.entries[last.index][1])
    field, width = types.type(plain), member_bits(composite, last.index)[1]
    if kind is CoreKind.FIELD_SIGNED:
        return Fact(int(is_signed(field)))
    window = _window(types, plain, path.bit_offset, width, place)
    match kind:
        case CoreKind.FIELD_BYTE_OFFSET if width:
            return Fact(window.offset, is_certain=False)
        case CoreKind.FIELD_BYTE_OFFSET:
            return Fact(window.offset, window.size, _widens(field))
        case CoreKind.FIELD_BYTE_SIZE:
            return Fact(window.size, is_certain=not width)
        case CoreKind.FIELD_LSHIFT_U64:
            return Fact(window.left_shift, is_certain=not width)
        case CoreKind.FIELD_RSHIFT_U64:
            return Fact(window.right_shift)
        case _:
            raise AssertionError(kind)


def _of_element(kind: CoreKind, types: TypeTable, path: Path, place: str) -> Fact:
    """Facts about an array's element, or about the whole that a pointer points to."""
    element = path.steps[-1].type_id
    match kind:
        case CoreKind.FIELD_BYTE_OFFSET:
            return Fact(path.bit_offset // 8, types.size_of(element), _widens(types.type(element)))
        case CoreKind.FIELD_BYTE_SIZE:
            return Fact(types.size_of(element))
        case _:
            raise ObjectError(place, f"it asks for {kind.name} of an array's element", "ask it of a field with a name")


def _window(types: TypeTable, type_id: int, bit_offset: int, width: int, place: str) -> _Window:
    size = types.size_of(type_id)
    if not width:
        return _Window(bit_offset // 8, size, 64 - 8 * size, 64 - 8 * size)
    if size not in (1, 2, 4, 8):
        raise ObjectError(place, f"it asks for a bit field in a number of {size} bytes")
    start = bit_offset // 8 // size * size
    while bit_offset + width - 8 * start > 8 * size:
        size *= 2
        if size > 8:
            raise ObjectError(place, "it asks for a bit field that no load of 8 bytes has whole")
        start = bit_offset // 8 // size * size
    return _Window(start, size, 64 - (bit_offset + width - 8 * start), 64 - width)


def _widens(field: Type) -> bool:
    """Whether a load of another width still gives the field's value: zeros are put above it."""
    return field.kind is Kind.PTR or (field.kind is Kind.INT and not is_signed(field))
