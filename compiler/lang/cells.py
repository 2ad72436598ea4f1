"""Cell: a number that a pointer leads to, as a struct with the one field `value`.

What `lookup` gives for a map of integers, and what a global variable is. In BTF it is the plain integer. As a
parameter it says which: `count: Annotated[Cell, u64]`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from pybpf.compiler.lang.integers import Width
from pybpf.compiler.lang.memory import Field, Struct

if TYPE_CHECKING:

    class Cell(Struct):
        """One number in memory, of the width that `cell_of` was given."""

        value: int

else:
    Cell = Struct


@cache
def cell_of(width: Width) -> type[Cell]:
    """The Cell class for numbers of a width."""
    name = f"Cell_{'s' if width.signed else 'be' if width.order == 'big' else 'u'}{width.bits}"
    made = cast(type[Cell], type(name, (Struct,), {}))
    made.layout = {"value": Field("value", 0, width)}
    made.size_bytes = made.alignment_bytes = width.octets
    return made


def is_cell(kind: type[Struct]) -> bool:
    """Whether a class was made by `cell_of`."""
    return (width := _only_width(kind)) is not None and kind is cell_of(width)


def _only_width(kind: type[Struct]) -> Width | None:
    """The width of the one field `value`, if that is all there is."""
    fields = list(kind.layout.values())
    return fields[0].type if len(fields) == 1 and fields[0].name == "value" and isinstance(fields[0].type, Width) else None
