"""Global data of an object: arrays, structs and single variables in its data sections.

One copy for all CPUs, which user space reads and writes: .bss starts zeroed, .data with its initial value, .rodata
never changes once the object is loaded. A loader can set any of them before.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pybpf.compiler.lang.cells import Cell, cell_of
from pybpf.compiler.lang.integers import Width, width_of
from pybpf.compiler.lang.memory import Array, ArrayType, Struct

_SECTION = re.compile(r"\.bss|\.(?:ro)?data(?:\.[A-Za-z_][A-Za-z0-9_]*)?")
S = TypeVar("S", bound=Struct)


class GlobalArray(Array[int]):
    """An array in a data section of the object: one copy for all CPUs, which user space can map."""

    __slots__ = ("section", "type")

    def __init__(self, section: str, kind: ArrayType) -> None:
        _check_section(section)
        super().__init__(kind, memoryview(bytearray(kind.octets)))
        self.section, self.type = section, kind


def global_array(element: Any, count: int, section: str) -> GlobalArray:
    """A zeroed global array of `count` integers in data section `section` (".data.x", ".rodata.x", ".bss")."""
    width = width_of(element)
    assert width is not None, f"{element!r} is not an integer type"
    return GlobalArray(section, ArrayType(width, count))


def global_struct(kind: type[S], section: str = ".bss") -> S:
    """A zeroed global struct in data section `section`."""
    _check_section(section)
    made = kind()
    object.__setattr__(made, "_section", section)
    return made


def variable(kind: object, initial: int = 0) -> Cell:
    """A global number of type `kind` (u8 to s64), read and written as `.value`."""
    return _cell(kind, initial, ".data" if initial else ".bss")


def constant(kind: object, initial: int = 0) -> Cell:
    """A number that whoever loads the object can set, and that never changes after that; read as `.value`.

    The verifier knows it: what a program does only for another value of it costs nothing.
    """
    return _cell(kind, initial, ".rodata")


def section_of(struct: Struct) -> str:
    """The data section a global struct or variable lies in; empty for a struct that is not global."""
    return str(getattr(struct, "_section", "")) if "_section" in vars(struct) else ""


def _check_section(section: str) -> None:
    """Raises ValueError for a name that is not a data section's, as loaders know them."""
    if _SECTION.fullmatch(section) is None:
        raise ValueError(f"{section!r} is no data section: write .bss, .data, .rodata, .data.name or .rodata.name")


def _cell(kind: object, initial: int, section: str) -> Cell:
    width = width_of(kind)
    assert width is not None, f"{kind!r} is not an integer type"
    # Read anew each time: what user space writes, or sets before loading, must not be folded away.
    made = cell_of(Width(width.bits, width.order, volatile=True, signed=width.signed))()
    made.value = initial
    object.__setattr__(made, "_section", section)
    return made
