"""Loops -> IR: `for` over a range, `while` with Rounds. What is known at the head of a loop holds in every round."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from pybpf.compiler.frontend import expressions, names
from pybpf.compiler.frontend.narrow import Types, assume, join, outside_packet, settled
from pybpf.compiler.frontend.owed import check_same, is_owed
from pybpf.compiler.frontend.scope import Loss, Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import SIGNED_MAX, SIGNED_MIN, WORD_MAX
from pybpf.compiler.ir.flow import leaves
from pybpf.compiler.lang import Width
from pybpf.compiler.lang.declare import MAX_ROUNDS, iterate

Block = tuple[ir.Statement, ...]
_MOST_ITERATED = 1 << 23  # BPF_MAX_LOOPS in include/linux/bpf.h, which bpf_iter_num_new refuses to exceed
TranslateBlock = Callable[[Scope, Sequence[ast.stmt]], Block]


def counted(scope: Scope, node: ast.For, block: TranslateBlock) -> ir.For | ir.Iterate:
    """`for name in range(...)`, or `in iterate(...)`."""
    if not isinstance(node.target, ast.Name) or node.orelse:
        raise scope.fail(node, "kernel-construct", "a loop has one variable and no else", "write `for i in range(...):`")
    if isinstance(node.iter, ast.Call) and names.named_object(scope, node.iter.func) is iterate:
        return _iterate(scope, node, node.target.id, node.iter, block)
    start, stop, step = _range(scope, node.iter)
    first, last = expressions.known(start), expressions.known(stop)
    most = SIGNED_MAX if step < 0 or first.signed or last.signed else WORD_MAX
    if max(first.high, last.high) > most:
        raise expressions.clash(scope, node.iter)
    distance = last.high - first.low if step > 0 else first.high - last.low
    rounds = max(0, -(-distance // abs(step)))
    if rounds > MAX_ROUNDS:
        raise scope.fail(node.iter, "kernel-loop", f"the loop may go round {rounds} times, and {MAX_ROUNDS} is the most", "bound the limit: `& 63`, or use `repeat`")
    if not SIGNED_MIN <= (beyond := last.high - 1 + step if step > 0 else last.low + 1 + step) <= most:
        raise scope.fail(node.iter, "kernel-loop", f"the loop may count to {beyond}, which 64 bits do not hold", "use a smaller step, or bound the limit")
    lowest, highest = (first.low, last.high - 1) if step > 0 else (last.low + 1, first.high)
    name, seen = node.target.id, first.seen and last.seen
    number = ir.Word(min(lowest, highest), max(lowest, highest), seen and lowest >= 0)
    body = _rounds(scope, node, {name: number}, lambda: block(scope, node.body))
    return ir.For(scope.place(node), name, start, stop, step, rounds, body)


def _iterate(scope: Scope, node: ast.For, name: str, limits: ast.Call, block: TranslateBlock) -> ir.Iterate:
    """`for name in iterate(start, stop)`."""
    if len(limits.args) != 2 or limits.keywords:
        raise scope.fail(limits, "kernel-loop", "iterate takes where to start and where to stop", "write iterate(0, n)")
    start, stop = (expressions.fitting(scope, each, expressions.word(scope, each), Width(32, signed=True)) for each in limits.args)
    low, high = expressions.known(start).low, expressions.known(stop).high - 1
    if high - low >= _MOST_ITERATED:
        raise scope.fail(limits, "kernel-loop", f"the loop may go round {high - low + 1} times, and {_MOST_ITERATED} is the most", "bound the limit: `& 0xFFFF`; the kernel would not go round at all")
    number = ir.Word(min(low, high), max(low, high), seen=False)
    scope.uses.iterates(scope, node)
    return ir.Iterate(scope.place(node), name, start, stop, _rounds(scope, node, {name: number}, lambda: block(scope, node.body)))


def bounded_while(scope: Scope, node: ast.While, block: TranslateBlock) -> ir.For:
    """`while rounds.more() and test:`, where `rounds = Rounds(64)` stands before it."""
    if node.orelse:
        raise scope.fail(node, "kernel-construct", "a loop has no else", "leave it out")
    name, tests = _bound(scope, node)
    most, depth = scope.bounds.pop(name)
    if depth != len(scope.loops):
        raise scope.fail(node.test, "kernel-loop", f"`{name}` counts the rounds of another loop too", f"set `{name}` right before this loop")
    hidden, place = scope.hidden(), scope.place(node)

    def body() -> Block:
        made: list[ir.Statement] = []
        for each in tests:
            scope.test = each
            test = expressions.condition(scope, each)
            scope.loops[-1].append(assume(scope.types, test, False))
            scope.types = assume(scope.types, test, True)
            made.append(ir.If(scope.place(each), ir.Not(scope.place(each), ir.Bool(), test), (ir.Break(scope.place(each)),), ()))
        return (*made, *block(scope, node.body))

    start, stop = names.number(place, 0), names.number(place, most)
    return ir.For(place, hidden, start, stop, 1, most, _rounds(scope, node, {hidden: ir.Word(0, max(most - 1, 0))}, body))


def leave_round(scope: Scope, node: ast.Break | ast.Continue) -> ir.Statement:
    """`break` or `continue`: what is known here is known where it leads."""
    if isinstance(node, ast.Break):
        scope.loops[-1].append(scope.types)
        return ir.Break(scope.place(node))
    scope.rounds[-1].append(scope.types)
    return ir.Continue(scope.place(node))


def _rounds(scope: Scope, node: ast.stmt, own: Types, translate: Callable[[], Block]) -> Block:
    """The body of a loop, translated until what is assumed at its head is what every round leaves.

    Each time less is assumed, so it ends. `own` are the names that the loop itself sets at its head. Afterwards
    `scope.types` is what is known behind the loop, which may not have run at all.
    """
    for name in own:
        if scope.locals.setdefault(name, ir.Word()) != ir.Word():
            raise scope.fail(node, "kernel-type", f"`{name}` is no number elsewhere", "use another name")
        scope.lost.pop(name, None)
        scope.poisoned.discard(name)
    head = {name: kind for name, kind in scope.types.items() if name not in own}
    while True:
        moves = scope.moves
        scope.types = head | own
        scope.loops.append([])
        scope.rounds.append([])
        body = translate()
        early, ends = scope.loops.pop(), scope.rounds.pop()
        if not leaves(body):
            ends.append(scope.types)
        for end in [*ends, *early]:
            _check_owed(scope, node, head, end)
            check_same(scope, node, head, end)
        if scope.moves != moves:
            ends.append(outside_packet(head))
        assumed: Types | None = head
        for end in ends:
            assumed = settled(assumed or head, end, scope.declared) or assumed
        if assumed == head:
            break
        for name in head.keys() - (assumed or head).keys():
            if all(name in end for end in ends) and isinstance(head[name], ir.Word):
                scope.lost[name] = Loss("kernel-sign", f"`{name}` may be below zero in one round and above 2^63 - 1 in another: no 64 bits hold both", f"declare it where it is set first: `{name}: s64 = ...`")
        head = assumed or head
    scope.types = head
    for each in early:
        scope.types = join(scope.types, {name: kind for name, kind in each.items() if name not in own})
    return body


def _check_owed(scope: Scope, node: ast.AST, head: Types, end: Types) -> None:
    """Refuse a round that ends with something the kernel wants back."""
    for name, kind in end.items():
        if is_owed(kind) and not is_owed(head.get(name)):
            raise scope.fail(node, "kernel-unreleased", f"a round ends before `{name}` is given back", "submit, discard or release it in the round it was got in")


def _bound(scope: Scope, node: ast.While) -> tuple[str, list[ast.expr]]:
    """(the name of the Rounds, the other conditions)."""
    first, *rest = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And) else [node.test]
    match first:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="more"), args=[], keywords=[]) if name in scope.bounds:
            return name, rest
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="more")) if name in scope.split:
            raise scope.fail(node.test, "kernel-loop", f"`{name}` is set on one way only", f"set `{name}` right before this loop")
    raise scope.fail(node.test, "kernel-loop", "a `while` must say how often it may go round", "write `rounds = Rounds(64)` before it, and `while rounds.more() and ...:`")


def _range(scope: Scope, node: ast.expr) -> tuple[ir.Expression, ir.Expression, int]:
    """(start, stop, step)."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=[*arguments], keywords=[]) if 1 <= len(arguments) <= 3 and scope.is_builtin("range"):
            values = [expressions.word(scope, each) for each in arguments]
            if len(values) == 1:
                return names.number(scope.place(node), 0), values[0], 1
            step = values[2] if len(values) == 3 else names.number(scope.place(node), 1)
            if isinstance(step, ir.Constant) and step.value:
                return values[0], values[1], step.value
            raise scope.fail(arguments[2], "kernel-loop", "the step of a loop is a constant, and not 0", "write `range(0, 64, 4)`")
    raise scope.fail(node, "kernel-loop", "a loop goes over a range", "write `for i in range(64):` and `break` early")
