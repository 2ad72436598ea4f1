"""Generated programs through CPython, the IR and the kernel: all of them do the same, or an AssertionError shows the one that does not.

Many are judged at once, as one object, for LLVM and the verifier are slow to start.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pybpf.compiler.codegen import compile_llvm, emit
from pybpf.compiler.diag import CompileError
from pybpf.compiler.frontend import translate
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.run import Machine
from pybpf.elf import parse
from pybpf.loading import Loaded, load
from pybpf.verifier import VerifierRejected
from tests.compiler.engines import as_ir, in_kernel, in_python
from tests.compiler.generated import Kind, module_text
from tests.compiler.kernel_text import module_of

Program = Callable[..., int]
PACKET = bytes(range(64))
TOO_LARGE = "verifier-size"
DATA = ".data.g"  # the map of the one global array that outlives a run


@dataclass(frozen=True, slots=True)
class Tally:
    """How many programs were made, how many of them are of the language, how often those were run in the kernel, and how
    many more have too many ways for the verifier."""

    made: int = 0
    accepted: int = 0
    runs: int = 0
    too_large: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.made + other.made, self.accepted + other.accepted, self.runs + other.runs, self.too_large + other.too_large)


def agree(kind: Kind, seed: object, numbers: range, folder: Path) -> Tally:
    """Run the programs that these numbers stand for on random cells and on the two extreme ones."""
    module = module_of(module_text(kind, seed, numbers), folder)
    accepted = [entry for number in numbers if is_accepted(entry := getattr(module, f"case_{number}"))]
    entries = [entry for entry in accepted if not is_too_large(entry)] if is_too_large(*accepted) else accepted
    made = check(translate(entries))
    size, chance = module.Record.size_bytes, random.Random(0)
    values = [*(chance.randbytes(size) for _ in range(4)), bytes(size), b"\xff" * size]
    machine = Machine(made)
    with load(parse(compile_llvm(emit(made)).elf)) as loaded:
        for entry in entries:
            for value in values:
                try:
                    agree_on(module, loaded, machine, entry, value, kind)
                except Exception as error:
                    error.add_note(f"seed {seed!r}, {kind.name}, cell {value.hex()}\n{inspect.getsource(entry)}")
                    raise
    return Tally(len(numbers), len(entries), len(entries) * len(values), len(accepted) - len(entries))


def is_too_large(*entries: Program) -> bool:
    """Whether the verifier gives up on one of these, after a million instructions. Any other refusal is raised."""
    try:
        with load(parse(compile_llvm(emit(check(translate(entries)))).elf)):
            return False
    except VerifierRejected as refusal:
        if refusal.finding.code != TOO_LARGE:
            raise
        return True


def is_accepted(entry: Program) -> bool:
    """Whether the front end knows enough of a program's numbers."""
    try:
        translate([entry])
    except CompileError:
        return False
    return True


def agree_on(module: ModuleType, loaded: Loaded, machine: Machine, entry: Program, value: bytes, kind: Kind) -> None:
    """One program on one cell: verdict, packet, cell and global array. Of a WRAPPING one CPython is not asked."""
    name, data, numbers = entry.__name__, loaded.maps[DATA], machine.globals.get("data", bytearray())
    before = bytes(numbers)
    data.update(bytes(4), before)
    expected = as_ir(machine, name, PACKET, module.cells, value)
    assert in_kernel(loaded, name, PACKET, "cells", value) == expected, "kernel and IR"
    assert data.lookup(bytes(4)) == bytes(numbers), "kernel and IR, global array"
    if kind is Kind.EXACT:
        module.data.fill(before)
        assert in_python(entry, PACKET, module.cells, value) == expected, "CPython and IR"
        assert bytes(module.data) == numbers, "CPython and IR, global array"
