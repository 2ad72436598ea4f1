"""Expression -> a Python closure over the frame of one call: what expressions mean.

Numbers are Python's, each one of those its type says it can be (anything else is an IrFault: the front end was
wrong about it). Bools are bools, pointers are those of memory.py, the context is the lang one itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import BINARY, COMPARE, wrapped
from pybpf.compiler.ir.helping import helper_call
from pybpf.compiler.ir.memory import Address, IrFault, address, read, span, view, write
from pybpf.compiler.ir.world import UNSET, Evaluate, Frame, World
from pybpf.compiler.lang import ArrayType, KernelObject, PacketContext, Struct, Width, swap16, swap32, swap64
from pybpf.compiler.lang.helper import MAX_REPEATS

_SWAPS = {16: swap16, 32: swap32, 64: swap64}


class Expressions:
    """Compiles the expressions of one function; `slots` says where in the frame a name lies."""

    def __init__(self, world: World, function: ir.Function, slots: dict[str, int]) -> None:
        self.world, self.function, self.slots = world, function, slots

    def where(self, place: ir.Place) -> str:
        """A place as messages have it."""
        return f"{self.function.source.name}:{place.line}:{place.column}"

    def value(self, node: ir.Expression) -> Evaluate:
        """The closure of an expression."""
        match node:
            case ir.Constant(value=value, type=kind):
                fixed = bool(value) if isinstance(kind, ir.Bool) else value
                return lambda frame: fixed
            case ir.Null():
                return lambda frame: None
            case ir.Local(name=name, type=ir.Word(low=low, high=high)):
                return self.number(self.local(self.slots[name], name, self.where(node.place)), low, high, self.where(node.place))
            case ir.Local(name=name):
                return self.local(self.slots[name], name, self.where(node.place))
            case ir.Storage(name=name):
                slot = self.slots[f"&{name}"]
                return lambda frame: frame[slot]
            case ir.GlobalAddress(name=name):
                start: Address = (self.world.globals[name], 0)
                return lambda frame: start
            case ir.Offset(base=base, octets=octets):
                return self.offset(self.value(base), octets, self.where(node.place))
            case ir.Load() | ir.LoadElement():
                return self.load(node)
            case ir.ContextField(context=context, field=field):
                return self.context_field(self.value(context), field.name)
            case ir.KernelAt(value=value, type=ir.Address(struct=struct)):
                number = self.value(value)
                return lambda frame: struct.at(number(frame))
            case ir.KernelRead(base=base, field=kernel_field):
                owner = self.value(base)
                return lambda frame: getattr(owner(frame), kernel_field.name)
            case ir.Header():
                return self.header(node)
            case ir.Slice():
                return self.slice(node)
            case ir.Call(function=name, arguments=arguments):
                return self.call(self.world.functions[name], [self.value(each) for each in arguments])
            case ir.HelperCall():
                return helper_call(self.world, node, self.where(node.place), [self.value(each) for each in node.arguments])
            case ir.KfuncCall(kfunc=kfunc, arguments=arguments):
                return self.kfunc_call(node, kfunc, [self.value(each) for each in arguments])
            case ir.FunctionAddress(function=name):
                function = self.world.functions[name]
                return lambda frame: function
            case ir.MapAddress(map=of):
                return lambda frame: of.declaration
            case ir.SizeOf(struct=kind):
                return lambda frame: kind
            case ir.Repeat(rounds=rounds, function=name, state=state):
                return self.repeat(self.value(rounds), self.world.functions[name], self.value(state) if state is not None else None)
            case ir.CompareExchange():
                return self.compare_exchange(node)
            case ir.Atomic():
                return self.atomic(node)
            case ir.Print():
                return self.print(node)
            case _:
                return self.computed(node)

    def computed(self, node: ir.Expression) -> Evaluate:
        """Values made of other values."""
        match node:
            case ir.Binary(operator=name, left=left, right=right):
                return self.binary(node, name, self.value(left), self.value(right))
            case ir.Invert(value=value, type=ir.Word() as kind):
                flipped = self.value(value)
                return lambda frame: wrapped(kind, ~flipped(frame))
            case ir.Convert(value=value, width=width):
                converted = self.value(value)
                return lambda frame: width.wrapped(converted(frame))
            case ir.Swap(value=value, bits=bits):
                swapped, swap = self.value(value), _SWAPS[bits]
                return lambda frame: swap(swapped(frame))
            case ir.Bind(name=name, value=value):
                return self.bind(self.slots[name], self.value(value))
            case ir.Compare(operator=name, left=left, right=right):
                compare, one, two = COMPARE[name], self.value(left), self.value(right)
                return lambda frame: compare(one(frame), two(frame))
            case ir.Logic(operator="and", left=left, right=right):
                one, two = self.value(left), self.value(right)
                return lambda frame: one(frame) and two(frame)
            case ir.Logic(operator="or", left=left, right=right):
                one, two = self.value(left), self.value(right)
                return lambda frame: one(frame) or two(frame)
            case ir.Not(value=value):
                negated = self.value(value)
                return lambda frame: not negated(frame)
            case ir.IsNone(value=value):
                tested = self.value(value)
                return lambda frame: tested(frame) is None
            case ir.Choose(test=test, then=then, other=other):
                chosen, one, two = self.value(test), self.value(then), self.value(other)
                return lambda frame: one(frame) if chosen(frame) else two(frame)
        raise AssertionError(node)

    def local(self, slot: int, name: str, where: str) -> Evaluate:
        """A variable, which must have been assigned."""

        def run(frame: Frame) -> Any:
            value = frame[slot]
            if value is UNSET:
                raise IrFault(where, f"`{name}` is not set")
            return value

        return run

    def number(self, value: Evaluate, low: int, high: int, where: str) -> Evaluate:
        """A number, which must be one of those its type allows here."""

        def run(frame: Frame) -> int:
            found: int = value(frame)
            if not low <= found <= high:
                raise IrFault(where, f"{found} is not from {low} to {high}")
            return found

        return run

    def offset(self, base: Evaluate, octets: int, where: str) -> Evaluate:
        """The address of a field."""

        def run(frame: Frame) -> Address:
            return span(where, base(frame), octets, 0)

        return run

    def load(self, node: ir.Load | ir.LoadElement) -> Evaluate:
        """A number in memory, at a fixed or an indexed place."""
        base, where = self.value(node.base), self.where(node.place)
        match node:
            case ir.Load(offset=offset, width=width):
                return lambda frame: read(where, base(frame), offset, width)
            case ir.LoadElement(index=index, stride=stride, width=size):
                at = self.value(index)
                return lambda frame: read(where, base(frame), at(frame) * stride, size)

    def context_field(self, context: Evaluate, name: str) -> Evaluate:
        """A number of the context, or an object."""

        def run(frame: Frame) -> Any:
            found = getattr(context(frame), name)
            return address(found) if isinstance(found, KernelObject) else found

        return run

    def bind(self, slot: int, value: Evaluate) -> Evaluate:
        """Set a local on the way."""

        def run(frame: Frame) -> Any:
            frame[slot] = made = value(frame)
            return made

        return run

    def header(self, node: ir.Header) -> Evaluate:
        """A view on the packet, remembered so that it can die."""
        assert isinstance(node.type, ir.Pointer)
        context, offset, struct, world = self.value(node.context), self.value(node.offset), node.type.struct, self.world

        def run(frame: Frame) -> Address | None:
            packet: PacketContext = context(frame)
            found = address(packet.header(struct, offset(frame)))
            if found is not None and isinstance(found[0], memoryview):
                world.views.append(found[0])
            return found

        return run

    def slice(self, node: ir.Slice) -> Evaluate:
        """A copy of the packet's bytes, which dies with the views."""
        assert isinstance(node.type, ir.Pointer)
        context, offset, buffer, struct, world = self.value(node.context), self.value(node.offset), self.value(node.buffer), node.type.struct, self.world
        where = self.where(node.place)

        def run(frame: Frame) -> Address | None:
            found = address(context(frame).slice(struct, offset(frame), view(where, buffer(frame), struct)))
            if found is not None and isinstance(found[0], memoryview):
                world.views.append(found[0])
            return found

        return run

    def call(self, function: Callable[..., Any], arguments: list[Evaluate]) -> Evaluate:
        """Another function's result."""
        return lambda frame: function(*[each(frame) for each in arguments])

    def kfunc_call(self, node: ir.KfuncCall, kfunc: ir.Kfunc, arguments: list[Evaluate]) -> Evaluate:
        """The stand-in's result; structs are passed as views."""
        kinds = [_memory_kind(each.type) for each in node.arguments]
        where = self.where(node.place)

        def run(frame: Frame) -> Any:
            values = [each(frame) for each in arguments]
            passed = [value if kind is None or value is None else view(where, value, kind) for value, kind in zip(values, kinds, strict=True)]
            result = kfunc.stand_in(*passed)
            return address(result) if isinstance(kfunc.result, ir.Pointer) else result

        return run

    def repeat(self, rounds: Evaluate, function: Callable[..., Any], state: Evaluate | None) -> Evaluate:
        """bpf_loop: no round at all for a number over its limit."""

        def run(frame: Frame) -> None:
            count = rounds(frame) & 0xFFFFFFFF
            rest = () if state is None else (state(frame),)
            for number in range(count if count <= MAX_REPEATS else 0):
                if function(number, *rest):
                    return

        return run

    def compare_exchange(self, node: ir.CompareExchange) -> Evaluate:
        """Read, and write if it was as expected; here nobody comes in between."""
        base, expected, desired = (self.value(each) for each in (node.base, node.expected, node.desired))
        where, offset, width = self.where(node.place), node.offset, Width(node.bits)

        def run(frame: Frame) -> int:
            memory = base(frame)
            wanted, new = width.wrapped(expected(frame)), desired(frame)
            found = read(where, memory, offset, width)
            if found == wanted:
                write(where, memory, offset, width, new)
            return found

        return run

    def atomic(self, node: ir.Atomic) -> Evaluate:
        """Read, change, write; here nobody comes in between."""
        base, amount, where, offset, width = self.value(node.base), self.value(node.amount), self.where(node.place), node.offset, node.width
        change = BINARY.get(node.operator, _second)

        def run(frame: Frame) -> int:
            memory, by = base(frame), amount(frame)
            found = read(where, memory, offset, width)
            write(where, memory, offset, width, change(found, by))
            return found

        return run

    def print(self, node: ir.Print) -> Evaluate:
        """The arguments are evaluated; the line goes to the world's trace."""
        arguments, world = [self.value(each) for each in node.arguments], self.world
        text = bytes(world.globals[node.format.name]).rstrip(b"\0").decode()

        def run(frame: Frame) -> None:
            world.trace.append((text, tuple(each(frame) for each in arguments)))

        return run

    def binary(self, node: ir.Binary, name: str, left: Evaluate, right: Evaluate) -> Evaluate:
        """Arithmetic on words. A result outside of what its type allows is a fault."""
        operation, kind = BINARY[name], node.type
        assert isinstance(kind, ir.Word)
        return self.number(lambda frame: wrapped(kind, operation(left(frame), right(frame))), kind.low, kind.high, self.where(node.place))


def _memory_kind(kind: ir.Type) -> type[Struct] | ArrayType | None:
    """What an argument is the address of; None for a value."""
    match kind:
        case ir.Pointer(struct=struct):
            return struct
        case ir.ArrayPointer(array=array):
            return array
        case _:
            return None


def _second(_: int, new: int) -> int:
    """What xchg leaves."""
    return new
