"""What a pointer points into, where that matters: the packet, which helpers move, or this function's own stack."""

from __future__ import annotations

from collections.abc import Collection

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts
from pybpf.compiler.lang import Struct

Part = ir.Expression | ir.Statement


def in_packet(value: ir.Expression) -> bool:
    """Whether a pointer may point into the packet."""
    match value:
        case ir.Offset(base=base):
            return in_packet(base)
        case _:
            return isinstance(value.type, ir.Pointer) and value.type.of_packet


def is_readonly(value: ir.Expression) -> bool:
    """Whether a pointer points to what no program writes."""
    return isinstance(value.type, ir.Pointer | ir.ArrayPointer) and value.type.readonly


def on_stack(value: ir.Expression, storage: Collection[str]) -> bool:
    """Whether a pointer may point into one of the structs that the function keeps under these names."""
    match value:
        case ir.Offset(base=base):
            return on_stack(base, storage)
        case ir.Local(name=name):
            return name in storage
        case ir.Storage():
            return True
        case ir.Call(type=ir.Pointer(struct=struct), arguments=arguments):
            return any(on_stack(each, storage) and may_give(each.type, struct) for each in arguments)
        case _:
            return False


def may_give(argument: ir.Type, result: type[Struct]) -> bool:
    """Whether a function that is given a pointer could return a `result` that lies in what it points to."""
    return isinstance(argument, ir.Pointer) and _contains(argument.struct, result)


def moves_packet(node: Part, movers: Collection[str]) -> bool:
    """Whether a node may move the packet; `movers` are the functions known to."""
    match node:
        case ir.HelperCall(helper=helper) if helper.moves_packet:
            return True
        case ir.Call(function=name) if name in movers:
            return True
        case ir.KfuncCall(arguments=arguments) if any(isinstance(each.type, ir.Context) for each in arguments):
            return True  # what it does with the packet is its own business
        case _:
            return any(moves_packet(each, movers) for each in parts(node))


def outlived(node: Part, movers: Collection[str]) -> ir.Expression | None:
    """A pointer into the packet that is used by `node` after a later operand of it has moved the packet."""
    before: list[ir.Expression] = []
    for part in parts(node):
        if isinstance(part, ir.Statement):
            continue  # blocks inside a statement were looked at by themselves
        if (inner := outlived(part, movers)) is not None:
            return inner
        if before and moves_packet(part, movers):
            return before[0]
        if in_packet(part):
            before.append(part)
    return None


def gives_packet(body: Collection[ir.Statement]) -> bool:
    """Whether a function with this body can return a pointer into the packet that it found itself."""
    for statement in body:
        if isinstance(statement, ir.Return) and statement.value is not None and in_packet(statement.value):
            return True
        if gives_packet([each for each in parts(statement) if isinstance(each, ir.Statement)]):
            return True
    return False


def bound(node: Part) -> set[str]:
    """The names that `:=` sets inside a node."""
    own = {node.name} if isinstance(node, ir.Bind) else set()
    return own.union(*(bound(each) for each in parts(node)))


def bound_surely(node: Part) -> dict[str, ir.Type]:
    """The names that `:=` sets whenever a node is evaluated, and to what."""
    match node:
        case ir.Bind(name=name, value=value):
            return bound_surely(value) | {name: node.type}
        case ir.Logic(left=left):
            return bound_surely(left)
        case ir.Choose(test=test):
            return bound_surely(test)
        case _:
            return {name: kind for each in parts(node) for name, kind in bound_surely(each).items()}


def _contains(outer: type[Struct], inner: type[Struct]) -> bool:
    return outer is inner or any(isinstance(field.type, type) and _contains(field.type, inner) for field in outer.layout.values())
