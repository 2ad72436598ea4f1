"""What is of the language is translated, keeps the rules of the IR, and means what it means in CPython."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from pybpf.compiler.frontend import translate
from pybpf.compiler.frontend.signature import role
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.run import Machine
from pybpf.compiler.lang import Role, Table
from tests.compiler.engines import as_ir, in_python
from tests.compiler.frontend import (
    accepted,
    accepted_backend,
    accepted_calls,
    accepted_flow,
    accepted_found,
    accepted_memory,
    accepted_numbers,
    accepted_stack,
)
from tests.compiler.frontend.accepted_sample import samples

# modules of programs -> the map whose value 0 they work on, and its name
TABLES: dict[ModuleType, tuple[Table[Any, Any], str]] = {
    accepted: (accepted.boxes, "boxes"),
    accepted_numbers: (samples, "samples"),
    accepted_flow: (samples, "samples"),
    accepted_memory: (samples, "samples"),
    accepted_found: (samples, "samples"),
    accepted_stack: (samples, "samples"),
    accepted_calls: (samples, "samples"),
    accepted_backend: (samples, "samples"),
}


def programs_of(module: ModuleType) -> list[Callable[..., int]]:
    """The programs of a module, in its order."""
    return [each for each in vars(module).values() if role(each) is Role.PROGRAM]


OF_PROGRAM: dict[Callable[..., int], tuple[Table[Any, Any], str]] = {
    each: table for module, table in TABLES.items() for each in programs_of(module)
}
PROGRAMS = list(OF_PROGRAM)


def random_value(chance: random.Random, table: Table[Any, Any]) -> bytes:
    """A value of a map of structs: any, of small numbers, all ones, or all zeroes."""
    size = table.view.size_bytes
    pattern = chance.choice([b"", b"", b"\xff", b"\0", b"\1\0\0\0", b"\5\0"])
    return (pattern * size)[:size] if pattern else chance.randbytes(size)


def name(program: Callable[..., int]) -> str:
    return program.__name__


@pytest.mark.parametrize("program", PROGRAMS, ids=name)
def test_the_ir_means_what_cpython_means(program: Callable[..., int]) -> None:
    machine = Machine(check(translate([program])))
    chance = random.Random(program.__name__)
    table, _ = OF_PROGRAM[program]
    for _ in range(20):
        packet, value = chance.randbytes(60), random_value(chance, table)
        before = bytes(accepted.squares)
        assert in_python(program, packet, table, value) == as_ir(machine, program.__name__, packet, table, value)
        accepted.squares.fill(before)


def test_all_of_them_fit_into_one_module() -> None:
    module = check(translate(PROGRAMS))
    assert [each.name for each in module.functions if each.role is Role.PROGRAM] == [each.__name__ for each in PROGRAMS]


def test_a_function_comes_before_those_that_call_it() -> None:
    names = [each.name for each in translate([accepted.calls_functions]).functions]
    assert names.index("boxes_pair") < names.index("calls_functions")


def test_translating_twice_gives_the_same_module() -> None:
    assert translate(PROGRAMS) == translate(PROGRAMS)
