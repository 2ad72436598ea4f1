"""ir.Module -> a Machine that runs it in Python: what the IR means.

Slow and checked: memory is bounded buffers, a local is set before it is read, a view on the packet dies when
the packet moves; whatever breaks a rule of the IR is an IrFault. Maps and helpers are the stand-ins of
pybpf.compiler.lang, the very objects the module was translated from: what a map holds stays when the machine
goes, and CPython sees the same. Expressions are in evaluate.py, statements in execute.py, helpers in helping.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import wrapped
from pybpf.compiler.ir.execute import function_call
from pybpf.compiler.ir.memory import IrFault, address
from pybpf.compiler.ir.world import World
from pybpf.compiler.lang import Context, Struct, TailCall

__all__ = ["MAX_TAIL_CALLS", "IrFault", "Machine", "run"]
MAX_TAIL_CALLS = 33  # MAX_TAIL_CALL_CNT (include/linux/bpf.h)

Argument = int | bool | Struct | Context | None


class Machine:
    """One module with globals of its own, each function compiled to closures once."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self.globals = {each.name: bytearray(each.content) for each in module.globals}
        self._world = World(self.globals)
        self.trace = self._world.trace  # what was printed: formats and arguments
        self._functions = {function.name: function for function in module.functions}
        for function in module.functions:
            self._world.functions[function.name] = function_call(self._world, function)

    def __contains__(self, name: object) -> bool:
        """Whether the module has a function of that name."""
        return name in self._functions

    def call(self, name: str, *arguments: Argument, tail_calls_left: int = MAX_TAIL_CALLS) -> int | bool | Struct | None:
        """The result of one function. Structs are passed and returned as views: it writes through them.

        Raises TailCall where the program goes on in another one, IrFault where the IR is wrong. With no
        `tail_calls_left` a tail call fails, and the program that made it goes on.
        """
        function = self._functions[name]
        assert len(arguments) == len(function.parameters), f"{name} takes {len(function.parameters)} arguments"
        self._world.tail_calls_left = tail_calls_left
        passed = [_passed(each, parameter.type) for each, parameter in zip(arguments, function.parameters, strict=True)]
        result: Any = self._world.functions[name](*passed)
        if isinstance(function.result, ir.Pointer) and result is not None:
            memory, start = result
            return function.result.struct.view(memoryview(memory)[start:])
        return result  # type: ignore[no-any-return]  # frames are untyped; the checker of the IR types results


def run(machines: Sequence[Machine], entry: str, context: Context) -> int:
    """What program `entry` decides on a context, through tail calls into any of the machines: 32 bits, unsigned.

    A slot of a program array holds a Python function or its name. Raises TailCall for one that no machine has.
    """
    for left in range(MAX_TAIL_CALLS, -1, -1):
        machine = next(each for each in machines if entry in each)
        try:
            result = machine.call(entry, context, tail_calls_left=left)
        except TailCall as jump:
            entry = jump.target if isinstance(jump.target, str) else jump.target.__name__
            if not any(entry in each for each in machines):
                raise
            continue
        assert isinstance(result, int)
        return result & 0xFFFFFFFF
    raise AssertionError("a tail call was made with none left")


def _passed(argument: Argument, kind: ir.Type) -> Any:
    """An argument as frames hold it."""
    match argument, kind:
        case int(), ir.Word() if not isinstance(argument, bool):
            return wrapped(kind, argument)
        case Struct(), _:
            return address(argument)
        case _:
            return argument
