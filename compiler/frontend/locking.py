"""`with entry.lock:` -> IR. Under a spin lock nothing may be called (bpf_spin_lock, since 5.1)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from pybpf.compiler.diag import CompileError
from pybpf.compiler.frontend import expressions
from pybpf.compiler.frontend.regions import in_packet, on_stack
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts

Block = tuple[ir.Statement, ...]
_CALLS = (ir.Call, ir.HelperCall, ir.KfuncCall, ir.KernelRead, ir.Repeat, ir.Iterate, ir.Print, ir.Header, ir.Slice)


def locked(scope: Scope, node: ast.With, block: Callable[[Scope, Sequence[ast.stmt]], Block]) -> ir.Locked:
    """A block under the lock of a map's value."""
    match node.items:
        case [ast.withitem(context_expr=lock, optional_vars=None)]:
            base, struct = expressions.pointer(scope, lock)
        case _:
            raise scope.fail(node, "kernel-lock", "`with` holds one spin lock", "write `with entry.lock:`")
    if struct.symbol != "bpf_spin_lock" or not isinstance(base, ir.Offset) or in_packet(base) or on_stack(base, scope.stacked):
        raise scope.fail(lock, "kernel-lock", f"`{ast.unparse(lock)}` is no spin lock in a map's value", "give the value a field of type SpinLock")
    if scope.locks:
        raise scope.fail(node, "kernel-lock", "a program holds one spin lock at a time", "leave the first one before")
    scope.locks += 1
    body = block(scope, node.body)
    scope.locks -= 1
    for each in body:
        if (call := _call_in(each)) is not None:
            raise _refused(scope, call)
    return ir.Locked(scope.place(node), base.base, base.octets, body)


def _refused(scope: Scope, call: ir.Expression | ir.Statement) -> CompileError:
    """The error of a call while a lock is held."""
    node = ast.Constant(None, lineno=call.place.line, col_offset=call.place.column - 1)
    return scope.fail(node, "kernel-lock", "nothing may be called while a spin lock is held", "call it before or after, and keep the result")


def _call_in(node: ir.Expression | ir.Statement) -> ir.Expression | ir.Statement | None:
    if isinstance(node, _CALLS):
        return node
    return next((found for each in parts(node) if (found := _call_in(each)) is not None), None)
