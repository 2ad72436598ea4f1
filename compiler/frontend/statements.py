"""Python statement -> IR statements. What is not named here is refused, with its place."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from pybpf.compiler.diag import CompileError
from pybpf.compiler.frontend import expressions
from pybpf.compiler.frontend.assignments import assign, augment, declare
from pybpf.compiler.frontend.hints import refused
from pybpf.compiler.frontend.locking import locked
from pybpf.compiler.frontend.loops import bounded_while, counted, leave_round
from pybpf.compiler.frontend.matching import as_branches
from pybpf.compiler.frontend.narrow import Types, assigned, assume, join
from pybpf.compiler.frontend.owed import check_kept, check_nothing, check_same
from pybpf.compiler.frontend.regions import in_packet, on_stack, outlived
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.uses import Abandoned
from pybpf.compiler.frontend.wording import shown
from pybpf.compiler.frontend.writable import check_calls, check_writable
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import leaves

MAX_COPY = 4096  # bytes that one `copy_from` moves, each eight of them by two instructions
Block = tuple[ir.Statement, ...]


def block(scope: Scope, nodes: Sequence[ast.stmt]) -> Block:
    """A run of statements, in order. One that is refused is reported; what depends on it is passed over in silence."""
    made: list[ir.Statement] = []
    for node in nodes:
        try:
            for each in statement(scope, node):
                if (view := outlived(each, scope.uses.movers)) is not None:
                    raise scope.fail(node, "kernel-moved", f"a view on the packet ({view.place.line}:{view.place.column}) is used after this statement has moved it", "move the packet in a statement of its own, first")
                check_kept(scope, node, each)
                check_calls(scope, node, each)
                made.append(each)
        except CompileError as error:
            scope.uses.report(error)
            _poison(scope, node)
        except Abandoned:
            _poison(scope, node)
    return tuple(made)


def statement(scope: Scope, node: ast.stmt) -> list[ir.Statement]:
    """One statement; CompileError when it is not of the language."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
            return []
        case ast.Expr(value=ast.Call() as call):
            return [_effect(scope, call)]
        case ast.Assign(targets=targets, value=value):
            return assign(scope, targets, value)
        case ast.AnnAssign(target=ast.Name() as target, annotation=annotation, value=value):
            return declare(scope, target, annotation, value)
        case ast.AugAssign():
            return [augment(scope, node)]
        case ast.If():
            return [_if(scope, node)]
        case ast.Match():
            return [each for made in as_branches(scope, node) for each in statement(scope, made)]
        case ast.For():
            return [counted(scope, node, block)]
        case ast.While():
            return [bounded_while(scope, node, block)]
        case ast.With():
            return [locked(scope, node, block)]
        case ast.Break() | ast.Continue() if scope.loops:
            return [leave_round(scope, node)]
        case ast.Return(value=value):
            return [_return(scope, node, value)]
    what, hint = refused(node)
    raise scope.fail(node, "kernel-construct", f"a kernel program cannot contain {what}", hint)


def _poison(scope: Scope, node: ast.stmt) -> None:
    """What a refused statement would have set is unknown, and no news."""
    names = assigned([node])
    scope.poisoned |= names
    scope.types = {name: kind for name, kind in scope.types.items() if name not in names}


def _effect(scope: Scope, node: ast.Call) -> ir.Statement:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "copy_from" and not node.keywords:
        return _copy(scope, node, node.func.value)
    made = expressions.expression(scope, node)
    return ir.Evaluate(scope.place(node), made)


