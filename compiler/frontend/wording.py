"""How error messages speak of types."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pybpf.compiler.ir import nodes as ir

_MOST = 12  # names of a list that anybody reads


def shown(kind: ir.Type) -> str:
    """A type as an error message says it."""
    match kind:
        case ir.Word():
            return "a number"
        case ir.Bool():
            return "a bool"
        case ir.Pointer(struct=struct, maybe=maybe):
            return struct.__name__ + (" or None" if maybe else "")
        case ir.ArrayPointer():
            return "an array"
        case ir.Context():
            return "the context"
        case ir.Address(struct=kernel):
            return f"a {kernel.__name__} in the kernel"
        case ir.InnerMap(maybe=maybe):
            return "a map" + (" or None" if maybe else "")
        case ir.Memory():
            return "an address"
        case ir.Nothing():
            return "nothing"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint for a name that is not there: the nearest one, or the list."""
    names = list(known)
    if near := get_close_matches(wrong, names, 1):
        return f"did you mean {near[0]!r}?"
    return f"it has: {', '.join(names[:_MOST])}" + (", ..." if len(names) > _MOST else "")
