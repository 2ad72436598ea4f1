"""A program against its stack: the structs that have to lie there, in it and in what it calls.

Others LLVM may keep in registers. What is counted is what has to lie there whatever LLVM does, so that nothing is refused
that would be compiled; of what it does not count LLVM still says when it is too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pybpf.compiler.diag import Diagnostic
from pybpf.compiler.frontend.allowed import MAX_STACK, error
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import every
from pybpf.compiler.lang import Role, Struct

_SET_CALLBACK = 170  # bpf_timer_set_callback
Part = ir.Expression | ir.Statement


@dataclass(frozen=True, slots=True)
class Kept:
    """A struct of `function` that lies on the stack."""

    function: ir.Function
    name: str
    struct: type[Struct]

    @property
    def octets(self) -> int:
        """What it takes."""
        return -(-self.struct.size_bytes // 8) * 8


def check_stack(module: ir.Module) -> Iterator[Diagnostic]:
    """An error about each program that needs more stack than there is."""
    functions = {each.name: each for each in module.functions}
    lying: dict[str, frozenset[str]] = {}  # functions -> their names that lead to what has to lie in memory
    chains: dict[str, tuple[Kept, ...]] = {}  # functions -> the most that lies on the stack while they run
    for function in module.functions:  # callees come before their callers
        names = lying[function.name] = frozenset(name for node in _nodes(function) for name in _needed(node, functions, lying))
        own = tuple(Kept(function, name, struct) for name, struct in function.storage if name in names)
        below = max((chains[name] for node in _nodes(function) for name in callees(node)), key=_octets, default=())
        chains[function.name] = own + below
        if function.role is Role.PROGRAM:
            yield from _too_much(function, chains[function.name])


def callees(node: Part) -> Iterator[str]:
    """The functions that run on top of a node's own frame: what a timer calls later does not."""
    match node:
        case ir.Call(function=name) | ir.Repeat(function=name):
            yield name
        case ir.HelperCall(helper=helper, arguments=arguments) if helper.number != _SET_CALLBACK:
            yield from (each.function for each in arguments if isinstance(each, ir.FunctionAddress))


def _too_much(program: ir.Function, chain: tuple[Kept, ...]) -> Iterator[Diagnostic]:
    total = 0
    for each in chain:
        total += each.octets
        if total > MAX_STACK:
            message = f"`{each.name}` ({each.struct.__name__}, {each.struct.size_bytes} bytes) makes {total} bytes on the stack of `{program.name}`, and {MAX_STACK} is the most"
            yield error(each.function, each.function, "kernel-stack", message, "keep large structs in a PerCpuArray")
            return


def _octets(chain: tuple[Kept, ...]) -> int:
    return sum(each.octets for each in chain)


def _nodes(function: ir.Function) -> Iterator[Part]:
    for statement in function.body:
        yield from every(statement)


def _needed(node: Part, functions: Mapping[str, ir.Function], lying: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """The names that lead to what has to lie in memory for a node: others are given its address, or an index varies."""
    match node:
        case ir.HelperCall(arguments=arguments) | ir.KfuncCall(arguments=arguments):
            yield from _roots(arguments)
        case ir.Repeat(state=address) if address is not None:
            yield from _roots((address,))
        case ir.Slice(buffer=address) | ir.Atomic(base=address) | ir.CompareExchange(base=address):
            yield from _roots((address,))
        case ir.Load(base=address, width=width) | ir.Store(base=address, width=width) if width.volatile:
            yield from _roots((address,))
        case ir.LoadElement(base=address, index=index) | ir.StoreElement(base=address, index=index) if not isinstance(index, ir.Constant):
            yield from _roots((address,))
        case ir.Call(function=name, arguments=arguments):
            callee = functions[name]
            has_frame = callee.role is Role.SUBPROGRAM
            yield from _roots(each for each, parameter in zip(arguments, callee.parameters, strict=True) if has_frame or parameter.name in lying[name])


def _roots(addresses: Iterable[ir.Expression]) -> Iterator[str]:
    """The names that addresses begin at."""
    for address in addresses:
        while isinstance(address, ir.Offset):
            address = address.base
        if isinstance(address, ir.Local | ir.Storage):
            yield address.name
