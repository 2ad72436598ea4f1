"""Expressions of the IR: the rules of each node, as check.py applies them."""

from __future__ import annotations

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import BINARY, COMPARE, WORD_MAX
from pybpf.compiler.lang import Role, Struct
from pybpf.compiler.lang.helpers import MAX_REPEATS, Pass
from pybpf.compiler.lang.skb import MAX_HEADER_OFFSET, SKB_FIELDS


def alike(one: ir.Type | None, two: ir.Type | None) -> bool:
    """Whether two types are one, apart from what is known of the value."""
    match one, two:
        case ir.Pointer(struct=left), ir.Pointer(struct=right):
            return left is right
        case _:
            return type(one) is type(two) and (not isinstance(one, ir.ArrayPointer) or one == two)


class Checker:
    """Checks the expressions of one function; `known` are the functions before it."""

    def __init__(self, module: ir.Module, known: dict[str, ir.Function], function: ir.Function) -> None:
        self.module, self.known, self.function = module, known, function
        self.locals, self.storage = dict(function.locals), dict(function.storage)

    def rule(self, holds: bool, node: ir.Expression | ir.Statement | ir.Function, message: str) -> None:
        """AssertionError about `node` unless the rule holds."""
        place = f"{self.function.source.name}:{node.place.line}:{node.place.column}"
        assert holds, f"{place}: {type(node).__name__} in {self.function.name}: {message}"

    def word(self, node: ir.Expression) -> int:
        """A number; the largest it can be."""
        self.expression(node)
        self.rule(isinstance(node.type, ir.Word), node, "not a number")
        return node.type.limit if isinstance(node.type, ir.Word) else WORD_MAX

    def bool(self, node: ir.Expression) -> None:
        """A truth value."""
        self.expression(node)
        self.rule(isinstance(node.type, ir.Bool), node, "not a bool")

    def pointer(self, node: ir.Expression) -> type[Struct]:
        """A pointer that is not None; its struct."""
        self.expression(node)
        self.rule(isinstance(node.type, ir.Pointer) and not node.type.maybe, node, "not a pointer, or maybe None")
        assert isinstance(node.type, ir.Pointer)
        return node.type.struct

    def context(self, node: ir.Expression) -> None:
        """The program's context."""
        self.expression(node)
        self.rule(isinstance(node.type, ir.Context), node, "not the context")

    def inside(self, base: ir.Expression, offset: int, octets: int) -> None:
        """An access within a struct."""
        self.rule(0 <= offset <= self.pointer(base).size_bytes - octets, base, f"{octets} bytes at {offset} are not inside")

    def atomic(self, base: ir.Expression, offset: int, bits: int) -> None:
        """An access that is atomic."""
        self.inside(base, offset, bits // 8)
        self.rule(bits in (32, 64) and offset % (bits // 8) == 0, base, "not aligned, or not a size for atomics")

    def element(self, node: ir.Expression | ir.Statement, base: ir.Expression, index: ir.Expression, stride: int, octets: int) -> None:
        """An access within an array, whatever the index turns out to be."""
        self.expression(base)
        limit = self.word(index)
        self.rule(isinstance(base.type, ir.ArrayPointer), node, "not an array")
        assert isinstance(base.type, ir.ArrayPointer)
        self.rule(limit * stride + octets <= base.type.array.octets, node, f"an index up to {limit} is not inside")

    def expression(self, node: ir.Expression) -> None:
        """Any expression: leaves, memory and calls here, operators in `computed`."""
        match node:
            case ir.Constant(value=value, type=kind):
                self.rule(isinstance(kind, ir.Word | ir.Bool) and 0 <= value <= (kind.limit if isinstance(kind, ir.Word) else 1), node, "not of its type")
            case ir.Null(type=kind):
                self.rule(isinstance(kind, ir.Pointer) and kind.maybe, node, "None where it is not expected")
            case ir.Local(name=name, type=kind):
                self.rule(alike(self.locals.get(name), kind), node, f"{name} is declared otherwise")
            case ir.Storage(name=name, type=kind):
                self.rule(isinstance(kind, ir.Pointer) and self.storage.get(name) is kind.struct, node, f"{name} is declared otherwise")
            case ir.GlobalAddress(name=name, type=kind):
                self.rule(any(each.name == name and ir.ArrayPointer(each.type) == kind for each in self.module.globals), node, f"{name} is declared otherwise")
            case ir.Offset(base=base, octets=octets, type=kind):
                layout = self.pointer(base).layout.values()
                wanted = kind.struct if isinstance(kind, ir.Pointer) else getattr(kind, "array", None)
                self.rule(any(field.offset == octets and field.type == wanted for field in layout), node, "there is no such field")
            case ir.Load(base=base, offset=offset, width=width, type=kind):
                self.inside(base, offset, width.octets)
                self.rule(kind == ir.Word((1 << width.bits) - 1), node, "not of its width")
            case ir.LoadElement(base=base, index=index, stride=stride, bits=bits):
                self.element(node, base, index, stride, bits // 8)
            case ir.ContextField(context=context, offset=offset):
                self.context(context)
                self.rule(offset in SKB_FIELDS.values(), node, "no field of the context")
            case ir.Header(context=context, offset=offset, type=kind):
                self.context(context)
                self.rule(self.word(offset) <= MAX_HEADER_OFFSET, node, "the offset is not bounded")
                self.rule(isinstance(kind, ir.Pointer) and kind.maybe and kind.of_packet, node, "not a view that may be None")
            case ir.Call():
                self.call(node)
            case ir.HelperCall():
                self.helper(node)
            case ir.Repeat(rounds=rounds, function=name):
                self.rule(self.word(rounds) <= MAX_REPEATS, node, "the number of rounds is not bounded")
                self.rule(name in self.known and self.known[name].role is Role.CALLBACK, node, f"{name} is no callback")
            case ir.CompareExchange(base=base, offset=offset, bits=bits, expected=expected, desired=desired):
                self.atomic(base, offset, bits)
                self.word(expected)
                self.word(desired)
            case _:
                self.computed(node)

    def computed(self, node: ir.Expression) -> None:
        """Values made of other values."""
        match node:
            case ir.Binary(operator=operator, left=left, right=right):
                self.word(left)
                limit = self.word(right)
                self.rule(operator in BINARY, node, "no such operator")
                self.rule(operator not in ("shl", "shr") or limit < 64, node, "the shift is not bounded")
                self.rule(operator not in ("div", "mod") or (isinstance(right, ir.Constant) and right.value > 0), node, "the divisor is not a constant")
            case ir.Invert(value=value):
                self.word(value)
            case ir.Compare(operator=operator, left=left, right=right):
                self.word(left)
                self.word(right)
                self.rule(operator in COMPARE, node, "no such operator")
            case ir.Logic(operator=operator, left=left, right=right):
                self.bool(left)
                self.bool(right)
                self.rule(operator in ("and", "or"), node, "no such operator")
            case ir.Not(value=value):
                self.bool(value)
            case ir.IsNone(value=value):
                self.expression(value)
                self.rule(isinstance(value.type, ir.Pointer), node, "not a pointer")
            case ir.Choose(test=test, then=then, other=other):
                self.bool(test)
                limit = max(self.word(then), self.word(other))
                self.rule(isinstance(node.type, ir.Word) and node.type.limit >= limit, node, "the result is not bounded so")
            case _:
                raise AssertionError(node)
        wanted = ir.Word if isinstance(node, ir.Binary | ir.Invert | ir.Choose) else ir.Bool
        self.rule(isinstance(node.type, wanted), node, "not of its type")

    def call(self, node: ir.Call) -> None:
        """A call matches the callee, which comes before."""
        self.rule(node.function in self.known, node, f"{node.function} comes later, or not at all")
        callee = self.known[node.function]
        self.rule(callee.role is Role.FUNCTION, node, f"{callee.name} is not for calling")
        self.rule(len(callee.parameters) == len(node.arguments) and alike(callee.result, node.type), node, f"not as {callee.name} is declared")
        for parameter, argument in zip(callee.parameters, node.arguments, strict=True):
            self.expression(argument)
            self.rule(alike(parameter.type, argument.type), argument, f"{parameter.name} is of another type")
            match argument.type, parameter.type:
                case ir.Pointer(maybe=True), ir.Pointer(maybe=False):
                    self.rule(False, argument, f"{parameter.name} may be None")

    def helper(self, node: ir.HelperCall) -> None:
        """A helper call fills every register its row asks for."""
        kinds = node.helper.arguments
        self.rule((node.map is not None) == (Pass.MAP in kinds), node, "with a map and without")
        self.rule(node.map is None or node.map in self.module.maps, node, "a map of another module")
        self.rule((node.context is not None) == (Pass.CONTEXT in kinds), node, "with a context and without")
        if node.context is not None:
            self.context(node.context)
        wanted = [kind for kind in kinds if kind in (Pass.SCALAR, Pass.MEMORY, Pass.LENGTH, Pass.KEY)]
        self.rule(len(wanted) == len(node.arguments), node, "a register is empty")
        for kind, argument in zip(wanted, node.arguments, strict=True):
            self.expression(argument)
            match kind, argument.type:
                case (Pass.SCALAR | Pass.LENGTH | Pass.KEY), ir.Word():
                    pass
                case Pass.MEMORY, ir.ArrayPointer():
                    pass
                case (Pass.MEMORY | Pass.KEY), ir.Pointer(maybe=False):
                    pass
                case _:
                    self.rule(False, argument, f"not what {kind.name} takes")
