"""Python expression -> IR expression. What is not named here is refused, with its place."""

from __future__ import annotations

import ast

from pybpf.compiler.frontend import calls, names
from pybpf.compiler.frontend.conditions import choose, compare, logic
from pybpf.compiler.frontend.hints import refused
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.wording import shown
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import SignClash, compute, inverted, negated, result
from pybpf.compiler.lang import Struct, Width
from pybpf.compiler.lang.cells import is_cell

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "div", ast.Mod: "mod",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "shr",
}  # fmt: skip


_INTEGERS = "numbers are integers: `//` divides, and rounds down"


def expression(scope: Scope, node: ast.expr) -> ir.Expression:
    """Any expression; CompileError when it is not of the language."""
    place = scope.place(node)
    match node:
        case ast.Constant(value=bool(value)):
            return ir.Constant(place, ir.Bool(), int(value))
        case ast.Constant(value=int(value)):
            return names.literal(scope, node, value)
        case ast.Name(id=name) if name in scope.own:
            return names.local(scope, node, name)
        case ast.Name() | ast.Attribute():
            return names.named(scope, node)
        case ast.Subscript(value=base, slice=index):
            return _element(scope, node, expression(scope, base), word(scope, index))
        case ast.BinOp(left=left, op=operator, right=right):
            return binary(scope, node, operator, word(scope, left), word(scope, right))
        case ast.UnaryOp():
            return _unary(scope, node)
        case ast.BoolOp():
            return logic(scope, node)
        case ast.Compare():
            return compare(scope, node)
        case ast.IfExp():
            return choose(scope, node)
        case ast.NamedExpr(target=target, value=value):
            return names.bind(scope, target, expression(scope, value))
        case ast.Call():
            return calls.call(scope, node)
    what, hint = refused(node)
    raise scope.fail(node, "kernel-construct", f"a kernel program cannot contain {what}", hint)


def word(scope: Scope, node: ast.expr) -> ir.Expression:
    """An expression that must be a number."""
    made = expression(scope, node)
    if not isinstance(made.type, ir.Word):
        is_number = isinstance(made.type, ir.Pointer) and is_cell(made.type.struct)
        hint = "its number is `.value`, once `is None` is excluded" if is_number else "use a field or compare it first"
        raise scope.fail(node, "kernel-type", f"a number is needed here, not {shown(made.type)}", hint)
    return made


def condition(scope: Scope, node: ast.expr) -> ir.Expression:
    """An expression that must be a bool: the language has no truth of numbers or pointers."""
    made = expression(scope, node)
    if isinstance(made.type, ir.Pointer | ir.InnerMap):
        # What is meant is plain: say it, and go on as if it stood there.
        scope.uses.report(scope.fail(node, "kernel-type", f"a condition must be a bool, not {shown(made.type)}", "compare it with `is not None`"))
        return ir.Not(made.place, ir.Bool(), ir.IsNone(made.place, ir.Bool(), made))
    if not isinstance(made.type, ir.Bool):
        raise scope.fail(node, "kernel-type", f"a condition must be a bool, not {shown(made.type)}", "compare it: `!= 0`")
    return made


def pointer(scope: Scope, node: ast.expr) -> tuple[ir.Expression, type[Struct]]:
    """An expression that must be a struct, and not None."""
    made = expression(scope, node)
    return made, struct_of(scope, node, made)


def struct_of(scope: Scope, node: ast.expr, made: ir.Expression) -> type[Struct]:
    """The struct that `made`, which `node` means, leads to; an error when it leads to none, or may be None."""
    if not isinstance(made.type, ir.Pointer):
        raise scope.fail(node, "kernel-type", f"a struct is needed here, not {shown(made.type)}", "pass a struct")
    if made.type.maybe:
        raise scope.fail(
            node, "kernel-none", f"`{ast.unparse(node)}` may be None here", "compare it with `is None` first; the verifier refuses it otherwise"
        )
    return made.type.struct


def known(value: ir.Expression) -> ir.Word:
    """What is known of a number."""
    assert isinstance(value.type, ir.Word)
    return value.type


