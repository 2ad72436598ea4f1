"""What is of the language is translated, keeps the rules of the IR, and means what it means in CPython."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from pybpf.compiler.frontend import translate
from pybpf.compiler.frontend.signature import role
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.run import Machine
from pybpf.compiler.lang import Role
from tests.compiler.engines import as_ir, in_python
from tests.compiler.frontend import accepted

PROGRAMS: list[Callable[..., int]] = [each for each in vars(accepted).values() if role(each) is Role.PROGRAM]


def name(program: Callable[..., int]) -> str:
    return program.__name__


@pytest.mark.parametrize("program", PROGRAMS, ids=name)
def test_the_ir_means_what_cpython_means(program: Callable[..., int]) -> None:
    machine = Machine(check(translate([program])))
    chance = random.Random(program.__name__)
    for _ in range(20):
        packet, value = chance.randbytes(60), chance.randbytes(accepted.Box.size_bytes)
        before = bytes(accepted.squares)
        assert in_python(program, packet, accepted.boxes, value) == as_ir(machine, program.__name__, packet, accepted.boxes, value)
        accepted.squares.fill(before)


def test_all_of_them_fit_into_one_module() -> None:
    module = check(translate(PROGRAMS))
    assert [each.name for each in module.functions if each.role is Role.PROGRAM] == [each.__name__ for each in PROGRAMS]


def test_a_function_comes_before_those_that_call_it() -> None:
    names = [each.name for each in translate([accepted.calls_functions]).functions]
    assert names.index("boxes_pair") < names.index("calls_functions")


def test_translating_twice_gives_the_same_module() -> None:
    assert translate(PROGRAMS) == translate(PROGRAMS)
