"""Assignments -> IR: to names, fields, elements and the context; structs on the stack; declarations."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from pybpf.compiler.frontend import expressions, names
from pybpf.compiler.frontend.allowed import MAX_STACK
from pybpf.compiler.frontend.owed import check_name
from pybpf.compiler.frontend.regions import on_stack
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.signature import annotation
from pybpf.compiler.frontend.wording import did_you_mean, shown
from pybpf.compiler.frontend.writable import check_writable
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import KernelObject, Rounds, Struct, Width
from pybpf.compiler.lang.declare import MAX_ROUNDS


def assign(scope: Scope, targets: list[ast.expr], value: ast.expr) -> list[ir.Statement]:
    """`target = value`, `a = b = value` for names, or `a, b = b, a`."""
    first, *others = targets
    if isinstance(first, ast.Tuple) and not others:
        return _unpack(scope, first, value)
    if isinstance(first, ast.Name) and isinstance(value, ast.Call) and not others:
        kind = names.named_object(scope, value.func)
        if kind is Rounds:
            return _rounds(scope, first, value)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return _allocate(scope, first, value, kind)
    made: list[ir.Statement] = [_store(scope, first, _value(scope, first, value))]
    for each in others:
        if not isinstance(first, ast.Name) or not isinstance(each, ast.Name):
            raise scope.fail(each, "kernel-construct", "only names can be assigned together", "write one assignment for each")
        made.append(_store(scope, each, names.local(scope, first, first.id)))
    return made


def allocated(scope: Scope) -> Iterator[str]:
    """The names that the function sets to a struct on its stack somewhere: in a loop, such a name may be one from the start."""
    for node in ast.walk(scope.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=made)) | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=made)):
                kind = names.named_object(scope, made)
                if isinstance(kind, type) and issubclass(kind, Struct):
                    yield name


def declare(scope: Scope, target: ast.Name, stated: ast.expr, value: ast.expr | None) -> list[ir.Statement]:
    """`name: u32 = value`: the name holds only what its type holds, all through the function."""
    kind = annotation(scope, stated)
    place = scope.place(target)  # the body of a loop is translated more than once
    if scope.declarations.setdefault(target.id, place) != place or (target.id in scope.locals and target.id not in scope.declared):
        raise scope.fail(target, "kernel-type", f"`{target.id}` is declared or used before", "declare a variable once, where it is set first")
    scope.declared[target.id] = kind
    return [] if value is None else assign(scope, [target], value)


def augment(scope: Scope, node: ast.AugAssign) -> ir.Statement:
    """`target += value`."""
    if isinstance(node.target, ast.Attribute | ast.Subscript):
        _check_owner(scope, node.target.value, node.value)
    target, read = _once(scope, node.target)
    total = expressions.binary(scope, node, node.op, expressions.word(scope, read), expressions.word(scope, node.value))
    return _store(scope, target, total)


def _unpack(scope: Scope, target: ast.Tuple, value: ast.expr) -> list[ir.Statement]:
    """`a, b = b, a`: all values first, then all targets, from left to right (Python reference, 7.2)."""
    if not isinstance(value, ast.Tuple):
        raise scope.fail(value, "kernel-construct", "only values written side by side can be unpacked", "write `a, b = first, second`")
    if len(target.elts) != len(value.elts):
        raise scope.fail(target, "kernel-construct", f"{len(value.elts)} values for {len(target.elts)} targets", "write one value for each")
    made: list[ir.Statement] = []
    kept: list[ast.expr] = []
    for each in value.elts:
        given = expressions.expression(scope, each)
        if not isinstance(given.type, ir.Word | ir.Bool):
            raise scope.fail(each, "kernel-type", f"{shown(given.type)} cannot be one of several values", "write an assignment of its own")
        name = scope.hidden()
        made.append(_set_local(scope, each, name, given))
        kept.append(ast.copy_location(ast.Name(name, ast.Load()), each))
    for one, name_of in zip(target.elts, kept, strict=True):
        made += assign(scope, [one], name_of)
    return made


def _value(scope: Scope, target: ast.expr, value: ast.expr) -> ir.Expression:
    """What is assigned; None takes its type from the declaration."""
    if isinstance(value, ast.Constant) and value.value is None:
        kind = scope.declared.get(target.id, scope.locals.get(target.id)) if isinstance(target, ast.Name) else None
        if not isinstance(kind, ir.Pointer) or not kind.maybe:
            raise scope.fail(value, "kernel-type", "None of what?", "declare the variable: `name: Kind | None = None`")
        return ir.Null(scope.place(value), ir.Pointer(kind.struct, maybe=True))
    return expressions.expression(scope, value)


def _rounds(scope: Scope, target: ast.Name, value: ast.Call) -> list[ir.Statement]:
    """`rounds = Rounds(64)`: known to the `while` that uses it, nothing at run time."""
    most = expressions.expression(scope, value.args[0]) if len(value.args) == 1 and not value.keywords else None
    if not isinstance(most, ir.Constant) or not 0 <= most.value <= MAX_ROUNDS:
        raise scope.fail(value, "kernel-loop", f"Rounds takes a constant, at most {MAX_ROUNDS}", "write Rounds(64)")
    scope.split.discard(target.id)
    scope.bounds[target.id] = (most.value, len(scope.loops))
    return []


def _allocate(scope: Scope, target: ast.Name, value: ast.Call, kind: type[Struct]) -> list[ir.Statement]:
    """`name = Kind()`: a zeroed struct on the stack."""
    if value.args or value.keywords:
        raise scope.fail(value, "kernel-call", f"{kind.__name__}() takes no arguments here", "set its fields afterwards")
    if issubclass(kind, KernelObject):
        raise scope.fail(value, "kernel-type", f"a {kind.__name__} is made by the kernel only", "ask a helper for one")
    if kind.size_bytes > MAX_STACK:
        raise scope.fail(value, "kernel-stack", f"{kind.__name__} has {kind.size_bytes} bytes, and the stack {MAX_STACK}", "keep it in a PerCpuArray of one entry, and look it up")
    if scope.storage.setdefault(target.id, kind) is not kind:
        raise scope.fail(target, "kernel-type", f"`{target.id}` is a {scope.storage[target.id].__name__} already", "use another name")
    place = scope.place(target)
    storage = ir.Storage(place, ir.Pointer(kind), target.id)
    return [ir.Clear(place, storage), _store(scope, target, storage)]


def _store(scope: Scope, target: ast.expr, value: ir.Expression) -> ir.Statement:
    match target:
        case ast.Name(id=name):
            return _set_local(scope, target, name, value)
        case ast.Attribute(value=owner):
            base = expressions.expression(scope, owner)
            if isinstance(base.type, ir.Context):
                return _set_context(scope, target, base, base.type, value)
            return _set_field(scope, target, value)
        case ast.Subscript():
            return _set_element(scope, target, value)
    raise scope.fail(target, "kernel-construct", f"cannot assign to {type(target).__name__}", "assign to a name, a field or an element")


def _set_local(scope: Scope, node: ast.expr, name: str, value: ir.Expression) -> ir.Statement:
    if not isinstance(value, ir.Storage) and on_stack(value, scope.stacked):
        raise scope.fail(node, "kernel-escape", f"`{name}` would be a second name for a struct on the stack", "keep one name for it, or copy it with `copy_from`")
    check_name(scope, node, name, value)
    scope.assign(node, name, value.type)
    return ir.Assign(scope.place(node), name, value)


def _set_field(scope: Scope, target: ast.Attribute, value: ir.Expression) -> ir.Statement:
    base, struct = expressions.pointer(scope, target.value)
    field = struct.layout.get(target.attr)
    if issubclass(struct, KernelObject):
        raise scope.fail(target, "kernel-readonly", f"{struct.__name__} belongs to the kernel", "only read it")
    if field is None or not isinstance(field.type, Width) or not isinstance(value.type, ir.Word):
        raise scope.fail(target, "kernel-field", f"{struct.__name__}.{target.attr} cannot be assigned {shown(value.type)}", "assign numbers to integer fields; copy structs with `copy_from`")
    check_writable(scope, target, base)
    return ir.Store(scope.place(target), base, field.offset, field.type, value)


def _set_element(scope: Scope, target: ast.Subscript, value: ir.Expression) -> ir.Statement:
    array = expressions.expression(scope, target.value)
    check_writable(scope, target, array)
    if not isinstance(array.type, ir.ArrayPointer) or not isinstance(value.type, ir.Word):
        raise scope.fail(target, "kernel-type", "only elements of arrays can be assigned, and only numbers", "use an array")
    at = expressions.word(scope, target.slice)
    expressions.check_index(scope, target, at, array.type.array.count)
    return ir.StoreElement(scope.place(target), array, at, array.type.array.element, value)


def _set_context(scope: Scope, target: ast.Attribute, base: ir.Expression, context: ir.Context, value: ir.Expression) -> ir.Statement:
    field = context.kind.context_fields.get(target.attr)
    if field is None:
        raise scope.fail(target, "kernel-field", f"{context.kind.__name__} has no field {target.attr!r}", did_you_mean(target.attr, context.kind.context_fields))
    if not isinstance(field.value, Width) or not isinstance(value.type, ir.Word):
        raise scope.fail(target, "kernel-field", f"{context.kind.__name__}.{target.attr} cannot be assigned {shown(value.type)}", "assign numbers to integer fields")
    expressions.fitting(scope, target, value, field.value)
    return ir.StoreContext(scope.place(target), base, field, value)


def _check_owner(scope: Scope, owner: ast.expr, value: ast.expr) -> None:
    """Refuse what would find another struct when it is looked for again: `lookup(0).field += 1`, `view.field += (view := other).field`."""
    if any(isinstance(each, ast.Call | ast.NamedExpr) for each in ast.walk(owner)):
        raise scope.fail(owner, "kernel-construct", "a call here would be made twice", "keep its result in a variable first")
    named = {each.id for each in ast.walk(owner) if isinstance(each, ast.Name)}
    if any(isinstance(each, ast.NamedExpr) and each.target.id in named for each in ast.walk(value)):
        raise scope.fail(value, "kernel-construct", "this sets a name that the target is found by", "set it in a statement of its own")


def _once(scope: Scope, target: ast.expr) -> tuple[ast.expr, ast.expr]:
    """(target, the same as an expression): `x += 1` reads x. An index is computed when it is read, and kept."""
    read = target
    match target:
        case ast.Name(id=name):
            read = ast.Name(name, ast.Load())
        case ast.Attribute(value=value, attr=attribute):
            read = ast.Attribute(value, attribute, ast.Load())
        case ast.Subscript(value=value, slice=index):
            name = scope.hidden()
            kept = ast.copy_location(ast.NamedExpr(ast.copy_location(ast.Name(name, ast.Store()), index), index), index)
            read = ast.Subscript(value, kept, ast.Load())
            target = ast.copy_location(ast.Subscript(value, ast.copy_location(ast.Name(name, ast.Load()), index), ast.Store()), target)
    return target, ast.copy_location(read, target)