def fitting(scope: Scope, node: ast.AST, value: ir.Expression, width: Width) -> ir.Expression:
    """`value`, which must be known to fit a width: nothing is cut off unless the program says so."""
    have = known(value)
    if not ir.Word.of(width).holds(have):
        name = ("s" if width.signed else "u") + str(width.bits)
        raise scope.fail(
            node, "kernel-range", f"a number from {have.low} to {have.high} may not fit {name}", f"mask it, compare {_first(value)}, or write `wrap({name}, ...)`"
        )
    return value


def _first(value: ir.Expression) -> str:
    """What is to be compared: of a field nothing is kept, for it may change in between."""
    return "it first" if isinstance(value, ir.Local | ir.Bind) else "it under a name first (`n = ...; if n < ...:`)"


def binary(scope: Scope, node: ast.AST, operator: ast.operator, left: ir.Expression, right: ir.Expression) -> ir.Expression:
    """Arithmetic on words, with what is known of the result."""
    name = BINARY.get(type(operator))
    if name is None:
        raise scope.fail(node, "kernel-operator", f"operator {type(operator).__name__} has no BPF instruction", _INTEGERS if isinstance(operator, ast.Div) else "use + - * // % & | ^ << >>")
    if name in ("div", "mod") and known(right).low <= 0:
        raise scope.fail(node, "kernel-divisor", "the divisor is not known to be above 0", "use a constant, or compare it first: `if n > 0:`; BPF divides by zero silently")
    if name in ("shl", "shr") and not ir.Word(0, 63).holds(known(right)):
        raise scope.fail(node, "kernel-shift", "a shift must be known to be below 64", "mask the amount: `& 63`")
    try:
        kind = result(name, known(left), known(right))
    except SignClash:
        raise clash(scope, node) from None
    if isinstance(left, ir.Constant) and isinstance(right, ir.Constant):
        return names.number(scope.place(node), compute(name, kind, left.value, right.value))
    return ir.Binary(scope.place(node), kind, name, left, right)


def clash(scope: Scope, node: ast.AST) -> Exception:
    """The error of a signed number that meets one above 2^63 - 1."""
    return scope.fail(
        node, "kernel-sign", "one of these may be below zero, the other above 2^63 - 1: no 64 bits hold both",
        "bound one of them first, or say what is meant with `wrap(s64, ...)` or `wrap(u64, ...)`",
    )  # fmt: skip


def check_index(scope: Scope, node: ast.AST, index: ir.Expression, count: int) -> None:
    """Refuse an index that is not known to be below `count`: the verifier would, and CPython would raise."""
    if count <= 0:
        raise scope.fail(node, "kernel-index", "the array is too short for that", "use a longer one")
    if known(index).low < 0:
        raise scope.fail(node, "kernel-index", "the index may be below zero", "compare it first: `if index >= 0:`, or mask it")
    if known(index).high >= count:
        mask = (1 << (count.bit_length() - 1)) - 1
        raise scope.fail(node, "kernel-index", f"the index is not known to be below {count}", f"mask it: `& {mask}`, or compare {_first(index)}")


def _unary(scope: Scope, node: ast.UnaryOp) -> ir.Expression:
    place = scope.place(node)
    if isinstance(node.op, ast.Not):
        return ir.Not(place, ir.Bool(), condition(scope, node.operand))
    value = word(scope, node.operand)
    try:
        match node.op:
            case ast.Invert():
                return ir.Invert(place, inverted(known(value)), value)
            case ast.USub() if isinstance(value, ir.Constant):
                return names.literal(scope, node, -value.value)
            case ast.USub():
                return ir.Binary(place, negated(known(value)), "sub", names.number(place, 0), value)
            case _:
                return value
    except SignClash:
        raise clash(scope, node) from None


def _element(scope: Scope, node: ast.Subscript, base: ir.Expression, index: ir.Expression) -> ir.Expression:
    if not isinstance(base.type, ir.ArrayPointer):
        raise scope.fail(node, "kernel-type", f"{shown(base.type)} cannot be indexed", "only arrays can")
    array = base.type.array
    check_index(scope, node, index, array.count)
    width = array.element
    if width.volatile:
        raise scope.fail(node, "kernel-type", "elements of an array cannot be volatile", "use a field of its own")
    return ir.LoadElement(scope.place(node), ir.Word.of(width), base, index, width.octets, width)
