"""How nodes hang together: what is inside a node, and whether control leaves a body."""

from __future__ import annotations

from collections.abc import Iterator

from pybpf.compiler.ir import nodes as ir


def parts(node: ir.Expression | ir.Statement) -> Iterator[ir.Expression | ir.Statement]:
    """The expressions and statements directly inside a node, as it lists them."""
    for name in type(node).__match_args__:
        value = getattr(node, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, ir.Expression | ir.Statement):
                yield each


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
