"""Calls of kernel helpers -> IR: plain ones, methods of maps, of the context, of kernel objects."""

from __future__ import annotations

import ast

from pybpf.compiler.frontend import expressions, names
from pybpf.compiler.frontend.hints import of_map_method
from pybpf.compiler.frontend.regions import in_packet
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.signature import role
from pybpf.compiler.frontend.wording import shown
from pybpf.compiler.frontend.writable import check_map_call
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import ArrayType, Declaration, KernelObject, MapFlag, Role, Struct, Width
from pybpf.compiler.lang.helper import Give, Helper, Pass, helper_of

_LANGUAGE = "pybpf.compiler.lang."


def function_call(scope: Scope, node: ast.Call, helper: Helper) -> ir.Expression:
    """`ktime_ns()`."""
    made = _made(scope, node, helper, None, ())
    if helper.releases:
        _give_back(scope, node.args[0])
    return made


def context_method(scope: Scope, node: ast.Call, helper: Helper, context: ir.Expression) -> ir.Expression:
    """`packet.store(0, header)`."""
    return _made(scope, node, helper, None, (context,))


def object_method(scope: Scope, node: ast.Call, helper: Helper, owner: ast.expr) -> ir.Expression:
    """`socket.release()`, `flow.timer.start(1000)`: the object is the first argument."""
    base, _ = expressions.pointer(scope, owner)
    made = _made(scope, node, helper, None, (base,))
    if helper.releases:
        _give_back(scope, owner)
    return made


def inner_map_method(scope: Scope, node: ast.Call, name: str, inner: ir.Expression) -> ir.Expression:
    """`inner.lookup(key)`, of a map that a map of maps gave."""
    assert isinstance(inner.type, ir.InnerMap)
    if inner.type.maybe:
        raise scope.fail(node, "kernel-none", "this map may be None here", "compare it with `is None` first; the verifier refuses it otherwise")
    return _made(scope, node, _of_class(scope, node, inner.type.declaration, name), None, (inner,))


def map_method(scope: Scope, node: ast.Call, function: ast.Attribute, owner: Declaration) -> ir.Expression:
    """`table.lookup(key)`."""
    helper = _of_class(scope, node, owner, function.attr)
    check_map_call(scope, node, helper, owner)
    made = _made(scope, node, helper, map_of(scope, function.value, owner), ())
    if helper.releases:
        _give_back(scope, node.args[0])
    return made


def _of_class(scope: Scope, node: ast.Call, owner: Declaration, name: str) -> Helper:
    """The helper that a method of a map is. An override without a mark of its own is the same helper."""
    helper = next((found for kind in type(owner).__mro__ if (found := helper_of(vars(kind).get(name))) is not None), None)
    if (other := next((kind for kind in type(owner).__mro__ if name in vars(kind) and not kind.__module__.startswith(_LANGUAGE)), None)) is not None:
        raise scope.fail(node, "kernel-call", f"{other.__name__} has a method {name!r} of its own, which the kernel does not", "call a @function instead")
    if helper is None:
        methods = sorted({each for kind in type(owner).__mro__ for each, value in vars(kind).items() if helper_of(value) is not None})
        raise scope.fail(node, "kernel-call", f"{type(owner).__name__} has no method {name!r} in a kernel program", of_map_method(name, methods))
    return helper


def map_of(scope: Scope, node: ast.expr, owner: Declaration) -> ir.Map:
    """The map that a name stands for, under that name in the object."""
    name = ast.unparse(node).rpartition(".")[2]
    scope.claim(node, name, owner)
    return scope.uses.map(name, owner)


