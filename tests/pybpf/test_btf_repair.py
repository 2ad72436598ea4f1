"""What a compiler leaves to the loader in its BTF."""

from __future__ import annotations

import pytest

from pybpf.btf import Btf, Kind, Type
from pybpf.btf_repair import Layout, kernel_symbols, repair
from pybpf.errors import ObjectError
from tests.support.btf_types import Types

INT = Type(Kind.INT, 1, False, 0, 4, ((32,),))
STRINGS = b"\0int\0.data\0second\0first\0f\0"
#          0 1    5      11      18     24


def only(*types: Type) -> Btf:
    return Btf((None, *types), STRINGS)


def test_data_sections_get_their_size_and_their_variables_offsets_in_order() -> None:
    variables = Type(Kind.VAR, 11, False, 0, 1, ((1,),)), Type(Kind.VAR, 18, False, 0, 1, ((1,),))
    section = Type(Kind.DATASEC, 5, False, 2, 0, ((2, 0, 4), (3, 0, 4)))
    repaired = repair(only(INT, *variables, section), {".data": Layout(12, {"first": 0, "second": 8})})
    assert repaired.type(4).size_or_type == 12
    assert repaired.type(4).entries == ((3, 0, 4), (2, 8, 4))


def test_a_data_section_that_is_not_in_the_object_is_refused() -> None:
    with pytest.raises(ObjectError) as caught:
        repair(only(Type(Kind.DATASEC, 5, False, 0, 0)), {})
    assert ".data" in caught.value.message


def test_a_variable_beyond_its_section_is_refused() -> None:
    variable, section = Type(Kind.VAR, 11, False, 0, 1, ((1,),)), Type(Kind.DATASEC, 5, False, 1, 0, ((2, 0, 4),))
    with pytest.raises(ObjectError):
        repair(only(INT, variable, section), {".data": Layout(4, {"second": 2})})


def test_parameters_without_a_name_get_one_and_varargs_none() -> None:
    prototype = Type(Kind.FUNC_PROTO, 0, False, 2, 1, ((0, 1), (0, 0)))
    twice = Type(Kind.FUNC, 24, False, 0, 2)
    repaired = repair(only(INT, prototype, twice, twice), {})
    (first, second) = repaired.type(2).entries
    assert repaired.string(first[0]) == "argument1" and second == (0, 0)
    assert repaired.strings.count(b"argument1") == 1


EXTERN = 2


def with_kernel_symbols() -> tuple[Types, int, int]:
    """Types with function f and variable v of the kernel's: (types, their ids)."""
    types = Types()
    integer = types.integer("long", 8)
    function = types.function("f", types.add(Kind.FUNC_PROTO, size_or_type=integer, entries=((0, integer),)), EXTERN)
    variable = types.variable("v", integer, EXTERN)
    types.add(Kind.DATASEC, ".ksyms", 0, ((function, 0, 0), (variable, 0, 0)))
    return types, function, variable


def test_what_is_the_kernels_is_known_by_name() -> None:
    types, function, variable = with_kernel_symbols()
    assert kernel_symbols(types.btf()) == {"f": function, "v": variable}


def test_functions_of_the_kernel_become_defined_ones_with_named_parameters() -> None:
    types, function, _ = with_kernel_symbols()
    repaired = repair(types.btf(), {})
    assert (repaired.type(function).kind, repaired.type(function).vlen) == (Kind.FUNC, 1)
    ((name, _),) = repaired.type(repaired.type(function).size_or_type).entries
    assert repaired.string(name) == "argument1"


def test_the_section_of_kernel_symbols_lists_integers_only() -> None:
    types, _, variable = with_kernel_symbols()
    repaired = repair(types.btf(), {})
    section = next(each for each in repaired.types if each is not None and each.kind is Kind.DATASEC)
    assert [(offset, size) for _, offset, size in section.entries] == [(0, 4), (4, 4)] and section.size_or_type == 8
    for number, _, _ in section.entries:
        listed = repaired.type(number)
        assert (listed.kind, listed.entries, repaired.size_of(listed.size_or_type)) == (Kind.VAR, ((1,),), 4)
    assert section.entries[1][0] == variable


def test_types_keep_their_ids() -> None:
    types, _, _ = with_kernel_symbols()
    before = types.btf()
    assert [each.kind for each in repair(before, {}).types if each][: len(before.types) - 1] == [each.kind for each in before.types if each]


def test_a_kernel_symbol_without_a_type_is_refused() -> None:
    types = Types()
    types.add(Kind.DATASEC, ".ksyms", 0, ((types.variable("jiffies", 0, EXTERN), 0, 0),))
    with pytest.raises(ObjectError) as caught:
        repair(types.btf(), {})
    assert "jiffies" in caught.value.place and "type" in caught.value.hint
