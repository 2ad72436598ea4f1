"""Large BTF: found by name, read as asked."""

from __future__ import annotations

import struct

import pytest

from pybpf.btf import MAGIC, Kind
from pybpf.btf_kernel import KernelTypes
from pybpf.errors import ObjectError
from tests.support.btf_types import Types


def some() -> Types:
    types = Types()
    integer = types.integer("int", 4)
    types.struct("task", 8, ("pid", integer, 0), ("tgid", integer, 32))
    types.enum("task", ("IDLE", 0))
    types.struct("task", 4, ("pid", integer, 0))
    types.struct("big_task", 4, ("pid", integer, 0))
    return types


def test_every_type_of_a_name_and_kind_is_found() -> None:
    kernel = some().kernel()
    assert kernel.named("task", {Kind.STRUCT}) == (2, 4)
    assert kernel.named("task", {Kind.ENUM, Kind.ENUM64}) == (3,)
    assert kernel.named("task", {Kind.UNION}) == ()


@pytest.mark.parametrize("name", ["", "tas", "ask", "pid", "nothing"])
def test_a_name_is_found_as_a_whole_only(name: str) -> None:
    assert some().kernel().named(name, set(Kind)) == ()


def test_a_type_read_later_is_the_type_read_at_once() -> None:
    types = some()
    kernel, whole = types.kernel(), types.btf()
    assert [kernel.type(number) for number in (4, 2, 1, 3, 5, 4)] == [whole.type(number) for number in (4, 2, 1, 3, 5, 4)]


@pytest.mark.parametrize("number", [0, -1, 6])
def test_a_type_that_is_not_there_is_refused(number: int) -> None:
    with pytest.raises(ObjectError):
        some().kernel().type(number)


@pytest.mark.parametrize(
    "types", [struct.pack("<II", 0, 0), struct.pack("<III", 0, 31 << 24, 0), b"\0"], ids=["cut short", "unknown kind", "odd length"]
)
def test_damage_is_refused(types: bytes) -> None:
    with pytest.raises(ObjectError):
        KernelTypes(struct.pack("<HBBIIIII", MAGIC, 1, 0, 24, 0, len(types), len(types), 1) + types + b"\0")