def _made(scope: Scope, node: ast.Call, helper: Helper, of: ir.Map | None, first: tuple[ir.Expression, ...]) -> ir.Expression:
    wanted = helper.signature.parameters
    if len(wanted) != len(node.args):
        names_of = ", ".join(name for name, _ in wanted)
        raise scope.fail(node, "kernel-call", f"`{ast.unparse(node.func)}` takes {len(wanted)} arguments, not {len(node.args)}", f"write {ast.unparse(node.func)}({names_of})")
    declaration = of.declaration if of is not None else next((each.type.declaration for each in first if isinstance(each.type, ir.InnerMap)), None)
    arguments = tuple(_argument(scope, value, name, kind, helper, declaration) for value, (name, kind) in zip(node.args, wanted, strict=True))
    for value, argument in zip(node.args, arguments, strict=True):
        if in_packet(argument) and not helper.takes_packet:
            raise scope.fail(value, "kernel-call", f"`{ast.unparse(node.func)}` cannot be given a view on the packet", "copy it with `packet.load` into a struct of your own")
    result = _result(scope, node, helper, declaration, arguments)
    made = ir.HelperCall(scope.place(node), result, helper, of, (*first, *arguments))
    if helper.moves_packet:
        scope.packet_moved(node)
    return made


def _give_back(scope: Scope, node: ast.expr) -> None:
    """`node` was given back to the kernel: nobody has it any more."""
    if not isinstance(node, ast.Name) or not isinstance(kind := scope.types.get(node.id), ir.Pointer) or not kind.owed:
        raise scope.fail(node, "kernel-unreleased", f"`{ast.unparse(node)}` is nothing that is to be given back", "give back what was got, once, under the name it was got under")
    line = scope.place(node).line
    scope.lose(node.id, "kernel-unreleased", f"`{node.id}` was given back on line {line}", "use it before")


def _argument(scope: Scope, node: ast.expr, name: str, kind: Pass, helper: Helper, of: Declaration | None) -> ir.Expression:
    match kind:
        case Pass.LENGTH:
            return expressions.word(scope, node)
        case Pass.SCALAR:
            value = expressions.expression(scope, node)
            if isinstance(value.type, ir.Bool):
                return value
            if not isinstance(value.type, ir.Word):
                raise scope.fail(node, "kernel-type", f"a number is needed here, not {shown(value.type)}", "use a field or compare it first")
            return expressions.fitting(scope, node, value, helper.signature.widths[name])
        case Pass.KEY | Pass.VALUE:
            assert of is not None
            return _of_map(scope, node, of, kind)
        case Pass.CONTEXT:
            return _context(scope, node)
        case Pass.CALLBACK:
            return _callback(scope, node, helper, of)
        case Pass.MAP:
            return _map(scope, node)
        case Pass.KIND:
            struct = names.named_object(scope, node)
            if not isinstance(struct, type) or not issubclass(struct, Struct):
                raise scope.fail(node, "kernel-type", "a Struct class is needed here", "name the class itself")
            return ir.SizeOf(scope.place(node), ir.Nothing(), struct)
        case Pass.MEMORY:
            return _memory(scope, node, helper.signature.structs[name])


def _of_map(scope: Scope, node: ast.expr, of: Declaration, kind: Pass) -> ir.Expression:
    """A key or a value, of the type its map is declared with."""
    wanted = of.key if kind is Pass.KEY else of.value
    what = "the key" if kind is Pass.KEY else "the value"
    if isinstance(wanted, Width):
        return expressions.fitting(scope, node, expressions.word(scope, node), wanted)
    value, struct = expressions.pointer(scope, node)
    if struct is not wanted:
        name = wanted.__name__ if isinstance(wanted, type) else "nothing"
        raise scope.fail(node, "kernel-type", f"{what} must be {name}, not {struct.__name__}", "pass what the map is declared with")
    return value


