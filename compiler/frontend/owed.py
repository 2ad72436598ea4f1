"""What was got from the kernel and must be given back: under one name, on every way, and nothing of it afterwards."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from pybpf.compiler.frontend.narrow import Types
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts


def is_owed(kind: ir.Type | None) -> bool:
    """Whether a value of this type must be given back."""
    return isinstance(kind, ir.Pointer) and kind.owed


def check_nothing(scope: Scope, node: ast.AST, where: str) -> None:
    """An error about `node` when something is still owed `where` it stands."""
    name = next((name for name, kind in scope.types.items() if is_owed(kind)), None)
    if name is not None:
        raise scope.fail(node, "kernel-unreleased", f"`{name}` is not given back {where}", "submit, discard or release it first, on every way")


def check_kept(scope: Scope, node: ast.AST, made: ir.Statement) -> None:
    """An error about a call in `node`, of which `made` was made, when it gives what must be given back and no name keeps it."""
    keeps = made.value if isinstance(made, ir.Assign) and isinstance(made.value, ir.HelperCall) else made
    dropped = _dropped(keeps)
    if dropped is not None:
        calls = (each for each in ast.walk(node) if isinstance(each, ast.Call) and scope.place(each) == dropped.place)
        raise scope.fail(next(calls, node), "kernel-unreleased", "what a call here gives must be given back, and no name keeps it", "keep it in a variable first")


def check_same(scope: Scope, node: ast.AST, *ways: Types) -> None:
    """An error about `node`, where `ways` meet, when something is owed on one of them and unknown on another."""
    for name in sorted({name for way in ways for name, kind in way.items() if is_owed(kind)}):
        if any(name not in way for way in ways):
            scope.poisoned.add(name)
            scope.lost.pop(name, None)
            scope.types = {each: known for each, known in scope.types.items() if each != name}
            raise scope.fail(node, "kernel-unreleased", f"`{name}` is given back, or got, on one way only", "get it in a statement of its own; submit, discard or release it on every way")


def check_name(scope: Scope, node: ast.AST, name: str, value: ir.Expression) -> None:
    """`name` is about to be another name for `value`: an error about `node` when what must be given back would have two.
    What only leads into it dies with it."""
    if is_owed(value.type) and not isinstance(value, ir.HelperCall):
        raise scope.fail(node, "kernel-escape", f"`{name}` would be a second name for what must be given back", "keep one name for it")
    scope.derived[name] = scope.derived.get(name, frozenset()) | owners(scope, value)


def owners(scope: Scope, value: ir.Expression) -> frozenset[str]:
    """The names of what is owed that a pointer may lead into: once that is given back, the pointer is dead."""
    if not isinstance(value.type, ir.Pointer | ir.ArrayPointer):
        return frozenset()
    match value:
        case ir.Local(name=name):
            return frozenset({name}) if is_owed(value.type) else scope.derived.get(name, frozenset())
        case ir.HelperCall() if is_owed(value.type):
            return frozenset()
        case ir.Choose(then=then, other=other):
            inside: Sequence[ir.Expression] = (then, other)
        case _:
            inside = [each for each in parts(value) if isinstance(each, ir.Expression)]
    return frozenset().union(*(owners(scope, each) for each in inside))


def _dropped(node: ir.Expression | ir.Statement) -> ir.Expression | None:
    """A call inside of `node` that gives what must be given back, and that is not bound to a name."""
    for each in parts(node):
        if isinstance(each, ir.Statement):
            continue
        if is_owed(each.type) and not isinstance(each, ir.Local | ir.Bind):
            return each
        keeps = each.value if isinstance(each, ir.Bind) and isinstance(each.value, ir.HelperCall) else each
        if (found := _dropped(keeps)) is not None:
            return found
    return None
