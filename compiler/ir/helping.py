"""HelperCall -> a Python closure: helpers are the stand-ins of the language, given what their rows say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.memory import address, view
from pybpf.compiler.ir.world import Evaluate, Frame, World
from pybpf.compiler.lang import Width, checksum_add, ktime_ns
from pybpf.compiler.lang.helpers import HELPERS, Helper, Pass, Result

_NAMES: dict[Helper, str] = {helper: name for name, helper in HELPERS.items()}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"checksum_add": checksum_add, "ktime_ns": ktime_ns}
_TAIL_CALL = HELPERS["ProgramArray.tail_call"]
_FROM_PYTHON = (Pass.SCALAR, Pass.MEMORY, Pass.LENGTH, Pass.KEY)


def helper_call(world: World, node: ir.HelperCall, where: str, context: Evaluate | None, arguments: list[Evaluate]) -> Evaluate:
    """The closure of a helper call whose context and arguments are compiled already."""
    kinds = [kind for kind in node.helper.arguments if kind in _FROM_PYTHON]
    prepared = [_argument(node, index, kind, where, arguments) for index, kind in enumerate(kinds)]
    target = _target(node, context)

    def run(frame: Frame) -> Any:
        if node.helper == _TAIL_CALL and world.tail_calls_left <= 0:
            return None  # as the kernel does at its limit: the program goes on
        result = target(frame)(*[each(frame) for each in prepared])
        if node.helper.moves_packet:
            world.packet_moved()
        return address(result) if node.helper.result is Result.NULLABLE else result

    return run


def _target(node: ir.HelperCall, context: Evaluate | None) -> Callable[[Frame], Callable[..., Any]]:
    """frame -> the stand-in, bound to what it is a method of."""
    owner, _, method = _NAMES[node.helper].rpartition(".")
    if node.map is not None:
        bound: Callable[..., Any] = getattr(node.map.declaration, method)
        if context is None:
            return lambda frame: bound
        packet = context
        return lambda frame: lambda *rest: bound(packet(frame), *rest)
    if owner:
        assert context is not None
        of = context
        return lambda frame: getattr(of(frame), method)
    function = _FUNCTIONS[method]
    return lambda frame: function


def _argument(node: ir.HelperCall, index: int, kind: Pass, where: str, arguments: list[Evaluate]) -> Evaluate:
    """One argument as the stand-in takes it."""
    value, type_ = arguments[index], node.arguments[index].type
    match kind, type_:
        case (Pass.MEMORY | Pass.KEY), ir.Pointer(struct=struct):
            return lambda frame: view(where, value(frame), struct)
        case Pass.MEMORY, ir.ArrayPointer(array=array):
            return lambda frame: view(where, value(frame), array)
        case Pass.KEY, _:
            assert node.map is not None and isinstance(node.map.declaration.key, Width)
            mask = (1 << node.map.declaration.key.bits) - 1
            return lambda frame: value(frame) & mask
        case Pass.LENGTH, _:
            last = node.arguments[index - 1].type
            assert isinstance(last, ir.ArrayPointer)
            most = 1 << (last.array.octets.bit_length() - 1)
            return lambda frame: ((value(frame) - 1) & (most - 1)) + 1
        case _:
            return lambda frame: value(frame) & 0xFFFFFFFF  # the kernel takes each of these as u32 or less
