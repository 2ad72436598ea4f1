"""When a type of an object and a type of the kernel are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pybpf.btf import Kind
from pybpf.core_types import Tables, are_alike, are_compatible, essential, fields_agree
from tests.support.btf_types import BOOLEAN, SIGNED, Types

Make = Callable[[Types], int]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("task_struct", "task_struct"),
        ("task_struct___old", "task_struct"),
        ("task___a___b", "task___a"),
        ("task____old", "task____old"),
        ("___old", "___old"),
        ("task___", "task___"),
        ("", ""),
    ],
)
def test_a_flavour_is_no_part_of_a_name(name: str, meant: str) -> None:
    assert essential(name) == meant


MAKERS: dict[str, Make] = {
    "u32": lambda types: types.integer("unsigned int", 4),
    "u64": lambda types: types.integer("unsigned long long", 8),
    "s32": lambda types: types.integer("int", 4, SIGNED),
    "bool": lambda types: types.integer("_Bool", 1, BOOLEAN),
    "part of an int": lambda types: types.integer("int", 4, 3 << 16),
    "void*": lambda types: types.pointer(0),
    "u32*": lambda types: types.pointer(types.integer("unsigned int", 4)),
    "u32**": lambda types: types.pointer(types.pointer(types.integer("unsigned int", 4))),
    "u32[4]": lambda types: types.array(types.integer("unsigned int", 4), 4),
    "u32[8]": lambda types: types.array(types.integer("unsigned int", 4), 8),
    "struct a": lambda types: types.struct("a", 4, ("x", types.integer("unsigned int", 4), 0)),
    "struct a {x, y}": lambda types: types.struct(
        "a", 8, ("x", types.integer("unsigned int", 4), 0), ("y", types.integer("unsigned int", 4), 32)
    ),
    "struct a___b": lambda types: types.struct("a___b", 4, ("x", types.integer("unsigned int", 4), 0)),
    "struct b": lambda types: types.struct("b", 4),
    "union a": lambda types: types.struct("a", 4, kind=Kind.UNION),
    "struct a;": lambda types: types.add(Kind.FWD, "a"),
    "union a;": lambda types: types.add(Kind.FWD, "a", flag=True),
    "struct a*": lambda types: types.pointer(types.struct("a", 4, ("z", types.integer("unsigned int", 4), 0))),
    "struct a;*": lambda types: types.pointer(types.add(Kind.FWD, "a")),
    "union a;*": lambda types: types.pointer(types.add(Kind.FWD, "a", flag=True)),
    "enum e {A}": lambda types: types.enum("e", ("A", 1)),
    "enum e {A, B}": lambda types: types.enum("e", ("A", 7), ("B", 8)),
    "enum f {A}": lambda types: types.enum("f", ("A", 1)),
    "enum {A}": lambda types: types.enum("", ("A", 1)),
    "enum e {A} of 64 bits": lambda types: types.enum64("e", ("A", 1)),
    "const u32": lambda types: types.add(Kind.CONST, size_or_type=types.integer("unsigned int", 4)),
    "typedef u32": lambda types: types.add(Kind.TYPEDEF, "t", types.integer("unsigned int", 4)),
    "u32(u32)": lambda types: types.prototype(types.integer("unsigned int", 4), types.integer("unsigned int", 4)),
    "u32(u32, u32)": lambda types: types.prototype(*[types.integer("unsigned int", 4)] * 3),
    "void(u32)": lambda types: types.prototype(0, types.integer("unsigned int", 4)),
}


def tables(one: str, other: str) -> tuple[Tables, int, int]:
    local, kernel = Types(), Types()
    mine, theirs = MAKERS[one](local), MAKERS[other](kernel)
    return Tables(local.btf(), kernel.kernel()), mine, theirs


@pytest.mark.parametrize("kind", set(MAKERS) - {"part of an int", "u32(u32)", "u32(u32, u32)", "void(u32)"})
def test_every_field_agrees_with_itself(kind: str) -> None:
    assert fields_agree(*tables(kind, kind))


@pytest.mark.parametrize("kind", set(MAKERS) - {"part of an int"})
def test_every_type_is_compatible_with_itself_and_like_itself(kind: str) -> None:
    assert are_compatible(*tables(kind, kind)) and are_alike(*tables(kind, kind))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("u32", "u64"), ("u32", "s32"), ("u32*", "u32**"), ("u32[4]", "u32[8]"), ("struct a", "struct b"), ("struct a", "union a"),
        ("enum e {A}", "enum {A}"), ("enum e {A}", "enum e {A} of 64 bits"), ("const u32", "typedef u32"), ("u32*", "void*"),
    ],
)  # fmt: skip
def test_fields_agree_whatever_their_sizes_and_signs(one: str, other: str) -> None:
    assert fields_agree(*tables(one, other)) and fields_agree(*tables(other, one))


@pytest.mark.parametrize(
    ("one", "other"),
    [("u32", "u32*"), ("u32", "u32[4]"), ("u32", "struct a"), ("enum e {A}", "enum f {A}"), ("part of an int", "u32"), ("struct a;", "struct a")],
)
def test_fields_of_different_kinds_do_not_agree(one: str, other: str) -> None:
    assert not fields_agree(*tables(one, other)) and not fields_agree(*tables(other, one))


@pytest.mark.parametrize(
    ("one", "other", "compatible"),
    [
        ("u32", "u64", True), ("struct a", "struct b", True), ("struct a", "union a", False), ("u32*", "void*", False),
        ("u32*", "u32**", False), ("u32(u32)", "u32(u32, u32)", False), ("u32(u32)", "void(u32)", False),
        ("enum e {A}", "enum e {A} of 64 bits", True), ("part of an int", "u32", False), ("void*", "void*", True),
    ],
)  # fmt: skip
def test_compatible_is_of_one_kind_all_the_way_down(one: str, other: str, compatible: bool) -> None:
    assert are_compatible(*tables(one, other)) is compatible


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("u32", "u64", False), ("u32", "s32", False), ("typedef u32", "u32", True), ("u32[4]", "u32[8]", False),
        ("struct a", "struct a {x, y}", True), ("struct a {x, y}", "struct a", False), ("struct a___b", "struct a", True),
        ("struct a", "struct b", False), ("struct a", "union a", False), ("enum e {A}", "enum e {A, B}", True),
        ("enum e {A, B}", "enum e {A}", False), ("enum e {A}", "enum e {A} of 64 bits", False), ("struct a*", "struct a;*", True),
        ("struct a;*", "struct a*", True), ("struct a;*", "union a;*", False), ("struct a;", "struct a", False),
        ("struct a;", "union a;", False), ("u32(u32)", "u32(u32, u32)", False), ("u32(u32)", "void(u32)", False),
    ],
)  # fmt: skip
def test_alike_is_all_that_the_object_says(one: str, other: str, alike: bool) -> None:
    assert are_alike(*tables(one, other)) is alike


def test_the_spelling_of_an_integer_does_not_count() -> None:
    local, kernel = Types(), Types()
    mine, theirs = local.integer("unsigned long long", 8), kernel.integer("long long unsigned int", 8)
    assert are_alike(Tables(local.btf(), kernel.kernel()), mine, theirs)