def _memory(scope: Scope, node: ast.expr, wanted: tuple[type[Struct], ...]) -> ir.Expression:
    """A struct, an array or bytes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and not wanted:
        text = scope.uses.text(node.value)
        assert isinstance(text.type, ArrayType)
        return ir.GlobalAddress(scope.place(node), ir.ArrayPointer(text.type), text.name)
    value = expressions.expression(scope, node)
    if isinstance(value.type, ir.ArrayPointer) and not wanted:
        return value
    value, struct = expressions.pointer(scope, node)
    if not wanted and issubclass(struct, KernelObject):
        raise scope.fail(node, "kernel-type", f"a {struct.__name__} belongs to the kernel: its fields are read one by one", "copy what you need into a struct of your own")
    if wanted and not issubclass(struct, wanted):
        raise scope.fail(node, "kernel-type", f"{' or '.join(each.__name__ for each in wanted)} is needed here, not {struct.__name__}", "pass what the helper is declared with")
    return value


def _context(scope: Scope, node: ast.expr) -> ir.Expression:
    value = expressions.expression(scope, node)
    if not isinstance(value.type, ir.Context):
        raise scope.fail(node, "kernel-type", f"the context is needed here, not {shown(value.type)}", "pass the program's own parameter")
    return value


def _callback(scope: Scope, node: ast.expr, helper: Helper, of: Declaration | None) -> ir.Expression:
    """A @callback function, of the shape in which this helper calls it."""
    target = names.named_object(scope, node)
    if not callable(target) or role(target) is not Role.CALLBACK:
        raise scope.fail(node, "kernel-call", "a @callback function is needed here", "mark it with @callback")
    hidden, given = _CALLED_WITH.get(helper.number, (0, 0))
    made = scope.uses.function(scope, node, target)
    if len(made.parameters) != given - hidden - (given == 4):
        raise scope.fail(node, "kernel-signature", f"`{made.name}` is called with a key and a value", "write `(key: K, value: V) -> bool`")
    for parameter, wanted in zip(made.parameters, (of.key, of.view) if of is not None else (), strict=False):
        if not _is_given(parameter.type, wanted):
            raise scope.fail(node, "kernel-signature", f"`{parameter.name}` of `{made.name}` is not of the type that the map is declared with", "annotate it with the map's key or value; a big-endian key needs a Struct")
    scope.uses.shape(scope, node, made.name, hidden, given)
    return ir.FunctionAddress(scope.place(node), ir.Nothing(), made.name)


def _is_given(parameter: ir.Type, wanted: Width | type[Struct] | None) -> bool:
    """Whether a callback's parameter is what the map gives."""
    match parameter, wanted:
        case ir.Word(), Width(order="little") as width:
            return parameter == ir.Word.of(width)
        case ir.Pointer(struct=struct, maybe=False), type():
            return struct is wanted
        case _:
            return False


# helper -> (arguments before those that a Python callback has, all arguments): the map comes first, a context last
_CALLED_WITH = {164: (1, 4), 170: (1, 3)}


def _map(scope: Scope, node: ast.expr) -> ir.Expression:
    """A map as an argument."""
    owner = names.named_object(scope, node)
    if not isinstance(owner, Declaration):
        raise scope.fail(node, "kernel-type", "a map is needed here", "name the map that the struct lies in")
    return ir.MapAddress(scope.place(node), ir.Nothing(), map_of(scope, node, owner))


def _result(scope: Scope, node: ast.AST, helper: Helper, of: Declaration | None, arguments: tuple[ir.Expression, ...]) -> ir.Type:
    signature = helper.signature
    match signature.give:
        case Give.NUMBER:
            return ir.Word.of(signature.width)
        case Give.SUCCESS:
            return ir.Bool()
        case Give.NOTHING:
            return ir.Nothing()
        case Give.INNER_MAP:
            assert of is not None and of.inner is not None
            return ir.InnerMap(of.inner, maybe=True)
        case Give.POINTER:
            made = next((each.struct for each in arguments if isinstance(each, ir.SizeOf)), signature.result)
            if made is None:
                assert of is not None
                made = of.view
            readonly = of is not None and MapFlag.RDONLY_PROG in of.flags
            return ir.Pointer(made, maybe=True, owed=helper.acquires, readonly=readonly)
