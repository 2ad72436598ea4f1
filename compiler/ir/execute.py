"""Statement -> a Python closure that does it: what statements mean.

A closure returns a Signal when control does not simply go on; 0 (or None) when it does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.evaluate import Expressions
from pybpf.compiler.ir.memory import IrFault, span, write
from pybpf.compiler.ir.world import UNSET, Evaluate, Frame, World
from pybpf.compiler.lang import ContextField, Width

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
                target, made = self.value(base), self.value(value)
                return lambda frame: write(where, value=made(frame), address=target(frame), offset=offset, width=width)
            case ir.StoreElement(base=base, index=index, width=size, value=value):
                target, at, made = self.value(base), self.value(index), self.value(value)
                return lambda frame: write(where, value=made(frame), address=target(frame), offset=at(frame) * size.octets, width=size)
            case ir.StoreContext(context=context, field=field, value=value):
                return self.store_context(self.value(context), field, self.value(value))
            case ir.Copy(target=target_, source=source, octets=octets):
                return self.copy(self.value(target_), self.value(source), octets, where)
            case ir.Evaluate(value=value):
                return self.evaluate(self.value(value))
            case ir.If(test=test, then=then, other=other):
                return self.fork(self.value(test), self.block(then), self.block(other))
            case ir.For(name=name, body=body):
                return self.loop(self.slots[name], self.value(node.start), self.value(node.stop), node.step, self.block(body))
            case ir.Iterate(name=name, body=body):
                return self.loop(self.slots[name], self.value(node.start), self.value(node.stop), 1, self.block(body))
            case ir.Locked(body=body):
                return self.block(body)  # here nobody comes in between
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

    def store_context(self, context: Evaluate, field: ContextField, value: Evaluate) -> Execute:
        """Set a field of the context."""
        assert isinstance(field.value, Width)
        width = field.value

        def run(frame: Frame) -> None:
            made = width.wrapped(value(frame))
            setattr(context(frame), field.name, made)

        return run

    def evaluate(self, value: Evaluate) -> Execute:
        """An expression for its effect."""

        def run(frame: Frame) -> None:
            value(frame)

        return run

    def fork(self, test: Evaluate, then: Execute, other: Execute) -> Execute:
        """if / else."""
        return lambda frame: then(frame) if test(frame) else other(frame)

    def loop(self, slot: int, start: Evaluate, stop: Evaluate, step: int, body: Execute) -> Execute:
        """A counted loop; the body may assign the loop's variable without changing the count."""

        def run(frame: Frame) -> int | None:
            first = start(frame)
            for number in range(first, stop(frame), step):
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
