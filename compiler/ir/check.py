"""Module -> the same module, when it keeps the rules of the IR; AssertionError with the place when not, our bug.

Statements and modules are here, expressions in check_expressions.py. The rules that matter for safety (an index
below its count, a pointer that is not None, an access inside its struct) are proven again from the types, not
taken from the front end's word.
"""

from __future__ import annotations

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.check_expressions import Checker, alike
from pybpf.compiler.ir.flow import leaves
from pybpf.compiler.lang import Role
from pybpf.compiler.lang.declare import MAX_ROUNDS

INT32 = ir.Word(-(1 << 31), (1 << 31) - 1)


def check(module: ir.Module) -> ir.Module:
    """`module`, unchanged. Raises AssertionError at the first rule that is broken."""
    names = [function.name for function in module.functions]
    names += [each.name for each in module.maps] + [each.name for each in module.globals]
    assert len(names) == len(set(names)), f"a name stands for two things: {sorted(names)}"
    for each in module.globals:
        octets = each.type.size_bytes if isinstance(each.type, type) else each.type.octets
        assert len(each.content) == octets, f"{each.name} has {len(each.content)} bytes, its type {octets}"
    assert any(each.role is Role.PROGRAM for each in module.functions), "a module has a program"
    known: dict[str, ir.Function] = {}
    for function in module.functions:
        _Statements(module, known, function).function_()
        known[function.name] = function
    return module


class _Statements(Checker):
    """Checks the statements of one function."""

    loops = 0

    def function_(self) -> None:
        """The whole function."""
        function = self.function
        declared = dict(function.locals)
        for each in function.parameters:
            self.rule(alike(declared.get(each.name), each.type), function, f"parameter {each.name} is no local of its type")
        if function.role is Role.PROGRAM:
            kinds = [type(each.type) for each in function.parameters]
            self.rule(kinds == [ir.Context] and alike(function.result, ir.Word()) and bool(function.section), function, "a program takes the context and returns a word")
        self.rule(leaves(function.body), function, "control can reach the end")
        self.block(function.body)

    def block(self, body: tuple[ir.Statement, ...]) -> None:
        """Statements in order."""
        for each in body:
            self.statement(each)

    def statement(self, node: ir.Statement) -> None:
        """One statement and what is inside it."""
        match node:
            case ir.Assign(name=name, value=value):
                self.expression(value)
                self.rule(alike(self.locals.get(name), value.type), node, f"{name} is assigned another type")
            case ir.Clear(storage=storage):
                self.expression(storage)
            case ir.Store(base=base, offset=offset, width=width, value=value):
                self.word(value)
                self.inside(base, offset, width.octets)
            case ir.StoreElement(base=base, index=index, width=width, value=value):
                self.word(value)
                self.element(node, base, index, width.octets, width.octets)
            case ir.StoreContext(context=context, field=field, value=value):
                self.word(value)
                self.field(node, context, field)
            case ir.Copy(target=target, source=source, octets=octets):
                self.rule(self.pointer(target) is self.pointer(source), node, "two kinds of struct are copied")
                self.rule(octets == self.pointer(target).size_bytes, node, "not the whole struct is copied")
            case ir.Evaluate(value=value):
                self.expression(value)
            case ir.If(test=test, then=then, other=other):
                self.bool(test)
                self.block(then)
                self.block(other)
            case ir.For():
                self.loop(node)
            case ir.Iterate(name=name, start=start, stop=stop, body=body):
                for each in (start, stop):
                    self.rule(INT32.holds(self.word(each)), node, "a limit does not fit 32 bits")
                self.rule(alike(self.locals.get(name), ir.Word()), node, f"{name} is no number")
                self.loops += 1
                self.block(body)
                self.loops -= 1
            case ir.Locked(base=base, offset=offset, body=body):
                self.inside(base, offset, 4)
                self.block(body)
            case ir.Break() | ir.Continue():
                self.rule(self.loops > 0, node, "outside of a loop")
            case ir.Return(value=value):
                self.leave(node, value)
            case _:
                raise AssertionError(node)

    def loop(self, node: ir.For) -> None:
        """A counted loop."""
        start, stop = self.word(node.start), self.word(node.stop)
        distance = stop.high - start.low if node.step > 0 else start.high - stop.low
        self.rule(node.step != 0 and distance <= MAX_ROUNDS * abs(node.step), node, "the bounds are too far apart")
        self.rule(distance <= node.rounds * abs(node.step), node, "it may go round more often than it says")
        self.rule(alike(self.locals.get(node.name), ir.Word()), node, f"{node.name} is no number")
        self.loops += 1
        self.block(node.body)
        self.loops -= 1

    def leave(self, node: ir.Return, value: ir.Expression | None) -> None:
        """A return: the value is what the function says it gives."""
        if value is None:
            self.rule(isinstance(self.function.result, ir.Nothing), node, "a value is missing")
            return
        self.expression(value)
        self.rule(alike(self.function.result, value.type), node, "another type is returned")
        match value.type, self.function.result:
            case ir.Word() as known, ir.Word() as wanted:
                self.rule(wanted.holds(known) or self.function.role is Role.PROGRAM, node, "the result may not fit")
        match value.type, self.function.result:
            case ir.Pointer(maybe=True), ir.Pointer(maybe=False):
                self.rule(False, node, "None may be returned where it is not expected")
