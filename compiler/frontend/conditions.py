"""Comparisons, `and`/`or`, and the conditional expression -> IR, with what each side may assume."""

from __future__ import annotations

import ast
from dataclasses import replace

from pybpf.compiler.frontend import expressions, names
from pybpf.compiler.frontend.narrow import MIRRORED, assume
from pybpf.compiler.frontend.owed import check_same
from pybpf.compiler.frontend.regions import on_stack
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.frontend.wording import shown
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import comparable, union

COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def logic(scope: Scope, node: ast.BoolOp) -> ir.Expression:
    """`and`, `or`: each operand knows what the ones before it left open.

    What must be given back may be got by the last operand of a statement's `and`: it is there where the whole holds.
    """
    operator = "or" if isinstance(node.op, ast.Or) else "and"
    made = expressions.condition(scope, node.values[0])
    before, moves, sides = scope.types, scope.moves, []
    ways = [before]
    for value in node.values[1:]:
        scope.types = assume(scope.types, made, operator == "and")
        sides.append(expressions.condition(scope, value))
        ways.append(scope.types)
        made = ir.Logic(scope.place(node), ir.Bool(), operator, made, sides[-1])
    is_test = operator == "and" and scope.test is node
    check_same(scope, node, *ways[:-1], assume(ways[-1], sides[-1], False) if is_test else ways[-1])
    scope.types = scope.after(before, moves, ways, *sides)
    return made


def compare(scope: Scope, node: ast.Compare) -> ir.Expression:
    """One comparison, or a chain of them in which every operand is evaluated once, as in Python."""
    if len(node.ops) == 1:
        return _pair(scope, node, node.left, node.ops[0], node.comparators[0])
    keep, left = _kept(scope, node.comparators[0])
    made = _pair(scope, node, node.left, node.ops[0], node.comparators[0], keep)
    before, moves, sides = scope.types, scope.moves, []
    ways = [before]
    for index, (operator, right) in enumerate(zip(node.ops[1:], node.comparators[1:], strict=True), 2):
        scope.types = assume(scope.types, made, True)
        keep, after = _kept(scope, right) if index < len(node.ops) else (None, right)
        sides.append(_pair(scope, node, left, operator, right, keep))
        ways.append(scope.types)
        made, left = ir.Logic(scope.place(node), ir.Bool(), "and", made, sides[-1]), after
    check_same(scope, node, *ways)
    scope.types = scope.after(before, moves, ways, *sides)
    return made


def _kept(scope: Scope, middle: ast.expr) -> tuple[str | None, ast.expr]:
    """(the name to keep an operand in the middle of a chain under, the operand of the next comparison). A variable
    is its own name, so that the chain says of it what it says: nothing can change it in between."""
    if isinstance(middle, ast.Name | ast.Constant):
        return None, middle
    name = scope.hidden()
    return name, ast.copy_location(ast.Name(name, ast.Load()), middle)


def _pair(scope: Scope, node: ast.AST, left: ast.expr, operator: ast.cmpop, right: ast.expr, keep: str | None = None) -> ir.Expression:
    """`left operator right`; with `keep` the right side is kept under that name."""
    place = scope.place(node)
    if isinstance(operator, ast.Is | ast.IsNot):
        return _is_none(scope, left, operator, right)
    name = COMPARE.get(type(operator))
    if isinstance(operator, ast.In | ast.NotIn):
        raise scope.fail(node, "kernel-operator", f"comparison {type(operator).__name__} has no BPF instruction", "of a map, ask `table.lookup(key) is not None`; of numbers, write `a == 1 or a == 2`, or `match`")
    if name is None:
        raise scope.fail(node, "kernel-operator", f"comparison {type(operator).__name__} has no BPF instruction", "use == != < <= > >=")
    one, two = expressions.expression(scope, left), expressions.expression(scope, right)
    if isinstance(one.type, ir.Bool) and isinstance(two.type, ir.Bool) and name in ("==", "!="):
        return _same_truth(place, one, two, name == "==")
    for each, part in ((one, left), (two, right)):
        if not isinstance(each.type, ir.Word):
            raise scope.fail(part, "kernel-type", f"a number is needed here, not {shown(each.type)}", "use a field or compare it first")
    if not comparable(expressions.known(one), expressions.known(two)):
        raise expressions.clash(scope, node)
    _check_sign(scope, node, name, one, two)
    if keep is not None:
        two = names.bind(scope, ast.copy_location(ast.Name(keep, ast.Store()), right), two)
    return ir.Compare(place, ir.Bool(), name, one, two)


