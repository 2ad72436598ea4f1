"""HelperCall -> a Python closure: helpers are the stand-ins of the language, given what their signatures say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.memory import address, view
from pybpf.compiler.ir.world import Evaluate, Frame, World
from pybpf.compiler.lang import ProgramArray, Struct, Width
from pybpf.compiler.lang.helper import Give, Pass, helper_of

_TAIL_CALL = helper_of(ProgramArray.tail_call)


def helper_call(world: World, node: ir.HelperCall, where: str, arguments: list[Evaluate]) -> Evaluate:
    """The closure of a helper call whose arguments are compiled already."""
    prepared = [_argument(world, node, index, where, arguments) for index in range(len(arguments))]
    target = _target(node)
    give, width = node.helper.signature.give, node.helper.signature.width

    def run(frame: Frame) -> Any:
        if node.helper == _TAIL_CALL and world.tail_calls_left <= 0:
            return None  # as the kernel does at its limit: the program goes on
        result = target(*[each(frame) for each in prepared])
        if node.helper.moves_packet:
            world.packet_moved()
        match give:
            case Give.POINTER:
                return address(result)
            case Give.INNER_MAP:
                return result
            case Give.NUMBER:
                return width.wrapped(result)
            case _:
                return result

    return run


def _target(node: ir.HelperCall) -> Callable[..., Any]:
    """The stand-in. One of a map is bound to it; one of a context takes it as its first argument."""
    method = node.helper.name.rpartition(".")[2]
    if node.map is not None:
        bound: Callable[..., Any] = getattr(node.map.declaration, method)
        return bound
    if node.has_receiver:
        return lambda receiver, *rest: getattr(receiver, method)(*rest)
    return node.helper.stand_in


def _argument(world: World, node: ir.HelperCall, index: int, where: str, arguments: list[Evaluate]) -> Evaluate:
    """One argument as the stand-in takes it."""
    value, kind_of = arguments[index], node.arguments[index].type
    name, kind = node.parameters[index]
    match kind, kind_of:
        case (Pass.MEMORY | Pass.KEY | Pass.VALUE), ir.Pointer(struct=struct):
            return _memory(where, value, struct)
        case Pass.MEMORY, ir.ArrayPointer(array=array):
            return lambda frame: view(where, value(frame), array)
        case (Pass.KEY | Pass.VALUE), _:
            assert node.declaration is not None
            of_map = node.declaration.key if kind is Pass.KEY else node.declaration.value
            assert isinstance(of_map, Width)
            return _wrapped(of_map, value)
        case Pass.LENGTH, _:
            of = [each for each, _ in node.parameters].index(node.helper.signature.lengths[name])
            last = node.arguments[of].type
            assert isinstance(last, ir.ArrayPointer)
            most = 1 << (last.array.octets.bit_length() - 1)
            return lambda frame: ((value(frame) - 1) & (most - 1)) + 1
        case Pass.CALLBACK, _:
            return lambda frame: _called_back(value(frame))
        case Pass.SCALAR, ir.Word():
            return _wrapped(node.helper.signature.widths[name], value)
        case _:
            return value


def _called_back(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the machine as the stand-ins call it: with structs, which it takes as addresses."""
    return lambda *arguments: function(*[address(each) if isinstance(each, Struct) else each for each in arguments])


def _wrapped(width: Width, value: Evaluate) -> Evaluate:
    return lambda frame: width.wrapped(value(frame))


def _memory(where: str, value: Evaluate, struct: type[Struct]) -> Evaluate:
    return lambda frame: view(where, value(frame), struct)
