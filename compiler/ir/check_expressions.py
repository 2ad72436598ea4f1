"""Expressions of the IR: the rules of each node, as check.py applies them."""

from __future__ import annotations

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import BINARY, COMPARE, UNSIGNED, comparable, result
from pybpf.compiler.lang import ArrayType, ContextField, Role, Struct
from pybpf.compiler.lang.context import MAX_HEADER_OFFSET
from pybpf.compiler.lang.helper import MAX_REPEATS, Pass


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

    def word(self, node: ir.Expression) -> ir.Word:
        """A number; which it can be."""
        self.expression(node)
        self.rule(isinstance(node.type, ir.Word), node, "not a number")
        return node.type if isinstance(node.type, ir.Word) else UNSIGNED

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
        known = self.word(index)
        self.rule(isinstance(base.type, ir.ArrayPointer), node, "not an array")
        assert isinstance(base.type, ir.ArrayPointer)
        inside = known.low >= 0 and known.high * stride + octets <= base.type.array.octets
        self.rule(inside, node, f"an index from {known.low} to {known.high} is not inside")

    def expression(self, node: ir.Expression) -> None:
        """Any expression: leaves, memory and calls here, operators in `computed`."""
        match node:
            case ir.Constant(value=value, type=kind):
                known = kind if isinstance(kind, ir.Word) else ir.Word(0, 1)
                self.rule(isinstance(kind, ir.Word | ir.Bool) and known.low <= value <= known.high, node, "not of its type")
            case ir.Null(type=kind):
                self.rule(isinstance(kind, ir.Pointer) and kind.maybe, node, "None where it is not expected")
            case ir.Local(name=name, type=kind):
                self.rule(alike(self.locals.get(name), kind), node, f"{name} is declared otherwise")
            case ir.Storage(name=name, type=kind):
                self.rule(isinstance(kind, ir.Pointer) and self.storage.get(name) is kind.struct, node, f"{name} is declared otherwise")
            case ir.GlobalAddress(name=name, type=kind):
                self.rule(any(each.name == name and _address(each.type) == kind for each in self.module.globals), node, f"{name} is declared otherwise")
            case ir.Offset(base=base, octets=octets, type=kind):
                layout = self.pointer(base).layout.values()
                wanted = kind.struct if isinstance(kind, ir.Pointer) else getattr(kind, "array", None)
                self.rule(any(field.offset == octets and field.type == wanted for field in layout), node, "there is no such field")
            case ir.Load(base=base, offset=offset, width=width, type=kind):
                self.inside(base, offset, width.octets)
                self.rule(kind == ir.Word.of(width), node, "not of its width")
            case ir.LoadElement(base=base, index=index, stride=stride, width=width):
                self.element(node, base, index, stride, width.octets)
            case ir.ContextField(context=context, field=field):
                self.field(node, context, field)
            case ir.KernelAt(value=value):
                self.word(value)
                self.rule(isinstance(node.type, ir.Address), node, "not an address")
            case ir.KernelRead(base=base, field=kernel_field):
                self.expression(base)
                self.rule(isinstance(base.type, ir.Address) and base.type.struct.kernel_fields().get(kernel_field.name) == kernel_field, node, "no field of the kernel struct")
            case ir.Header(context=context, offset=offset, type=kind):
                self.context(context)
                self.rule(ir.Word(0, MAX_HEADER_OFFSET).holds(self.word(offset)), node, "the offset is not bounded")
                self.rule(isinstance(kind, ir.Pointer) and kind.maybe and kind.of_packet, node, "not a view that may be None")
            case ir.Slice(context=context, offset=offset, buffer=buffer, type=kind):
                self.context(context)
                self.rule(ir.Word(0, (1 << 32) - 1).holds(self.word(offset)), node, "the offset is not bounded")
                self.rule(isinstance(kind, ir.Pointer) and kind.maybe and kind.of_packet and self.pointer(buffer) is kind.struct, node, "not a view that may be None")
            case ir.Call() | ir.KfuncCall() | ir.HelperCall() | ir.Repeat() | ir.Print() | ir.FunctionAddress() | ir.MapAddress() | ir.SizeOf():
                self.calling(node)
            case ir.CompareExchange(base=base, offset=offset, bits=bits, expected=expected, desired=desired):
                self.atomic(base, offset, bits)
                self.word(expected)
                self.word(desired)
            case ir.Atomic(base=base, offset=offset, width=width, operator=operator, amount=amount):
                self.atomic(base, offset, width.bits)
                self.word(amount)
                self.rule(operator in ("add", "and", "or", "xor", "xchg"), node, "no such operator")
            case _:
                self.computed(node)

    def field(self, node: ir.Expression | ir.Statement, context: ir.Expression, field: ContextField) -> None:
        """A field is one of its context."""
        self.context(context)
        self.rule(isinstance(context.type, ir.Context) and field in context.type.kind.context_fields.values(), node, "no field of the context")

    def computed(self, node: ir.Expression) -> None:
        """Values made of other values."""
        match node:
            case ir.Binary(operator=operator, left=left, right=right):
                self.binary(node, operator, self.word(left), self.word(right))
            case ir.Invert(value=value) | ir.Convert(value=value) | ir.Swap(value=value):
                self.word(value)
            case ir.Compare(operator=operator, left=left, right=right):
                self.rule(comparable(self.word(left), self.word(right)), node, "signed and unsigned numbers are compared")
                self.rule(operator in COMPARE, node, "no such operator")
            case ir.Logic(operator=operator, left=left, right=right):
                self.bool(left)
                self.bool(right)
                self.rule(operator in ("and", "or"), node, "no such operator")
            case ir.Not(value=value):
                self.bool(value)
            case ir.IsNone(value=value):
                self.expression(value)
                self.rule(isinstance(value.type, ir.Pointer | ir.InnerMap), node, "not a pointer")
            case ir.Choose(test=test, then=then, other=other):
                self.bool(test)
                for each in (then, other):
                    self.expression(each)
                    self.rule(alike(each.type, node.type) and _within(each.type, node.type), node, "a side is of another type")
            case ir.Bind(name=name, value=value):
                self.expression(value)
                self.rule(alike(self.locals.get(name), value.type) and alike(node.type, value.type), node, f"{name} is bound to another type")
            case _:
                raise AssertionError(node)
        if not isinstance(node, ir.Choose | ir.Bind):
            wanted = ir.Word if isinstance(node, ir.Binary | ir.Invert | ir.Convert | ir.Swap) else ir.Bool
            self.rule(isinstance(node.type, wanted), node, "not of its type")

    def binary(self, node: ir.Expression, operator: str, left: ir.Word, right: ir.Word) -> None:
        """Arithmetic: the shift and the divisor are bounded, and the type says all that can come out."""
        self.rule(operator in BINARY, node, "no such operator")
        self.rule(operator not in ("shl", "shr") or ir.Word(0, 63).holds(right), node, "the shift is not bounded")
        self.rule(operator not in ("div", "mod") or right.low > 0, node, "the divisor may be 0")
        self.rule(isinstance(node.type, ir.Word) and node.type.holds(result(operator, left, right)), node, "the result is not bounded so")

    def calling(self, node: ir.Expression) -> None:
        """Calls, and functions that are passed to one."""
        match node:
            case ir.Call():
                self.call(node)
            case ir.HelperCall():
                self.helper(node)
            case ir.KfuncCall(kfunc=kfunc, arguments=arguments):
                self.rule(kfunc in self.module.kfuncs and len(kfunc.parameters) == len(arguments), node, "no function of the module")
                self.arguments(kfunc.parameters, arguments)
            case ir.Repeat(rounds=rounds, function=name, state=state):
                self.rule(ir.Word(0, MAX_REPEATS).holds(self.word(rounds)), node, "the number of rounds is not bounded")
                self.rule(name in self.known and self.known[name].role is Role.CALLBACK, node, f"{name} is no callback")
                if state is not None:
                    self.pointer(state)
            case ir.FunctionAddress(function=name):
                self.rule(name in self.known and self.known[name].role is Role.CALLBACK, node, f"{name} is no callback")
            case ir.MapAddress(map=of):
                self.rule(of in self.module.maps, node, "a map of another module")
            case ir.SizeOf():
                pass
            case ir.Print(format=format_, arguments=arguments):
                self.expression(format_)
                for each in arguments:
                    self.expression(each)
            case _:
                raise AssertionError(node)

    def call(self, node: ir.Call) -> None:
        """A call matches the callee, which comes before."""
        self.rule(node.function in self.known, node, f"{node.function} comes later, or not at all")
        callee = self.known[node.function]
        self.rule(callee.role in (Role.FUNCTION, Role.SUBPROGRAM), node, f"{callee.name} is not for calling")
        self.rule(len(callee.parameters) == len(node.arguments) and alike(callee.result, node.type), node, f"not as {callee.name} is declared")
        self.arguments(callee.parameters, node.arguments)

    def arguments(self, parameters: tuple[ir.Parameter, ...], arguments: tuple[ir.Expression, ...]) -> None:
        """What is passed is what is asked for."""
        for parameter, argument in zip(parameters, arguments, strict=True):
            self.expression(argument)
            self.rule(alike(parameter.type, argument.type) and _within(argument.type, parameter.type), argument, f"{parameter.name} is of another type")
            match argument.type, parameter.type:
                case ir.Pointer(maybe=True), ir.Pointer(maybe=False):
                    self.rule(False, argument, f"{parameter.name} may be None")

    def helper(self, node: ir.HelperCall) -> None:
        """A helper call fills every register its row asks for."""
        kinds = [kind for _, kind in node.parameters]
        self.rule(all(kind not in (Pass.KEY, Pass.VALUE) for kind in kinds) or node.declaration is not None, node, "keys and values of no map")
        self.rule(node.map is None or node.map in self.module.maps, node, "a map of another module")
        self.rule(len(kinds) == len(node.arguments), node, "a register is empty")
        for kind, argument in zip(kinds, node.arguments, strict=True):
            self.expression(argument)
            match kind, argument.type:
                case (Pass.SCALAR | Pass.LENGTH | Pass.KEY | Pass.VALUE), ir.Word():
                    pass
                case Pass.SCALAR, ir.Bool():
                    pass
                case Pass.MEMORY, ir.ArrayPointer():
                    pass
                case (Pass.MEMORY | Pass.KEY | Pass.VALUE), ir.Pointer(maybe=False):
                    pass
                case Pass.CONTEXT, ir.Context():
                    pass
                case (Pass.CALLBACK | Pass.KIND), ir.Nothing():
                    pass
                case Pass.MAP, (ir.Nothing() | ir.InnerMap(maybe=False)):
                    pass
                case _:
                    self.rule(False, argument, f"not what {kind.name} takes")


def _address(kind: ArrayType | type[Struct]) -> ir.Type:
    """The type of a global's address."""
    return ir.Pointer(kind) if isinstance(kind, type) else ir.ArrayPointer(kind)


def _within(value: ir.Type, place: ir.Type) -> bool:
    """Whether a number fits the place it goes to; other types say nothing of it."""
    return not (isinstance(value, ir.Word) and isinstance(place, ir.Word)) or place.holds(value)
