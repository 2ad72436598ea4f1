"""How nodes hang together: what is inside a node, and whether control leaves a body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache

from pybpf.compiler.ir import nodes as ir

_NODES = (ir.Expression, ir.Statement)
_OTHERS = {"Place", "Type", "str", "int", "Width", "LangField", "KernelField", "Helper", "Kfunc", "Map", "type[Struct]", "Map | None"}


def parts(node: ir.Expression | ir.Statement) -> Iterator[ir.Expression | ir.Statement]:
    """The expressions and statements directly inside a node, as it lists them."""
    for name in _inside(type(node)):  # type: ignore[arg-type]  # mypy asks the nodes' __hash__, not their classes'
        value = getattr(node, name)
        if isinstance(value, _NODES):
            yield value
        elif isinstance(value, tuple):
            yield from (each for each in value if isinstance(each, _NODES))


def every(node: ir.Expression | ir.Statement) -> Iterator[ir.Expression | ir.Statement]:
    """A node and all nodes inside it, each before what is inside it."""
    yield node
    for each in parts(node):
        yield from every(each)


def leaves(body: tuple[ir.Statement, ...]) -> bool:
    """Whether control never reaches the end of `body`."""
    match body[-1] if body else None:
        case ir.Return() | ir.Break() | ir.Continue():
            return True
        case ir.If(then=then, other=other):
            return leaves(then) and leaves(other)
        case ir.Locked(body=inner):
            return leaves(inner)
        case _:
            return False


@cache
def _inside(kind: type) -> tuple[str, ...]:
    """The fields of a class of nodes that can be nodes themselves: those of any type but the known others."""
    return tuple(each.name for each in fields(kind) if str(each.type) not in _OTHERS)
