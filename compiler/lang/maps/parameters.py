"""K and V: the key of a map, and the struct that views on its values are.

To mypy they default to `int` and `Cell`: `u32` is no class to it, so a map declared with integers is one of these.
A helper's annotation of one of them means "a key" or "a value of the map it is called on".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybpf.compiler.lang.memory import Struct

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from pybpf.compiler.lang.cells import Cell

    K = TypeVar("K", default=int)
    V = TypeVar("V", bound=Struct, default=Cell)
else:
    from typing import TypeVar

    K = TypeVar("K")
    V = TypeVar("V", bound=Struct)
