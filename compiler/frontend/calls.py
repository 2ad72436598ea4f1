"""Python call -> IR: kernel functions, helpers by their table, and the few calls with a meaning of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pybpf.compiler.frontend import expressions
from pybpf.compiler.frontend.regions import in_packet, may_give
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.signature import role, signature
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Declaration, Role, Struct, Table, Width, checksum_add, ktime_ns, repeat
from pybpf.compiler.lang.helpers import HELPERS, MAX_REPEATS, Helper, Pass, Result
from pybpf.compiler.lang.skb import MAX_HEADER_OFFSET

_TAKES_ARGUMENT = {Pass.SCALAR, Pass.MEMORY, Pass.LENGTH, Pass.KEY}
_HELPER_FUNCTIONS: tuple[Callable[..., Any], ...] = (checksum_add, ktime_ns)


def call(scope: Scope, node: ast.Call) -> ir.Expression:
    """Any call that yields a value or is made for its effect."""
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise scope.fail(node, "kernel-call", "a kernel call takes positional arguments only", "write the arguments in order")
    target = expressions.named_object(scope, node.func)
    if callable(target) and role(target) is Role.FUNCTION:
        return _function(scope, node, target)
    if isinstance(node.func, ast.Name) and node.func.id == "len" and scope.is_builtin("len"):
        return _length(scope, node)
    if target is repeat:
        return _repeat(scope, node)
    if any(target is each for each in _HELPER_FUNCTIONS):
        return _helper(scope, node, HELPERS[target.__name__], None, None)
    if isinstance(node.func, ast.Attribute):
        return _method(scope, node, node.func)
    raise scope.fail(node, "kernel-call", f"`{ast.unparse(node.func)}` is not a kernel function", "mark it with @function, or use a helper")


def _function(scope: Scope, node: ast.Call, target: Callable[..., Any]) -> ir.Expression:
    callee = scope.uses.function(scope, node, target)
    parameters = callee.parameters
    if len(parameters) != len(node.args):
        raise scope.fail(node, "kernel-call", f"{target.__name__} takes {len(parameters)} arguments, not {len(node.args)}", "see its definition")
    arguments = tuple(_argument(scope, value, wanted.type) for value, wanted in zip(node.args, parameters, strict=True))
    if callee.name in scope.uses.movers:
        for value, argument in zip(node.args, arguments, strict=True):
            if in_packet(argument):
                raise scope.fail(value, "kernel-moved", f"`{callee.name}` may move the packet that `{ast.unparse(value)}` points into", f"call `packet.header` in `{callee.name}`")
        scope.packet_moved(node)
    return ir.Call(scope.place(node), _call_type(scope, callee, arguments), callee.name, arguments)


def _call_type(scope: Scope, callee: ir.Function, arguments: tuple[ir.Expression, ...]) -> ir.Type:
    """The declared result; whether it may point into the packet depends on the callee and on what it was given."""
    if not isinstance(callee.result, ir.Pointer):
        return callee.result
    struct = callee.result.struct
    given = any(in_packet(each) and may_give(each.type, struct) for each in arguments)
    return replace(callee.result, of_packet=given or callee.name in scope.uses.finders)


def _argument(scope: Scope, node: ast.expr, wanted: ir.Type) -> ir.Expression:
    """An argument of the type its parameter has; a view may be passed where None is allowed too."""
    if isinstance(node, ast.Constant) and node.value is None and isinstance(wanted, ir.Pointer) and wanted.maybe:
        return ir.Null(scope.place(node), wanted)
    value = expressions.expression(scope, node)
    match value.type, wanted:
        case (ir.Word(), ir.Word()) | (ir.Bool(), ir.Bool()) | (ir.Context(), ir.Context()):
            return value
        case ir.Pointer(struct=have, maybe=maybe), ir.Pointer(struct=want, maybe=allowed) if have is want:
            if maybe and not allowed:
                return expressions.pointer(scope, node)[0]
            return value
        case ir.ArrayPointer(array=have_array), ir.ArrayPointer(array=want_array) if have_array == want_array:
            return value
    raise scope.fail(node, "kernel-type", f"{expressions.shown(wanted)} is needed here, not {expressions.shown(value.type)}", "pass what the parameter is declared as")


def _repeat(scope: Scope, node: ast.Call) -> ir.Expression:
    body = expressions.named_object(scope, node.args[1]) if len(node.args) == 2 else None
    if not callable(body) or role(body) is not Role.CALLBACK:
        raise scope.fail(node, "kernel-call", "repeat takes a number and a @callback function", "write repeat(64, body)")
    parameters, result = signature(scope, node, body)
    if [parameter.type for parameter in parameters] != [ir.Word()] or result != ir.Bool():
        raise scope.fail(node, "kernel-signature", f"{body.__name__} must take a number and return a bool", "annotate it: (u32) -> bool")
    rounds = expressions.word(scope, node.args[0])
    assert isinstance(rounds.type, ir.Word)
    if rounds.type.limit > MAX_REPEATS:
        raise scope.fail(node.args[0], "kernel-loop", f"the number of rounds is not known to be at most {MAX_REPEATS}", "mask it: `& 0xFFFF`")
    return ir.Repeat(scope.place(node), ir.Nothing(), rounds, scope.uses.function(scope, node, body).name)


def _length(scope: Scope, node: ast.Call) -> ir.Expression:
    if len(node.args) != 1:
        raise scope.fail(node, "kernel-call", "len takes one argument", "write len(array)")
    value = expressions.expression(scope, node.args[0])
    if not isinstance(value.type, ir.ArrayPointer):
        raise scope.fail(node, "kernel-type", f"{expressions.shown(value.type)} has no length", "only arrays have one")
    count = value.type.array.count
    return ir.Constant(scope.place(node), ir.Word(count), count)


def _method(scope: Scope, node: ast.Call, function: ast.Attribute) -> ir.Expression:
    name = function.attr
    owner = expressions.named_object(scope, function.value)
    if isinstance(owner, Declaration):
        return _map_method(scope, node, function, owner)
    base = expressions.expression(scope, function.value)
    match base.type:
        case ir.Context() if name == "header":
            return _header(scope, node, base)
        case ir.Context() if (helper := HELPERS.get(f"Skb.{name}")) is not None:
            return _helper(scope, node, helper, None, base)
        case ir.ArrayPointer(array=array) if name == "word" and len(node.args) == 1:
            index = expressions.word(scope, node.args[0])
            expressions.check_index(scope, node, index, array.octets - 7)
            return ir.LoadElement(scope.place(node), ir.Word(), base, index, 1, 64, "little")
        case ir.Pointer() if name == "compare_exchange":
            return _compare_exchange(scope, node, function)
    raise scope.fail(node, "kernel-call", f"{expressions.shown(base.type)} has no method {name!r}", "see docs/kernel-python.md for what it has")


def _map_method(scope: Scope, node: ast.Call, function: ast.Attribute, owner: Declaration) -> ir.Expression:
    kinds = [kind.__name__ for kind in type(owner).__mro__]
    helper = next((HELPERS[row] for kind in kinds if (row := f"{kind}.{function.attr}") in HELPERS), None)
    if helper is None:
        raise scope.fail(node, "kernel-call", f"{type(owner).__name__} has no method {function.attr!r} in a kernel program", "see docs/kernel-python.md")
    name = ast.unparse(function.value).rpartition(".")[2]
    scope.claim(function.value, name, owner)
    made = scope.uses.map(name, owner)
    context = None
    if Pass.CONTEXT in helper.arguments:
        if not node.args:
            raise scope.fail(node, "kernel-call", f"`{ast.unparse(node.func)}` takes the context first", "pass the program's packet")
        context = expressions.expression(scope, node.args[0])
        if not isinstance(context.type, ir.Context):
            raise scope.fail(node.args[0], "kernel-type", "the first argument must be the context", "pass the program's packet")
        node = ast.copy_location(ast.Call(node.func, node.args[1:], []), node)
    return _helper(scope, node, helper, made, context)


def _helper(scope: Scope, node: ast.Call, helper: Helper, of: ir.Map | None, context: ir.Expression | None) -> ir.Expression:
    wanted = [kind for kind in helper.arguments if kind in _TAKES_ARGUMENT]
    if len(wanted) != len(node.args):
        raise scope.fail(node, "kernel-call", f"`{ast.unparse(node.func)}` takes {len(wanted)} arguments, not {len(node.args)}", "see docs/kernel-python.md")
    arguments = tuple(_helper_argument(scope, value, kind, of) for value, kind in zip(node.args, wanted, strict=True))
    for value, argument in zip(node.args, arguments, strict=True):
        if in_packet(argument) and not helper.takes_packet:
            raise scope.fail(value, "kernel-call", f"`{ast.unparse(node.func)}` cannot be given a view on the packet", "copy it with `packet.load` into a struct of your own")
    made = ir.HelperCall(scope.place(node), _result(scope, node, helper, of), helper, of, context, arguments)
    if helper.moves_packet:
        scope.packet_moved(node)
    return made


def _helper_argument(scope: Scope, node: ast.expr, kind: Pass, of: ir.Map | None) -> ir.Expression:
    if kind in (Pass.SCALAR, Pass.LENGTH):
        return expressions.word(scope, node)
    if kind is Pass.KEY:
        assert of is not None
        return _key(scope, node, of.declaration)
    value = expressions.expression(scope, node)
    if isinstance(value.type, ir.ArrayPointer) and of is None:
        return value
    value, struct = expressions.pointer(scope, node)
    if of is not None and of.declaration.value not in (None, struct):
        raise scope.fail(node, "kernel-type", f"a value of `{of.name}` is not a {struct.__name__}", "pass what the map is declared with")
    return value


def _key(scope: Scope, node: ast.expr, of: Declaration) -> ir.Expression:
    if isinstance(of.key, type):
        value, struct = expressions.pointer(scope, node)
        if struct is not of.key:
            raise scope.fail(node, "kernel-type", f"the key must be {of.key.__name__}, not {struct.__name__}", "build a key struct")
        return value
    return expressions.word(scope, node)


def _result(scope: Scope, node: ast.AST, helper: Helper, of: ir.Map | None) -> ir.Type:
    match helper.result:
        case Result.NUMBER:
            return ir.Word()
        case Result.UNSIGNED32:
            return ir.Word(0xFFFFFFFF)
        case Result.SUCCESS:
            return ir.Bool()
        case Result.NOTHING:
            return ir.Nothing()
        case Result.NULLABLE:
            assert of is not None and isinstance(of.declaration, Table)
            if not isinstance(of.declaration.value, type):
                raise scope.fail(node, "kernel-type", f"the values of `{of.name}` are not structs", "declare the map with a Struct")
            return ir.Pointer(of.declaration.value, maybe=True)


def _header(scope: Scope, node: ast.Call, context: ir.Expression) -> ir.Expression:
    kind = expressions.named_object(scope, node.args[0]) if len(node.args) == 2 else None
    if not (isinstance(kind, type) and issubclass(kind, Struct)):
        raise scope.fail(node, "kernel-call", "header takes a Struct and an offset", "write packet.header(Ethernet, 0)")
    offset = expressions.word(scope, node.args[1])
    assert isinstance(offset.type, ir.Word)
    if offset.type.limit > MAX_HEADER_OFFSET:
        raise scope.fail(node.args[1], "kernel-index", f"the offset is not known to be at most {MAX_HEADER_OFFSET}", "mask it: `& 0x7FFF`")
    return ir.Header(scope.place(node), ir.Pointer(kind, maybe=True, of_packet=True), context, offset)


def _compare_exchange(scope: Scope, node: ast.Call, function: ast.Attribute) -> ir.Expression:
    base, struct = expressions.pointer(scope, function.value)
    if len(node.args) != 3 or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
        raise scope.fail(node, "kernel-call", "compare_exchange takes a field name and two numbers", 'write x.compare_exchange("busy", 0, 1)')
    offset, bits = atomic_field(scope, node, base, struct, node.args[0].value)
    expected, desired = expressions.word(scope, node.args[1]), expressions.word(scope, node.args[2])
    return ir.CompareExchange(scope.place(node), ir.Word((1 << bits) - 1), base, offset, bits, expected, desired)


def atomic_field(scope: Scope, node: ast.AST, base: ir.Expression, struct: type[Struct], name: str) -> tuple[int, int]:
    """(offset, bits) of a field that atomics work on: 32 or 64 bits in the machine's byte order, not in the packet."""
    field = struct.layout.get(name)
    width = field.type if field is not None and isinstance(field.type, Width) else None
    if field is None or width is None or width.bits not in (32, 64) or width.order != "little" or field.offset % width.octets:
        raise scope.fail(node, "kernel-atomic", f"{struct.__name__}.{name} is not an aligned u32 or u64", "atomics need one")
    if in_packet(base):
        raise scope.fail(node, "kernel-atomic", "the packet is not shared memory", "use an assignment")
    return field.offset, width.bits
