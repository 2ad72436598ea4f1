"""Structs and arrays lie in memory as C has them."""

from __future__ import annotations

import ctypes
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.lang import Array, Count, Struct, be16, be32, be64, u8, u16, u32, u64


class Inner(Struct):
    """Padded at its end."""

    wide: u32
    small: u8


class Mixed(Struct):
    """Holes of every size."""

    first: u8
    second: be64
    third: u8
    fourth: be16
    inner: Inner
    many: Annotated[Array[u16], Count(3)]
    last: be32


class Packed(Struct, packed=True):
    """No holes."""

    first: u8
    second: be32
    third: u64


_C = {"u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32, "u64": ctypes.c_uint64}


class CInner(ctypes.Structure):
    _fields_ = [("wide", _C["u32"]), ("small", _C["u8"])]


class CMixed(ctypes.Structure):
    _fields_ = [
        ("first", _C["u8"]), ("second", _C["u64"]), ("third", _C["u8"]), ("fourth", _C["u16"]),
        ("inner", CInner), ("many", _C["u16"] * 3), ("last", _C["u32"]),
    ]  # fmt: skip


def test_fields_lie_where_c_puts_them() -> None:
    assert {name: field.offset for name, field in Mixed.layout.items()} == {name: getattr(CMixed, name).offset for name, *_ in CMixed._fields_}
    assert (Mixed.size_bytes, Inner.size_bytes) == (ctypes.sizeof(CMixed), ctypes.sizeof(CInner))


def test_a_packed_struct_has_no_holes() -> None:
    assert [field.offset for field in Packed.layout.values()] == [0, 1, 5]
    assert (Packed.size_bytes, Packed.alignment_bytes) == (13, 1)


@given(value=st.integers(0, 0xFFFF))
def test_a_field_keeps_its_byte_order(value: int) -> None:
    mixed = Mixed.of(fourth=value)
    offset = Mixed.layout["fourth"].offset
    assert bytes(mixed)[offset : offset + 2] == value.to_bytes(2, "big")
    assert mixed.fourth == value


def test_views_on_one_memory_see_each_others_writes() -> None:
    memory = bytearray(Mixed.size_bytes)
    one, other = Mixed.view(memory), Mixed.view(memory)
    one.inner.wide = 7
    one.many[2] = 9
    assert (other.inner.wide, other.many[2]) == (7, 9)


def test_a_view_needs_enough_memory() -> None:
    with pytest.raises(ValueError):
        Mixed.view(bytearray(Mixed.size_bytes - 1))


@pytest.mark.parametrize("value", [256, -1])
def test_a_number_that_does_not_fit_is_not_stored(value: int) -> None:
    with pytest.raises(AssertionError):
        Mixed.of(first=value)


def test_a_field_that_is_not_there_cannot_be_set() -> None:
    mixed: Any = Mixed()
    with pytest.raises(AttributeError):
        mixed.fifth = 1


@pytest.mark.parametrize("index", [3, -1])
def test_an_index_out_of_range_is_an_error(index: int) -> None:
    with pytest.raises(IndexError):
        Mixed().many[index]


def test_a_word_is_read_at_any_byte() -> None:
    class Line(Struct):
        octets: Annotated[Array[u8], Count(16)]

    line = Line()
    line.octets.fill(bytes(range(16)))
    assert line.octets.word(3) == int.from_bytes(bytes(range(3, 11)), "little")
    with pytest.raises(IndexError):
        line.octets.word(9)


def test_a_field_needs_a_kernel_type() -> None:
    with pytest.raises(TypeError, match="is not a kernel type"):
        type("Wrong", (Struct,), {"__annotations__": {"name": str}})


def test_copies_and_atomics() -> None:
    one, other = Inner.of(wide=0xFFFFFFFF, small=3), Inner()
    other.copy_from(one)
    other.add_atomic("wide", 2)
    assert (one.wide, other.wide, other.small) == (0xFFFFFFFF, 1, 3)
    assert (other.compare_exchange("wide", 0, 5), other.wide) == (1, 1)
    assert (other.compare_exchange("wide", 1, 5), other.wide) == (1, 5)


def test_a_field_may_begin_with_an_underscore() -> None:
    class Padded(Struct):
        first: u8
        _pad: u8
        last: be16

    assert [each.offset for each in Padded.layout.values()] == [0, 1, 2]


def test_what_extends_a_packed_struct_is_packed() -> None:
    class Tight(Struct, packed=True):
        kind: u8
        length: u32

    class More(Tight):
        wide: u64

    assert [each.offset for each in More.layout.values()] == [0, 1, 5]
    with pytest.raises(TypeError, match="not packed as Tight"):
        type("Loose", (Tight,), {"__annotations__": {"wide": u64}}, packed=False)


def own_method(self: Struct) -> None:
    """What no kernel program would see."""


@pytest.mark.parametrize(
    ("bases", "body", "says"),
    [
        ((Inner, Mixed), {}, "extends several Structs"),
        ((Inner,), {"__annotations__": {"wide": u32}}, "is a field of Inner already"),
        ((Struct,), {"__annotations__": {"a": u32}, "a": 5}, "has a value"),
        ((Struct,), {"__annotations__": {"copy_from": u32}}, "something of that name"),
        ((Struct,), {"__annotations__": {"size_bytes": u32}}, "something of that name"),
        ((Struct,), {"__annotations__": {"__class__": u32}}, "something of that name"),
        ((Struct,), {"__init__": own_method}, "__init__ of its own"),
        ((Struct,), {"add_atomic": own_method}, "add_atomic of its own"),
    ],
)
def test_a_struct_is_in_cpython_what_it_is_in_the_kernel(bases: tuple[type, ...], body: dict[str, object], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        type("Wrong", bases, {"__module__": __name__} | body)
