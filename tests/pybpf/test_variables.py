"""Global variables before they are loaded."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pybpf.elf import parse
from pybpf.errors import ObjectError
from pybpf.spec import NumberKind
from pybpf.variables import decoded, encoded, with_values

OBJECTS = Path(__file__).resolve().parent.parent / "objects"
SPEC = parse((OBJECTS / "variables.o").read_bytes())


def contents(section: str, **values: int | bytes) -> bytes:
    found = with_values(SPEC, values).maps[section].contents
    assert found is not None
    return found


def test_variables_know_where_they_are_and_how_they_are_numbers() -> None:
    shapes = {name: (each.map_name, each.offset, each.size, each.number, each.is_constant) for name, each in SPEC.variables.items()}
    assert shapes == {
        "threshold": (".rodata", 0, 4, NumberKind.UNSIGNED, True),
        "enabled": (".rodata", 4, 1, NumberKind.BOOLEAN, True),
        "peer": (".rodata", 8, 4, NumberKind.BIG_ENDIAN, True),
        "key": (".rodata", 12, 6, None, True),
        "lowest": (".data", 0, 8, NumberKind.SIGNED, False),
        "state": (".data", 8, 4, NumberKind.UNSIGNED, False),
        "calls": (".bss", 0, 4, NumberKind.UNSIGNED, False),
        "total": (".bss", 8, 8, NumberKind.UNSIGNED, False),
        "odd": (".bss", 16, 6, None, False),
        "pair": (".bss", 24, 8, None, False),
    }


def test_only_the_named_variables_change() -> None:
    assert contents(".rodata", threshold=7, key=b"abcdef") == struct.pack("=I4x4x6s", 7, b"abcdef")
    assert contents(".data", lowest=-1)[:8] == b"\xff" * 8


def test_what_was_zero_can_be_set() -> None:
    assert contents(".bss", total=1 << 63) == struct.pack("=8xQ", 1 << 63) + bytes(16)


def test_a_number_in_network_order_is_given_as_the_number_it_means() -> None:
    assert contents(".rodata", peer=0x0A000001)[8:12] == bytes([10, 0, 0, 1])


def test_the_spec_that_was_given_is_not_changed() -> None:
    before = SPEC.maps[".rodata"].contents
    with_values(SPEC, {"threshold": 1})
    assert SPEC.maps[".rodata"].contents == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", -1), ("threshold", 1 << 32), ("lowest", 1 << 63), ("enabled", 2), ("key", 5), ("key", b"short"), ("total", b"1234")],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: int | bytes) -> None:
    with pytest.raises(ObjectError) as caught:
        with_values(SPEC, {name: value})
    assert caught.value.place == f"variable {name!r}"
    assert str(SPEC.variables[name].size) in caught.value.hint


def test_a_name_that_is_not_there_is_refused_with_those_like_it() -> None:
    with pytest.raises(ObjectError) as caught:
        with_values(SPEC, {"treshold": 1})
    assert caught.value.hint == "did you mean 'threshold'?"


def test_a_map_is_no_variable() -> None:
    with pytest.raises(ObjectError) as caught:
        with_values(SPEC, {".rodata": 1})
    assert "map" in caught.value.message


@pytest.mark.parametrize(("name", "value"), [("lowest", -(1 << 63)), ("peer", 1), ("enabled", 1), ("calls", (1 << 32) - 1)])
def test_a_number_is_read_back_as_it_was_written(name: str, value: int) -> None:
    variable = SPEC.variables[name]
    assert decoded(variable, encoded(variable, value)) == value