def _copy(scope: Scope, node: ast.Call, owner: ast.expr) -> ir.Statement:
    base, struct = expressions.pointer(scope, owner)
    if len(node.args) != 1:
        raise scope.fail(node, "kernel-call", "copy_from takes the struct to copy", "write target.copy_from(source)")
    other, kind = expressions.pointer(scope, node.args[0])
    if kind is not struct:
        raise scope.fail(node, "kernel-type", f"{kind.__name__} cannot be copied to {struct.__name__}", "copy between equal structs")
    check_writable(scope, owner, base)
    if in_packet(base) and in_packet(other):
        raise scope.fail(node, "kernel-call", "two views on the packet may overlap", f"copy through a {struct.__name__} of your own")
    if struct.size_bytes > MAX_COPY:
        raise scope.fail(node, "kernel-call", f"copying {struct.size_bytes} bytes takes {struct.size_bytes // 4} instructions; {MAX_COPY} bytes are the most", "copy the fields that matter, or loop over the arrays")
    special = next((name for name, field in struct.layout.items() if isinstance(field.type, type) and field.type.symbol in ("bpf_spin_lock", "bpf_timer")), None)
    if special is not None:
        raise scope.fail(node, "kernel-lock", f"{struct.__name__} cannot be copied: only the kernel writes its `{special}`", "assign the fields, or update the map")
    return ir.Copy(scope.place(node), base, other, struct.size_bytes)


def _if(scope: Scope, node: ast.If) -> ir.If:
    scope.test = node.test
    test = expressions.condition(scope, node.test)
    before, bounds = scope.types, scope.bounds.copy()
    scope.types = assume(before, test, True)
    then = block(scope, node.body)
    after_then, after_bounds = scope.types, scope.bounds
    scope.bounds = bounds.copy()
    scope.types = assume(before, test, False)
    other = block(scope, node.orelse)
    after_other = scope.types
    same = after_bounds.items() & scope.bounds.items()
    scope.split |= (after_bounds.keys() | scope.bounds.keys()) - {name for name, _ in same}
    scope.bounds = {name: bound for name, bound in bounds.items() if (name, bound) in same}
    if not leaves(then) and not leaves(other):
        check_same(scope, node, after_then, after_other)
    scope.types = _meet(then, after_then, other, after_other)
    return ir.If(scope.place(node), test, then, other)


def _meet(then: Block, after_then: Types, other: Block, after_other: Types) -> Types:
    if leaves(then):
        return after_other
    return after_then if leaves(other) else join(after_then, after_other)


def _return(scope: Scope, node: ast.Return, value: ast.expr | None) -> ir.Return:
    place, wanted = scope.place(node), scope.result
    made = _returned(scope, node, value)
    check_nothing(scope, node, "before this return")
    if made is None or isinstance(made, ir.Null):
        return ir.Return(place, made)
    match made.type, wanted:
        case ir.Word() as have, ir.Word() as want:
            if not want.holds(have) and not scope.is_program:
                raise scope.fail(node, "kernel-range", f"the result may be from {have.low} to {have.high}, the function says {want.low} to {want.high}", "mask it, compare it first, or wrap it")
            return ir.Return(place, made)
        case ir.Bool(), ir.Bool():
            return ir.Return(place, made)
        case ir.Pointer(struct=have_struct, maybe=maybe), ir.Pointer(struct=want_struct, maybe=allowed) if have_struct is want_struct and allowed >= maybe:
            if on_stack(made, scope.stacked):
                assert value is not None
                raise scope.fail(value, "kernel-escape", f"`{ast.unparse(value)}` lies on this function's stack", "let the caller pass the struct in")
            return ir.Return(place, made)
    hint = "write `1 if ... else 0`, or return one of the program type's results" if isinstance(made.type, ir.Bool) else "return what it is declared to"
    raise scope.fail(value or node, "kernel-type", f"the function returns {shown(wanted)}, not {shown(made.type)}", hint)


def _returned(scope: Scope, node: ast.Return, value: ast.expr | None) -> ir.Expression | None:
    """The value of a return; None for a function without result."""
    wanted = scope.result
    if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
        return expressions.expression(scope, value)
    if isinstance(wanted, ir.Nothing):
        return None
    if isinstance(wanted, ir.Pointer) and wanted.maybe:
        return ir.Null(scope.place(node), wanted)
    raise scope.fail(node, "kernel-type", f"the function returns {shown(wanted)}", "return a value")
