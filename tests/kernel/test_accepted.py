"""The accepted programs in the kernel: the verifier takes them, and they do what the IR says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.run import Machine
from pybpf.elf import parse
from pybpf.loading import Loaded, load
from tests.compiler.engines import as_ir, in_kernel
from tests.compiler.frontend.test_accepted import OF_PROGRAM, PROGRAMS, name, random_value

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    """All of them, as one object."""
    with load(parse(compile_llvm(emit(translate(PROGRAMS))).elf)) as made:
        assert made.notes == ()
        yield made


@pytest.fixture(scope="module")
def machine() -> Machine:
    """All of them, in the interpreter."""
    return Machine(translate(PROGRAMS))


@pytest.mark.parametrize("program", PROGRAMS, ids=name)
def test_the_kernel_does_what_the_ir_means(program: Callable[..., int], loaded: Loaded, machine: Machine) -> None:
    chance = random.Random(program.__name__)
    table, of = OF_PROGRAM[program]
    for _ in range(50):
        packet, value = chance.randbytes(60), random_value(chance, table)
        expected = as_ir(machine, program.__name__, packet, table, value)
        assert in_kernel(loaded, program.__name__, packet, of, value) == expected
