"""Python expression -> IR expression. What is not named here is refused, with its place."""

from __future__ import annotations

import ast
from enum import IntEnum
from types import ModuleType
from typing import Any

from pybpf.compiler.frontend import calls
from pybpf.compiler.frontend.narrow import assume
from pybpf.compiler.frontend.regions import in_packet
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import WORD_MAX, compute
from pybpf.compiler.lang import ArrayType, GlobalArray, Struct, Width
from pybpf.compiler.lang.skb import SKB_FIELDS

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "div", ast.Mod: "mod",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "shr",
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def expression(scope: Scope, node: ast.expr) -> ir.Expression:
    """Any expression; CompileError when it is not of the language."""
    place = scope.place(node)
    match node:
        case ast.Constant(value=bool(value)):
            return ir.Constant(place, ir.Bool(), int(value))
        case ast.Constant(value=int(value)):
            return _literal(scope, node, value)
        case ast.Name(id=name) if name in scope.own:
            return _local(scope, node, name)
        case ast.Name() | ast.Attribute():
            return _named(scope, node)
        case ast.Subscript(value=base, slice=index):
            return _element(scope, node, expression(scope, base), word(scope, index))
        case ast.BinOp(left=left, op=operator, right=right):
            return binary(scope, node, operator, word(scope, left), word(scope, right))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ir.Not(place, ir.Bool(), condition(scope, operand))
        case ast.UnaryOp(op=ast.Invert(), operand=operand):
            return ir.Invert(place, ir.Word(), word(scope, operand))
        case ast.BoolOp():
            return _logic(scope, node)
        case ast.Compare():
            return _compare(scope, node)
        case ast.IfExp():
            return _choose(scope, node)
        case ast.Call():
            return calls.call(scope, node)
    raise scope.fail(
        node, "kernel-construct", f"a kernel program cannot contain {_article(node)}", "see docs/kernel-python.md for what it can contain"
    )


def word(scope: Scope, node: ast.expr) -> ir.Expression:
    """An expression that must be a number."""
    result = expression(scope, node)
    if not isinstance(result.type, ir.Word):
        raise scope.fail(node, "kernel-type", f"a number is needed here, not {shown(result.type)}", "use a field or compare it first")
    return result


def condition(scope: Scope, node: ast.expr) -> ir.Expression:
    """An expression that must be a bool: the language has no truth of numbers or pointers."""
    result = expression(scope, node)
    if not isinstance(result.type, ir.Bool):
        hint = "compare it with `is not None`" if isinstance(result.type, ir.Pointer) else "compare it: `!= 0`"
        raise scope.fail(node, "kernel-type", f"a condition must be a bool, not {shown(result.type)}", hint)
    return result


def pointer(scope: Scope, node: ast.expr) -> tuple[ir.Expression, type[Struct]]:
    """An expression that must be a struct, and not None."""
    result = expression(scope, node)
    if not isinstance(result.type, ir.Pointer):
        raise scope.fail(node, "kernel-type", f"a struct is needed here, not {shown(result.type)}", "pass a struct")
    if result.type.maybe:
        raise scope.fail(
            node, "kernel-none", f"`{ast.unparse(node)}` may be None here", "compare it with `is None` first; the verifier refuses it otherwise"
        )
    return result, result.type.struct


def binary(scope: Scope, node: ast.AST, operator: ast.operator, left: ir.Expression, right: ir.Expression) -> ir.Expression:
    """Arithmetic on words, with what is known of the result's upper bound."""
    name = BINARY.get(type(operator))
    if name is None:
        raise scope.fail(node, "kernel-operator", f"operator {type(operator).__name__} has no BPF instruction", "use + - * // % & | ^ << >>")
    assert isinstance(left.type, ir.Word) and isinstance(right.type, ir.Word)
    if name in ("div", "mod") and not (isinstance(right, ir.Constant) and right.value):
        raise scope.fail(node, "kernel-divisor", "only a constant other than 0 can be a divisor", "BPF divides by zero silently")
    if name in ("shl", "shr") and right.type.limit > 63:
        raise scope.fail(node, "kernel-shift", "a shift must be known to be below 64", "mask the amount: `& 63`")
    if isinstance(left, ir.Constant) and isinstance(right, ir.Constant):
        return _number(scope.place(node), compute(name, left.value, right.value))
    return ir.Binary(scope.place(node), ir.Word(_limit(name, left, right)), name, left, right)


