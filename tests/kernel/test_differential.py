"""Programs made up by hypothesis: CPython, the IR and the kernel agree on every one of them."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.run import Machine
from pybpf.elf import parse
from pybpf.loading import Loaded, load
from tests.compiler.engines import as_ir, in_kernel, in_python
from tests.compiler.generated import Kind, module_text, programs
from tests.compiler.kernel_text import module_of

pytestmark = pytest.mark.kernel
PROGRAMS, BATCH = 200, 40  # of each kind; how many are one object
PACKET = bytes(range(64))


def agree(module: ModuleType, count: int, kind: Kind) -> None:
    """Every program of the module does the same everywhere, on random cells and on the two extreme ones."""
    entries = [getattr(module, f"case_{index}") for index in range(count)]
    made = check(translate(entries))
    size, chance = module.Cell.size_bytes, random.Random(0)
    values = [*(chance.randbytes(size) for _ in range(4)), bytes(size), b"\xff" * size]
    machine = Machine(made)
    with load(parse(compile_llvm(emit(made)).elf)) as loaded:
        for entry in entries:
            for value in values:
                agree_on(module, loaded, machine, entry, value, kind)


def agree_on(module: ModuleType, loaded: Loaded, machine: Machine, entry: Callable[..., int], value: bytes, kind: Kind) -> None:
    """One program on one cell: verdict, packet, cell and global array."""
    name, data = entry.__name__, loaded.maps[".data.g"]
    about = f"cell {value.hex()}\n{inspect.getsource(entry)}"
    before = bytes(machine.globals["data"])
    data.update(bytes(4), before)
    expected = as_ir(machine, name, PACKET, module.cells, value)
    assert in_kernel(loaded, name, PACKET, "cells", value) == expected, f"kernel and IR: {about}"
    assert data.lookup(bytes(4)) == bytes(machine.globals["data"]), f"kernel and IR, globals: {about}"
    if kind is Kind.EXACT:
        module.data.fill(before)
        assert in_python(entry, PACKET, module.cells, value) == expected, f"CPython and IR: {about}"
        assert bytes(module.data) == machine.globals["data"], f"CPython and IR, globals: {about}"


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_generated_programs_do_the_same_everywhere(kind: Kind, tmp_path: Path) -> None:
    texts = programs(kind, PROGRAMS)
    assert len(texts) > PROGRAMS * 3 // 4
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        agree(module_of(module_text(batch), tmp_path), len(batch), kind)
