"""BTF: bytes and types, sizes, repairs."""

from __future__ import annotations

import struct

import pytest

from pybpf import btf, btf_ext
from pybpf.btf import Btf, Kind, Type, emit, parse
from pybpf.errors import ObjectError

INT = Type(Kind.INT, 1, False, 0, 4, ((32,),))
STRINGS = b"\0int\0.data\0second\0first\0f\0"
#          0 1    5      11      18     24


def only(*types: Type) -> Btf:
    return Btf((None, *types), STRINGS)


def test_what_is_emitted_is_read_back() -> None:
    original = only(INT, Type(Kind.PTR, 0, False, 0, 1), Type(Kind.STRUCT, 18, True, 1, 8, ((11, 2, 0),)), Type(Kind.FLOAT, 1, False, 0, 8))
    assert parse(emit(original)) == original


def test_the_size_of_an_array_of_a_typedef_is_count_times_its_size() -> None:
    types = only(INT, Type(Kind.TYPEDEF, 1, False, 0, 1), Type(Kind.ARRAY, 0, False, 0, 0, ((2, 1, 10),)), Type(Kind.CONST, 0, False, 0, 3))
    assert types.size_of(4) == 40


def test_a_pointer_has_eight_bytes() -> None:
    assert only(Type(Kind.PTR, 0, False, 0, 0)).size_of(1) == 8


@pytest.mark.parametrize("kind", [Kind.TYPEDEF, Kind.CONST])
def test_a_type_that_means_itself_is_refused(kind: Kind) -> None:
    with pytest.raises(ObjectError):
        only(Type(kind, 0, False, 0, 1)).size_of(1)


def test_an_array_of_itself_is_refused() -> None:
    with pytest.raises(ObjectError):
        only(Type(Kind.ARRAY, 0, False, 0, 0, ((1, 1, 2),))).size_of(1)


def test_a_function_has_no_size() -> None:
    with pytest.raises(ObjectError):
        only(Type(Kind.FUNC_PROTO, 0, False, 0, 0)).size_of(1)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x9f\xeb",
        struct.pack("<HBBIIIII", 0xEB9F, 2, 0, 24, 0, 0, 0, 1) + b"\0",
        struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 99, 0, 1) + b"\0",
        struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 1) + struct.pack("<III", 0, 31 << 24, 0) + b"\0",
        struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 1) + struct.pack("<III", 0, 4 << 24 | 9, 0) + b"\0",
        struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 2) + b"ab",
    ],
    ids=["empty", "short header", "version", "beyond the end", "unknown kind", "members missing", "strings without end"],
)
def test_damaged_types_are_refused(blob: bytes) -> None:
    with pytest.raises(ObjectError):
        parse(blob)


def ext(core: bytes = b"") -> bytes:
    """.BTF.ext with two functions in a section named int, in the wrong order."""
    functions = struct.pack("<I", 8) + struct.pack("<II", 1, 2) + struct.pack("<IIII", 16, 7, 0, 5)
    return struct.pack("<HBBIIIIIII", btf.MAGIC, 1, 0, 32, 0, len(functions), len(functions), 0, len(functions), len(core)) + functions + core


def test_records_come_by_section_and_in_order() -> None:
    assert btf_ext.parse(ext(), only(INT)).functions == {"int": ((0, 5), (16, 7))}


def test_records_are_counted_in_the_programs_instructions() -> None:
    records = btf_ext.parse(ext(), only(INT)).functions
    assert btf_ext.rebased(records, "int", 16, 32, 10) == struct.pack("<II", 10, 7)
    assert btf_ext.rebased(records, "int", 8, 32, 10) is None


def test_core_relocations_come_by_section() -> None:
    records = struct.pack("<I", 16) + struct.pack("<II", 1, 1) + struct.pack("<IIII", 24, 3, 18, 0)
    assert btf_ext.parse(ext(core=records), only(INT)).core == {"int": ((24, 3, 18, 0),)}