def _check_sign(scope: Scope, node: ast.AST, name: str, one: ir.Expression, two: ir.Expression) -> None:
    """Refuse to ask whether a difference is below zero that is not in 64 bits without sign, and would be in Python."""
    if isinstance(one, ir.Constant):
        one, two, name = two, one, MIRRORED[name]
    if isinstance(two, ir.Constant) and expressions.known(one).fell and two.value == (0 if name in ("<", ">=") else -1 if name in ("<=", ">") else None):
        raise scope.fail(node, "kernel-sign", "this difference is never below zero: without a sign it wraps at 64 bits", "compare before subtracting: `a < b`; or say what is meant: `wrap(s64, a - b) < 0`")


def _same_truth(place: ir.Place, one: ir.Expression, two: ir.Expression, equal: bool) -> ir.Expression:
    """`one == two` of bools, as a choice of numbers: comparisons are of numbers."""
    left, right = (ir.Choose(place, ir.Word(0, 1), each, names.number(place, 1), names.number(place, 0)) for each in (one, two))
    return ir.Compare(place, ir.Bool(), "==" if equal else "!=", left, right)


def _is_none(scope: Scope, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ir.Expression:
    place = scope.place(left)
    if not (isinstance(right, ast.Constant) and right.value is None):
        raise scope.fail(left, "kernel-construct", "`is` compares only with None", "use ==")
    value = expressions.expression(scope, left)
    if not isinstance(value.type, ir.Pointer | ir.InnerMap):
        raise scope.fail(left, "kernel-type", f"{shown(value.type)} is never None", "only lookups and headers may be None")
    null = ir.IsNone(place, ir.Bool(), value)
    return null if isinstance(operator, ast.Is) else ir.Not(place, ir.Bool(), null)


def choose(scope: Scope, node: ast.IfExp) -> ir.Expression:
    """`then if test else other`: numbers, bools or structs of one kind."""
    test = expressions.condition(scope, node.test)
    before, moves = scope.types, scope.moves
    scope.types = assume(before, test, True)
    then = _side(scope, node.body)
    after_then = scope.types
    scope.types = assume(before, test, False)
    other = _side(scope, node.orelse)
    check_same(scope, node, after_then, scope.types)
    scope.types = scope.after(before, moves, [after_then, scope.types], then, other)
    then, other = (_null_as(each, beside) for each, beside in ((then, other), (other, then)))
    return ir.Choose(scope.place(node), _common(scope, node, then, other), test, then, other)


def _side(scope: Scope, node: ast.expr) -> ir.Expression:
    if isinstance(node, ast.Constant) and node.value is None:
        return ir.Null(scope.place(node), ir.Nothing())
    made = expressions.expression(scope, node)
    if on_stack(made, scope.stacked):
        raise scope.fail(node, "kernel-escape", "this would be a second name for a struct on the stack", "branch with `if`, or copy it with `copy_from`")
    return made


def _null_as(value: ir.Expression, beside: ir.Expression) -> ir.Expression:
    """None takes the type of the other side."""
    if isinstance(value, ir.Null) and isinstance(beside.type, ir.Pointer):
        return ir.Null(value.place, replace(beside.type, maybe=True, owed=False))
    return value


def _common(scope: Scope, node: ast.IfExp, then: ir.Expression, other: ir.Expression) -> ir.Type:
    match then.type, other.type:
        case ir.Word() as one, ir.Word() as two:
            if (both := union(one, two)) is None:
                raise expressions.clash(scope, node)
            return both
        case ir.Bool(), ir.Bool():
            return ir.Bool()
        case ir.Pointer(struct=one_struct) as first, ir.Pointer(struct=two_struct) as second if one_struct is two_struct:
            return replace(first, maybe=first.maybe or second.maybe, of_packet=first.of_packet or second.of_packet, owed=first.owed or second.owed, readonly=first.readonly or second.readonly)
    raise scope.fail(node, "kernel-type", f"one side is {shown(then.type)}, the other {shown(other.type)}", "give both sides one type")
