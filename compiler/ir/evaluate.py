"""Expression -> a Python closure over the frame of one call: what expressions mean.

Numbers are words that wrap, bools are bools, pointers are those of memory.py, the context is the Skb itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import BINARY, COMPARE, WORD_MAX
from pybpf.compiler.ir.helping import helper_call
from pybpf.compiler.ir.memory import Address, IrFault, address, read, span, write
from pybpf.compiler.ir.world import UNSET, Evaluate, Frame, World
from pybpf.compiler.lang import Skb
from pybpf.compiler.lang.helpers import MAX_REPEATS
from pybpf.compiler.lang.skb import SKB_FIELDS

_FIELD_NAMES = {offset: name for name, offset in SKB_FIELDS.items()}


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
                fixed = bool(value) if isinstance(kind, ir.Bool) else value & WORD_MAX
                return lambda frame: fixed
            case ir.Null():
                return lambda frame: None
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
            case ir.ContextField(context=context, offset=offset):
                return self.context_field(self.value(context), _FIELD_NAMES[offset])
            case ir.Header():
                return self.header(node)
            case ir.Call(function=name, arguments=arguments):
                return self.call(self.world.functions[name], [self.value(each) for each in arguments])
            case ir.HelperCall():
                packet = self.value(node.context) if node.context is not None else None
                return helper_call(self.world, node, self.where(node.place), packet, [self.value(each) for each in node.arguments])
            case ir.Repeat(rounds=rounds, function=name):
                return self.repeat(self.value(rounds), self.world.functions[name])
            case ir.CompareExchange():
                return self.compare_exchange(node)
            case _:
                return self.computed(node)

    def computed(self, node: ir.Expression) -> Evaluate:
        """Values made of other values."""
        match node:
            case ir.Binary(operator=name, left=left, right=right):
                return self.binary(name, self.value(left), self.value(right))
            case ir.Invert(value=value):
                flipped = self.value(value)
                return lambda frame: flipped(frame) ^ WORD_MAX
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
                octets, order = width.octets, width.order
                return lambda frame: read(where, base(frame), offset, octets, order)
            case ir.LoadElement(index=index, stride=stride, bits=bits, order=order):
                at, size, end = self.value(index), bits // 8, order
                return lambda frame: read(where, base(frame), at(frame) * stride, size, end)

    def context_field(self, context: Evaluate, name: str) -> Evaluate:
        """A number of the context."""
        return lambda frame: getattr(context(frame), name) & 0xFFFFFFFF

    def header(self, node: ir.Header) -> Evaluate:
        """A view on the packet, remembered so that it can die."""
        assert isinstance(node.type, ir.Pointer)
        context, offset, struct, world = self.value(node.context), self.value(node.offset), node.type.struct, self.world

        def run(frame: Frame) -> Address | None:
            packet: Skb = context(frame)
            found = address(packet.header(struct, offset(frame)))
            if found is not None and isinstance(found[0], memoryview):
                world.views.append(found[0])
            return found

        return run

    def call(self, function: Callable[..., Any], arguments: list[Evaluate]) -> Evaluate:
        """Another function's result."""
        return lambda frame: function(*[each(frame) for each in arguments])

    def repeat(self, rounds: Evaluate, function: Callable[..., Any]) -> Evaluate:
        """bpf_loop: no round at all for a number over its limit."""

        def run(frame: Frame) -> None:
            count = rounds(frame) & 0xFFFFFFFF
            for number in range(count if count <= MAX_REPEATS else 0):
                if function(number):
                    return

        return run

    def compare_exchange(self, node: ir.CompareExchange) -> Evaluate:
        """Read, and write if it was as expected; here nobody comes in between."""
        base, expected, desired = (self.value(each) for each in (node.base, node.expected, node.desired))
        where, offset, octets, mask = self.where(node.place), node.offset, node.bits // 8, (1 << node.bits) - 1

        def run(frame: Frame) -> int:
            memory = base(frame)
            wanted, new = expected(frame) & mask, desired(frame)
            found = read(where, memory, offset, octets, "little")
            if found == wanted:
                write(where, memory, offset, octets, "little", new)
            return found

        return run

    def binary(self, name: str, left: Evaluate, right: Evaluate) -> Evaluate:
        """Arithmetic on words."""
        operation = BINARY[name]
        return lambda frame: operation(left(frame), right(frame)) & WORD_MAX
