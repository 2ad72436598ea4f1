"""Refuse writes to what no program may write: .rodata, and values of maps that programs only read."""

from __future__ import annotations

import ast
from typing import Final

from pybpf.compiler.frontend.regions import in_packet, is_readonly
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts
from pybpf.compiler.lang import Declaration, KernelObject, MapFlag
from pybpf.compiler.lang.helper import Helper
from pybpf.compiler.lang.maps.facts import SPECIAL_IN

_HINT: Final = "put it into a section that is not .rodata, or declare its map without RDONLY_PROG; packets are written through `header` or `store`"
# map_update_elem, map_delete_elem, map_push_elem, map_pop_elem (kernel/bpf/verifier.c, record_func_map)
_WRITERS: Final = frozenset({2, 3, 87, 88})


def check_writable(scope: Scope, node: ast.expr, base: ir.Expression) -> None:
    """An error about `node` when `base` is an address that cannot be written to."""
    if is_readonly(base):
        raise scope.fail(node, "kernel-readonly", f"`{ast.unparse(node)}` is read-only", _HINT)
    if isinstance(base.type, ir.Pointer) and base.type.struct.symbol in SPECIAL_IN:
        raise scope.fail(node, "kernel-field", f"only the kernel looks into a {base.type.struct.__name__}", "use its methods, or `with`")
    if isinstance(base.type, ir.Pointer) and issubclass(base.type.struct, KernelObject):
        raise scope.fail(node, "kernel-readonly", f"{base.type.struct.__name__} belongs to the kernel", "only read it")
    if in_packet(base):
        forget_slices(scope, node, "a write to the packet may have changed it")


def forget_slices(scope: Scope, node: ast.AST, why: str) -> None:
    """Slices are dead from `node` on. Whether one is a copy or the packet itself depends on how the packet lies in memory."""
    for name, kind in scope.types.items():
        if isinstance(kind, ir.Pointer) and kind.of_packet and kind.readonly:
            scope.lose(name, "kernel-moved", f"`{name}` is a slice, and {why} on line {scope.place(node).line}", "call `packet.slice` again, with a buffer of its own")


def check_calls(scope: Scope, node: ast.AST, made: ir.Expression | ir.Statement) -> None:
    """An error about `node` when a call in it passes what is read-only to a function that would write there."""
    if isinstance(made, ir.Call):
        for position in sorted(scope.uses.writers.get(made.function, ())):
            if in_packet(made.arguments[position]):
                forget_slices(scope, node, "a write to the packet may have changed it")
            if is_readonly(made.arguments[position]):
                raise scope.fail(node, "kernel-readonly", f"`{made.function}` writes to its argument {position + 1}, and what is passed is read-only", _HINT)
    for each in parts(made):
        if isinstance(each, ir.Expression):
            check_calls(scope, node, each)


def check_map_call(scope: Scope, node: ast.Call, helper: Helper, of: Declaration) -> None:
    """An error about a call that would write to a map which programs only read."""
    if of.flags & MapFlag.RDONLY_PROG and helper.number in _WRITERS:
        raise scope.fail(node, "kernel-readonly", f"`{ast.unparse(node.func)}` writes to a map that programs only read", "declare the map without RDONLY_PROG")
