"""Python statement -> IR statements. What is not named here is refused, with its place."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from pybpf.compiler.frontend import expressions
from pybpf.compiler.frontend.calls import atomic_field
from pybpf.compiler.frontend.narrow import Types, assigned, assume, forget, join, outside_packet
from pybpf.compiler.frontend.regions import on_stack, outlived
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import leaves
from pybpf.compiler.lang import Struct, Width
from pybpf.compiler.lang.declare import MAX_ROUNDS

Block = tuple[ir.Statement, ...]


def block(scope: Scope, nodes: Sequence[ast.stmt]) -> Block:
    """A run of statements, in order."""
    made: list[ir.Statement] = []
    for node in nodes:
        for each in statement(scope, node):
            if (view := outlived(each, scope.uses.movers)) is not None:
                raise scope.fail(node, "kernel-moved", f"a view on the packet ({view.place.line}:{view.place.column}) is used after this statement has moved it", "move the packet in a statement of its own, first")
            made.append(each)
    return tuple(made)


def statement(scope: Scope, node: ast.stmt) -> list[ir.Statement]:
    """One statement; CompileError when it is not of the language."""
    place = scope.place(node)
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
            return []
        case ast.Expr(value=ast.Call() as call):
            return [_effect(scope, call)]
        case ast.Assign(targets=[target], value=value):
            return _assign(scope, target, value)
        case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
            return _assign(scope, target, value)
        case ast.AugAssign(target=target, op=operator, value=value):
            read = ast.copy_location(_as_load(target), target)
            total = expressions.binary(scope, node, operator, expressions.word(scope, read), expressions.word(scope, value))
            return [_store(scope, target, total)]
        case ast.If():
            return [_if(scope, node)]
        case ast.For():
            return [_for(scope, node)]
        case ast.Break() | ast.Continue() if scope.loops:
            return [ir.Break(place) if isinstance(node, ast.Break) else ir.Continue(place)]
        case ast.Return(value=value):
            return [_return(scope, node, value)]
    raise scope.fail(
        node, "kernel-construct", f"a kernel program cannot contain {type(node).__name__}", "see docs/kernel-python.md for what it can contain"
    )


def widest(kind: ir.Type) -> ir.Type:
    """The type a variable is declared with: what is known of one value is not known of all."""
    match kind:
        case ir.Word():
            return ir.Word()
        case ir.Pointer(struct=struct):
            return ir.Pointer(struct, maybe=True, of_packet=True)
        case _:
            return kind


def _effect(scope: Scope, node: ast.Call) -> ir.Statement:
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("add_atomic", "copy_from") and not node.keywords:
        base, struct = expressions.pointer(scope, node.func.value)
        if node.func.attr == "copy_from" and len(node.args) == 1:
            other, kind = expressions.pointer(scope, node.args[0])
            if kind is not struct:
                raise scope.fail(node, "kernel-type", f"{kind.__name__} cannot be copied to {struct.__name__}", "copy between equal structs")
            return ir.Copy(scope.place(node), base, other, struct.size_bytes)
        match node.args:
            case [ast.Constant(value=str(name)), amount]:
                offset, bits = atomic_field(scope, node, base, struct, name)
                return ir.AddAtomic(scope.place(node), base, offset, bits, expressions.word(scope, amount))
        raise scope.fail(node, "kernel-call", f"{node.func.attr} is called with the wrong arguments", "see docs/kernel-python.md")
    return ir.Evaluate(scope.place(node), expressions.expression(scope, node))


def _assign(scope: Scope, target: ast.expr, value: ast.expr) -> list[ir.Statement]:
    if isinstance(target, ast.Name) and isinstance(value, ast.Call):
        kind = expressions.named_object(scope, value.func)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return _allocate(scope, target, value, kind)
    return [_store(scope, target, expressions.expression(scope, value))]


def _allocate(scope: Scope, target: ast.Name, value: ast.Call, kind: type[Struct]) -> list[ir.Statement]:
    """`name = Kind()`: a zeroed struct on the stack."""
    if value.args or value.keywords:
        raise scope.fail(value, "kernel-call", f"{kind.__name__}() takes no arguments here", "set its fields afterwards")
    if scope.storage.setdefault(target.id, kind) is not kind:
        raise scope.fail(target, "kernel-type", f"`{target.id}` is a {scope.storage[target.id].__name__} already", "use another name")
    place = scope.place(target)
    storage = ir.Storage(place, ir.Pointer(kind), target.id)
    return [ir.Clear(place, storage), _store(scope, target, storage)]


def _store(scope: Scope, target: ast.expr, value: ir.Expression) -> ir.Statement:
    place = scope.place(target)
    match target:
        case ast.Name(id=name):
            return _set_local(scope, target, name, value)
        case ast.Attribute(value=owner, attr=attribute):
            base, struct = expressions.pointer(scope, owner)
            field = struct.layout.get(attribute)
            if field is None or not isinstance(field.type, Width) or not isinstance(value.type, ir.Word):
                raise scope.fail(target, "kernel-field", f"{struct.__name__}.{attribute} cannot be assigned {expressions.shown(value.type)}", "assign numbers to integer fields")
            return ir.Store(place, base, field.offset, field.type, value)
        case ast.Subscript(value=owner, slice=index):
            array = expressions.expression(scope, owner)
            if isinstance(array, ir.GlobalAddress) and scope.uses.globals[array.name].section.startswith(".rodata"):
                raise scope.fail(target, "kernel-readonly", f"`{ast.unparse(owner)}` is read-only", "put it into a section that is not .rodata")
            if not isinstance(array.type, ir.ArrayPointer) or not isinstance(value.type, ir.Word):
                raise scope.fail(target, "kernel-type", "only elements of arrays can be assigned, and only numbers", "use an array")
            at = expressions.word(scope, index)
            expressions.check_index(scope, target, at, array.type.array.count)
            element = array.type.array.element
            return ir.StoreElement(place, array, at, element.bits, element.order, value)
    raise scope.fail(target, "kernel-construct", f"cannot assign to {type(target).__name__}", "assign to a name, a field or an element")


def _set_local(scope: Scope, node: ast.expr, name: str, value: ir.Expression) -> ir.Statement:
    match value.type:
        case ir.Word() | ir.Bool() | ir.Pointer():
            pass
        case _:
            raise scope.fail(node, "kernel-type", f"{expressions.shown(value.type)} cannot be kept in a variable", "use it where it is")
    if not isinstance(value, ir.Storage) and on_stack(value, scope.storage):
        raise scope.fail(node, "kernel-escape", f"`{name}` would be a second name for a struct on the stack", "keep one name for it, or copy it with `copy_from`")
    declared = scope.locals.setdefault(name, widest(value.type))
    if widest(value.type) != declared:
        raise scope.fail(node, "kernel-type", f"`{name}` is {expressions.shown(declared)}, not {expressions.shown(value.type)}", "use another name: a variable keeps its type")
    scope.types = scope.types | {name: value.type}
    scope.lost.pop(name, None)
    return ir.Assign(scope.place(node), name, value)


def _if(scope: Scope, node: ast.If) -> ir.If:
    test, before = expressions.condition(scope, node.test), scope.types
    scope.types = assume(before, test, True)
    then = block(scope, node.body)
    after_then = scope.types
    scope.types = assume(before, test, False)
    other = block(scope, node.orelse)
    scope.types = _meet(then, after_then, other, scope.types)
    return ir.If(scope.place(node), test, then, other)


def _meet(then: Block, after_then: Types, other: Block, after_other: Types) -> Types:
    if leaves(then):
        return after_other
    return after_then if leaves(other) else join(after_then, after_other)


def _for(scope: Scope, node: ast.For) -> ir.For:
    if not isinstance(node.target, ast.Name) or node.orelse:
        raise scope.fail(node, "kernel-construct", "a loop has one variable and no else", "write `for i in range(...):`")
    start, stop = _range(scope, node.iter)
    name = node.target.id
    if name in scope.locals and scope.locals[name] != ir.Word():
        raise scope.fail(node.target, "kernel-type", f"`{name}` is no number elsewhere", "use another name")
    scope.locals[name] = ir.Word()
    before, moves = forget(scope.types, assigned(node.body)), scope.moves
    body = _round(scope, node, before | {name: ir.Word(max(stop - 1, 0))})
    if scope.moves != moves:  # what one round moves is moved in the next: once more, with that known
        before = outside_packet(before)
        body = _round(scope, node, before | {name: ir.Word(max(stop - 1, 0))})
    # The loop may not run at all: what it set is known afterwards only as far as it was before.
    scope.types = {known: kind for known, kind in before.items() if known != name}
    return ir.For(scope.place(node), name, start, stop, body)


def _round(scope: Scope, node: ast.For, known: Types) -> Block:
    """The body of a loop, with `known` at the start of every round."""
    scope.types = known
    scope.loops += 1
    body = block(scope, node.body)
    scope.loops -= 1
    return body


def _range(scope: Scope, node: ast.expr) -> tuple[int, int]:
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[_] | [_, _] as arguments, keywords=[]) if scope.is_builtin("range"):
            bounds = [expressions.expression(scope, each) for each in arguments]
            values = [each.value for each in bounds if isinstance(each, ir.Constant)]
            start, stop = ([0, *values] if len(arguments) == 1 else values) if len(values) == len(arguments) else (0, -1)
            if 0 <= start <= stop <= start + MAX_ROUNDS:
                return start, stop
    raise scope.fail(node, "kernel-loop", "a loop needs constant bounds, at most 65536 rounds", "write `for i in range(64):` and `break` early")


def _return(scope: Scope, node: ast.Return, value: ast.expr | None) -> ir.Return:
    place, wanted = scope.place(node), scope.result
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        if isinstance(wanted, ir.Nothing):
            return ir.Return(place, None)
        if isinstance(wanted, ir.Pointer) and wanted.maybe:
            return ir.Return(place, ir.Null(place, wanted))
        raise scope.fail(node, "kernel-type", f"the function returns {expressions.shown(wanted)}", "return a value")
    result = expressions.expression(scope, value)
    match result.type, wanted:
        case (ir.Word(), ir.Word()) | (ir.Bool(), ir.Bool()):
            return ir.Return(place, result)
        case ir.Pointer(struct=have, maybe=maybe), ir.Pointer(struct=want, maybe=allowed) if have is want and allowed >= maybe:
            if on_stack(result, scope.storage):
                raise scope.fail(value, "kernel-escape", f"`{ast.unparse(value)}` lies on this function's stack", "let the caller pass the struct in")
            return ir.Return(place, result)
    raise scope.fail(value, "kernel-type", f"the function returns {expressions.shown(wanted)}, not {expressions.shown(result.type)}", "return what it is declared to")


def _as_load(target: ast.expr) -> ast.expr:
    """`x += 1` reads x: the same target as an expression."""
    match target:
        case ast.Name(id=name):
            return ast.copy_location(ast.Name(name, ast.Load()), target)
        case ast.Attribute(value=value, attr=attribute):
            return ast.copy_location(ast.Attribute(value, attribute, ast.Load()), target)
        case ast.Subscript(value=value, slice=index):
            return ast.copy_location(ast.Subscript(value, index, ast.Load()), target)
        case _:
            return target
