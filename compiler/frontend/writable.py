"""Refuse writes to what no program may write: .rodata, and values of maps that programs only read."""

from __future__ import annotations

import ast
from typing import Final

from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Declaration, MapFlag
from pybpf.compiler.lang.helper import Helper

# map_update_elem, map_delete_elem, map_push_elem, map_pop_elem (kernel/bpf/verifier.c, record_func_map)
_WRITERS: Final = frozenset({2, 3, 87, 88})


def check_writable(scope: Scope, node: ast.expr, base: ir.Expression) -> None:
    """An error about `node` when `base` is an address that cannot be written to."""
    while isinstance(base, ir.Offset):
        base = base.base
    if isinstance(base, ir.GlobalAddress) and scope.uses.globals[base.name].section.startswith(".rodata"):
        raise scope.fail(node, "kernel-readonly", f"`{ast.unparse(node)}` is read-only", "put it into a section that is not .rodata")
    if isinstance(base.type, ir.Pointer) and base.type.readonly:
        raise scope.fail(node, "kernel-readonly", f"`{ast.unparse(node)}` lies in a map that programs only read", "declare the map without RDONLY_PROG")


def check_map_call(scope: Scope, node: ast.Call, helper: Helper, of: Declaration) -> None:
    """An error about a call that would write to a map which programs only read."""
    if of.flags & MapFlag.RDONLY_PROG and helper.number in _WRITERS:
        raise scope.fail(node, "kernel-readonly", f"`{ast.unparse(node.func)}` writes to a map that programs only read", "declare the map without RDONLY_PROG")
