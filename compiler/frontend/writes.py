"""Which of a function's parameters it writes through: what is read-only cannot be passed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts

Part = ir.Expression | ir.Statement


def written(function: ir.Function, writers: Mapping[str, frozenset[int]]) -> frozenset[int]:
    """The positions of the parameters through which a function, or one that it calls, may write. `writers` says the same
    of the functions translated before it."""
    nodes = [each for statement in function.body for each in _every(statement)]
    return frozenset(
        position
        for position, parameter in enumerate(function.parameters)
        if isinstance(parameter.type, ir.Pointer | ir.ArrayPointer) and _is_written(_names(parameter.name, nodes), nodes, writers)
    )


def _is_written(names: frozenset[str], nodes: list[Part], writers: Mapping[str, frozenset[int]]) -> bool:
    for node in nodes:
        match node:
            case ir.Store(base=target) | ir.StoreElement(base=target) | ir.Copy(target=target) | ir.Atomic(base=target) | ir.CompareExchange(base=target):
                if _leads(target, names):
                    return True
            case ir.Call(function=name, arguments=arguments):
                if any(_leads(arguments[position], names) for position in writers.get(name, ())):
                    return True
    return False


def _names(parameter: str, nodes: list[Part]) -> frozenset[str]:
    """The parameter, and the locals that may lead to where it leads."""
    names = frozenset({parameter})
    while True:
        more = names | {each.name for each in nodes if isinstance(each, ir.Assign | ir.Bind) and _leads(each.value, names)}
        if more == names:
            return names
        names = more


def _leads(value: ir.Expression, names: frozenset[str]) -> bool:
    """Whether an address may be made of one of these locals."""
    if not isinstance(value.type, ir.Pointer | ir.ArrayPointer):
        return False
    if isinstance(value, ir.Local):
        return value.name in names
    return any(_leads(each, names) for each in parts(value) if isinstance(each, ir.Expression))


def _every(node: Part) -> Iterator[Part]:
    yield node
    for each in parts(node):
        yield from _every(each)
