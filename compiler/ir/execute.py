"""Statement -> a Python closure that does it: what statements mean.

A closure returns a Signal when control does not simply go on; 0 (or None) when it does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.evaluate import Expressions
from pybpf.compiler.ir.memory import IrFault, read, span, write
from pybpf.compiler.ir.world import UNSET, Evaluate, Frame, World

Execute = Callable[[Frame], int | None]
RESULT = 0  # where in a frame the result lies


class Signal(IntEnum):
    """How a statement left its block."""

    BREAK = 1
    CONTINUE = 2
    RETURN = 3


def function_call(world: World, function: ir.Function) -> Callable[..., Any]:
    """The function as a callable of its arguments' values."""
    names = [*(name for name, _ in function.locals), *(f"&{name}" for name, _ in function.storage)]
    slots = {name: index for index, name in enumerate(names, 1)}
    body = Statements(world, function, slots).block(function.body)
    empty: Frame = [None, *([UNSET] * len(names))]
    parameters = [slots[parameter.name] for parameter in function.parameters]
    storage = [(slots[f"&{name}"], struct.size_bytes) for name, struct in function.storage]
    where = f"{function.source.name}:{function.place.line}"

    def call(*values: Any) -> Any:
        frame = empty.copy()
        for slot, value in zip(parameters, values, strict=True):
            frame[slot] = value
        for slot, octets in storage:
            frame[slot] = (bytearray(octets), 0)
        if body(frame) != Signal.RETURN:
            raise IrFault(where, f"{function.name} does not return")
        return frame[RESULT]

    return call


class Statements(Expressions):
    """Compiles the statements of one function."""

    def block(self, body: tuple[ir.Statement, ...]) -> Execute:
        """Statements in order, until one leaves."""
        steps = [self.statement(each) for each in body]
        if len(steps) == 1:
            return steps[0]

        def run(frame: Frame) -> int | None:
            for step in steps:
                if signal := step(frame):
                    return signal
            return None

        return run

    def statement(self, node: ir.Statement) -> Execute:
        """The closure of one statement. Values are computed before the places they go to, as in Python."""
        where = self.where(node.place)
        match node:
            case ir.Assign(name=name, value=value):
                return self.assign(self.slots[name], self.value(value))
            case ir.Clear(storage=storage):
                assert isinstance(storage.type, ir.Pointer)
                return self.clear(self.value(storage), storage.type.struct.size_bytes)
            case ir.Store(base=base, offset=offset, width=width, value=value):
                target, made, octets, order = self.value(base), self.value(value), width.octets, width.order
                return lambda frame: write(where, value=made(frame), address=target(frame), offset=offset, octets=octets, order=order)
            case ir.StoreElement(base=base, index=index, bits=bits, order=order, value=value):
                target, at, made, octets, end = self.value(base), self.value(index), self.value(value), bits // 8, order
                return lambda frame: write(where, value=made(frame), address=target(frame), offset=at(frame) * octets, octets=octets, order=end)
            case ir.Copy(target=target_, source=source, octets=octets):
                return self.copy(self.value(target_), self.value(source), octets, where)
            case ir.AddAtomic(base=base, offset=offset, bits=bits, amount=amount):
                return self.add_atomic(self.value(base), offset, bits // 8, self.value(amount), where)
            case ir.Evaluate(value=value):
                return self.evaluate(self.value(value))
            case ir.If(test=test, then=then, other=other):
                return self.fork(self.value(test), self.block(then), self.block(other))
            case ir.For(name=name, start=start, stop=stop, body=body):
                return self.loop(self.slots[name], range(start, stop), self.block(body))
            case ir.Break():
                return lambda frame: Signal.BREAK
            case ir.Continue():
                return lambda frame: Signal.CONTINUE
            case ir.Return(value=value):
                return self.leave(self.value(value) if value is not None else None)
        raise AssertionError(node)

    def assign(self, slot: int, value: Evaluate) -> Execute:
        """Set a local."""

        def run(frame: Frame) -> None:
            frame[slot] = value(frame)

        return run

    def clear(self, storage: Evaluate, octets: int) -> Execute:
        """Zero a struct on the stack."""

        def run(frame: Frame) -> None:
            memory, start = storage(frame)
            memory[start : start + octets] = bytes(octets)

        return run

    def copy(self, target: Evaluate, source: Evaluate, octets: int, where: str) -> Execute:
        """Copy a struct; the two are one or do not overlap."""

        def run(frame: Frame) -> None:
            to, at = span(where, target(frame), 0, octets)
            origin, start = span(where, source(frame), 0, octets)
            to[at : at + octets] = bytes(origin[start : start + octets])

        return run

    def add_atomic(self, base: Evaluate, offset: int, octets: int, amount: Evaluate, where: str) -> Execute:
        """Add to a number in memory."""

        def run(frame: Frame) -> None:
            memory = base(frame)
            total = read(where, memory, offset, octets, "little") + amount(frame)
            write(where, memory, offset, octets, "little", total)

        return run

    def evaluate(self, value: Evaluate) -> Execute:
        """An expression for its effect."""

        def run(frame: Frame) -> None:
            value(frame)

        return run

    def fork(self, test: Evaluate, then: Execute, other: Execute) -> Execute:
        """if / else."""
        return lambda frame: then(frame) if test(frame) else other(frame)

    def loop(self, slot: int, rounds: range, body: Execute) -> Execute:
        """A counted loop; the body may assign the loop's variable without changing the count."""

        def run(frame: Frame) -> int | None:
            for number in rounds:
                frame[slot] = number
                signal = body(frame)
                if signal == Signal.BREAK:
                    return None
                if signal == Signal.RETURN:
                    return signal
            return None

        return run

    def leave(self, value: Evaluate | None) -> Execute:
        """return."""

        def run(frame: Frame) -> int:
            frame[RESULT] = None if value is None else value(frame)
            return Signal.RETURN

        return run