def shown(kind: ir.Type) -> str:
    """A type as an error message says it."""
    match kind:
        case ir.Word():
            return "a number"
        case ir.Bool():
            return "a bool"
        case ir.Pointer(struct=struct, maybe=maybe):
            return struct.__name__ + (" or None" if maybe else "")
        case ir.ArrayPointer():
            return "an array"
        case ir.Context():
            return "the context"
        case ir.Nothing():
            return "nothing"


def _number(place: ir.Place, value: int) -> ir.Constant:
    return ir.Constant(place, ir.Word(value & WORD_MAX), value & WORD_MAX)


def _literal(scope: Scope, node: ast.expr, value: int) -> ir.Constant:
    """A number of the source; a negative one is the word that means it, -1 all ones."""
    if not -(1 << 63) <= value <= WORD_MAX:
        raise scope.fail(node, "kernel-range", f"{value} does not fit 64 bits", "use a smaller number")
    return _number(scope.place(node), value)


def _local(scope: Scope, node: ast.expr, name: str) -> ir.Expression:
    if name not in scope.types and name in scope.lost:
        raise scope.fail(node, "kernel-moved", f"`{name}` is a view on the packet, which line {scope.lost[name]} may have moved", "call `packet.header` again")
    if name not in scope.types:
        raise scope.fail(node, "kernel-unset", f"`{name}` is not set on every way here", f"set `{name}` before the branch")
    return ir.Local(scope.place(node), scope.types[name], name)


def _named(scope: Scope, node: ast.Name | ast.Attribute) -> ir.Expression:
    """A global constant, or a field of a struct or of the context."""
    found = named_object(scope, node)
    place = scope.place(node)
    match found:
        case bool(value):
            return ir.Constant(place, ir.Bool(), int(value))
        case int(value):
            return _literal(scope, node, int(value))
        case bytes(content):
            name = ast.unparse(node).replace(".", "_")
            scope.claim(node, name, content)
            made = scope.uses.constant(name, content)
            return ir.GlobalAddress(place, ir.ArrayPointer(made.type), made.name)
        case GlobalArray() as array:
            name = ast.unparse(node).rpartition(".")[2]
            scope.claim(node, name, array)
            made = scope.uses.array(name, array)
            return ir.GlobalAddress(place, ir.ArrayPointer(made.type), made.name)
    if isinstance(node, ast.Attribute) and found is None:
        return _field(scope, node)
    raise scope.fail(node, "kernel-name", f"`{ast.unparse(node)}` is not a value a kernel program can use", "use a local, an int, bytes or IntEnum constant, or a global array")


def named_object(scope: Scope, node: ast.expr) -> Any:
    """The Python object a dotted global name stands for; None when its root is a local or unknown."""
    match node:
        case ast.Name(id=name) if name not in scope.own:
            return scope.lookup(name)
        case ast.Attribute(value=base, attr=attribute):
            owner = named_object(scope, base)
            if isinstance(owner, ModuleType):
                return scope.uses.fixed.constants.get(attribute, getattr(owner, attribute, None))
            if isinstance(owner, type) and issubclass(owner, IntEnum):
                return getattr(owner, attribute, None)
    return None


def _field(scope: Scope, node: ast.Attribute) -> ir.Expression:
    base = expression(scope, node.value)
    place = scope.place(node)
    if isinstance(base.type, ir.Context):
        if node.attr not in SKB_FIELDS:
            raise scope.fail(node, "kernel-field", f"the context has no field {node.attr!r}", f"it has: {', '.join(SKB_FIELDS)}")
        return ir.ContextField(place, ir.Word(0xFFFFFFFF), base, SKB_FIELDS[node.attr])
    base, struct = pointer(scope, node.value)
    return field_of(scope, node, base, struct)


def field_of(scope: Scope, node: ast.Attribute, base: ir.Expression, struct: type[Struct]) -> ir.Expression:
    """The value of an integer field, or the address of a struct or array field."""
    place = scope.place(node)
    field = struct.layout.get(node.attr)
    if field is None:
        raise scope.fail(node, "kernel-field", f"{struct.__name__} has no field {node.attr!r}", f"it has: {', '.join(struct.layout)}")
    match field.type:
        case Width() as width:
            return ir.Load(place, ir.Word((1 << width.bits) - 1), base, field.offset, width)
        case ArrayType() as array:
            return ir.Offset(place, ir.ArrayPointer(array), base, field.offset)
        case inner:
            return ir.Offset(place, ir.Pointer(inner, of_packet=in_packet(base)), base, field.offset)


def _element(scope: Scope, node: ast.Subscript, base: ir.Expression, index: ir.Expression) -> ir.Expression:
    if not isinstance(base.type, ir.ArrayPointer):
        raise scope.fail(node, "kernel-type", f"{shown(base.type)} cannot be indexed", "only arrays can")
    array = base.type.array
    check_index(scope, node, index, array.count)
    width = array.element
    if width.volatile:
        raise scope.fail(node, "kernel-type", "elements of an array cannot be volatile", "use a field of its own")
    return ir.LoadElement(scope.place(node), ir.Word((1 << width.bits) - 1), base, index, width.octets, width.bits, width.order)


def check_index(scope: Scope, node: ast.AST, index: ir.Expression, count: int) -> None:
    """Refuse an index that is not known to be below `count`: the verifier would, and CPython would raise."""
    assert isinstance(index.type, ir.Word)
    if index.type.limit >= count:
        if count <= 0:
            raise scope.fail(node, "kernel-index", "the array is too short for that", "use a longer one")
        raise scope.fail(node, "kernel-index", f"the index is not known to be below {count}", f"mask it: `& {(1 << (count.bit_length() - 1)) - 1}`")


def _logic(scope: Scope, node: ast.BoolOp) -> ir.Expression:
    operator = "or" if isinstance(node.op, ast.Or) else "and"
    before, moves = scope.types, scope.moves
    result = condition(scope, node.values[0])
    for value in node.values[1:]:
        scope.types = assume(scope.types, result, operator == "and")
        result = ir.Logic(scope.place(node), ir.Bool(), operator, result, condition(scope, value))
    scope.types = scope.after(before, moves)
    return result


def _compare(scope: Scope, node: ast.Compare) -> ir.Expression:
    place = scope.place(node)
    if len(node.ops) != 1:
        raise scope.fail(node, "kernel-construct", "a chained comparison", "write `a < b and b < c`")
    left, operator, right = node.left, node.ops[0], node.comparators[0]
    if isinstance(operator, ast.Is | ast.IsNot):
        if not (isinstance(right, ast.Constant) and right.value is None):
            raise scope.fail(node, "kernel-construct", "`is` compares only with None", "use ==")
        value = expression(scope, left)
        if not isinstance(value.type, ir.Pointer):
            raise scope.fail(left, "kernel-type", f"{shown(value.type)} is never None", "only lookups and headers may be None")
        null = ir.IsNone(place, ir.Bool(), value)
        return null if isinstance(operator, ast.Is) else ir.Not(place, ir.Bool(), null)
    name = COMPARE.get(type(operator))
    if name is None:
        raise scope.fail(node, "kernel-operator", f"comparison {type(operator).__name__} has no BPF instruction", "use == != < <= > >=")
    return ir.Compare(place, ir.Bool(), name, word(scope, left), word(scope, right))


def _choose(scope: Scope, node: ast.IfExp) -> ir.Expression:
    test, before, moves = condition(scope, node.test), scope.types, scope.moves
    scope.types = assume(before, test, True)
    then = word(scope, node.body)
    scope.types = assume(before, test, False)
    other = word(scope, node.orelse)
    scope.types = scope.after(before, moves)
    assert isinstance(then.type, ir.Word) and isinstance(other.type, ir.Word)
    return ir.Choose(scope.place(node), ir.Word(max(then.type.limit, other.type.limit)), test, then, other)


def _limit(name: str, left: ir.Expression, right: ir.Expression) -> int:
    """The largest value `left name right` can have, as far as the verifier follows; WORD_MAX when it may wrap.

    The verifier knows nothing of a quotient or remainder, but by a power of two they are a shift and a mask. Of a
    shift it knows the result only where the amount is a constant.
    """
    assert isinstance(left.type, ir.Word) and isinstance(right.type, ir.Word)
    one, two = left.type.limit, right.type.limit
    if (name in ("div", "mod") and two & (two - 1)) or (name in ("shl", "shr") and not isinstance(right, ir.Constant)):
        return WORD_MAX
    limits = {
        "add": one + two,
        "sub": WORD_MAX,
        "mul": one * two,
        "div": one // max(two, 1),
        "mod": min(one, two - 1),
        "and": min(one, two),
        "or": (1 << max(one, two).bit_length()) - 1,
        "xor": (1 << max(one, two).bit_length()) - 1,
        "shl": one << min(two, 63),
        "shr": one >> min(two, 63),
    }
    return min(limits[name], WORD_MAX)


def _article(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return f"the value {node.value!r} here"
    name = type(node).__name__
    return ("an " if name[0] in "AEIOU" else "a ") + name
