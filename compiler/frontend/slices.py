"""What slices are used for: to read, in the function that took them, until something may change what they show.

A slice is the packet itself or a copy in its buffer, as the packet lies in memory. So that a program cannot tell which, it
writes to neither while it has one: what was sliced before is dead after a write to the packet and after the next slice, and
a buffer is used for nothing else. Names are followed in the order in which they are used, through loops and calls; what
one function sees of itself, assignments and `slice` refuse earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pybpf.compiler.diag import Diagnostic
from pybpf.compiler.frontend.allowed import error
from pybpf.compiler.frontend.regions import in_packet, is_readonly
from pybpf.compiler.frontend.writes import written
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import every, leaves, parts

Part = ir.Expression | ir.Statement
Source = Callable[[ir.Expression], bool]
_AGAIN = "call `packet.slice` again, with a buffer of its own"


@dataclass(slots=True)
class Known:
    """What is known of the functions before one, callees first."""

    writers: dict[str, frozenset[int]] = field(default_factory=dict)  # the positions of what they write to
    gives: dict[str, frozenset[int]] = field(default_factory=dict)  # and of what they may give back, or a part of it
    changers: set[str] = field(default_factory=set)  # those that slice, or write to packets they look into themselves


def check_slices(module: ir.Module) -> Iterator[Diagnostic]:
    """Every misuse of a slice, and every write to what is read-only that goes through what a function gave back."""
    known = Known()
    for function in module.functions:
        found = _Function(function, known)
        found.block(function.body, frozenset())
        yield from dict.fromkeys([*found.buffers(), *found.writes(), *found.errors])
        known.writers[function.name] = written(function, known.writers)
        known.gives[function.name] = found.given_back()
        if any(found.changes(node, in_packet) for node in found.nodes):
            known.changers.add(function.name)


class _Function:
    """One function, walked in the order in which it runs; what is stale is the slices that may have changed."""

    def __init__(self, function: ir.Function, known: Known) -> None:
        self.function, self.known = function, known
        self.storage = {name for name, _ in function.storage}
        self.nodes = [each for statement in function.body for each in every(statement)]
        self.slices = self.names(set(), _is_slice)
        self.given = self.names({each.name for each in function.parameters}, _is_nothing)
        self.kept = {_name(each.buffer) for each in self.nodes if isinstance(each, ir.Slice)}
        self.left: list[tuple[list[frozenset[str]], list[frozenset[str]]]] = []  # of each loop around: what was stale at each `continue` and `break`
        self.errors: list[Diagnostic] = []

    def buffers(self) -> Iterator[Diagnostic]:
        """Buffers that are something else as well."""
        buffers = [each.buffer for each in self.nodes if isinstance(each, ir.Slice)]
        for each in buffers:
            if _name(each) not in self.storage:
                yield error(self.function, each, "kernel-call", "the buffer of a slice must be a struct that this function makes for it", f"write buffer = {_struct(each)}()")
        cleared = [each.storage for each in self.nodes if isinstance(each, ir.Clear)]
        for node in self.nodes:
            if isinstance(node, ir.Local | ir.Storage) and node.name in self.kept & self.storage and not any(node is each for each in (*buffers, *cleared)):
                yield error(self.function, node, "kernel-call", f"`{node.name}` is the buffer of a slice, which may be in it, or not", "use what `slice` gave, and the buffer for nothing else")

    def writes(self) -> Iterator[Diagnostic]:
        """Writes to what is read-only. Those that can be seen where they stand were refused before."""
        names = self.names(set(), is_readonly)
        for node in self.nodes:
            for target in self.targets(node):
                if self.leads(target, names, is_readonly):
                    yield error(self.function, node, "kernel-readonly", "this writes to what is read-only, and a function gave back", "write to a copy")

    def given_back(self) -> frozenset[int]:
        """The positions of the parameters that a result may lead into."""
        results = [each.value for each in self.nodes if isinstance(each, ir.Return) and each.value is not None and isinstance(each.value.type, ir.Pointer)]
        found = set()
        for position, parameter in enumerate(self.function.parameters if results else ()):
            names = self.names({parameter.name}, _is_nothing)
            if any(self.leads(value, names, _is_nothing) for value in results):
                found.add(position)
        return frozenset(found)

    def block(self, body: tuple[ir.Statement, ...], stale: frozenset[str]) -> frozenset[str]:
        """What is stale after a run of statements."""
        for each in body:
            stale = self.statement(each, stale)
        return stale

    def statement(self, node: ir.Statement, stale: frozenset[str]) -> frozenset[str]:
        """What is stale after a statement, if control goes on there."""
        match node:
            case ir.Assign(name=name, value=value):
                return self.expression(value, stale) - {name}
            case ir.If(test=test, then=then, other=other):
                stale = self.expression(test, stale)
                ways = [(self.block(body, stale), leaves(body)) for body in (then, other)]
                return frozenset().union(*(after for after, has_left in ways if not has_left))
            case ir.For(start=start, stop=stop, body=body) | ir.Iterate(start=start, stop=stop, body=body):
                return self.loop(body, self.expression(stop, self.expression(start, stale)))
            case ir.Locked(body=body):
                return self.block(body, stale)
            case ir.Break() | ir.Continue():
                self.left[-1][isinstance(node, ir.Break)].append(stale)
                return stale
            case ir.Return(value=value) if value is not None and self.leads(value, self.slices, _is_slice):
                self.errors.append(error(self.function, value, "kernel-escape", "a slice may lie in its buffer, on this function's stack", "return what you read from it, or take the slice in the caller"))
                return stale
        return self.operands(node, stale)

    def loop(self, body: tuple[ir.Statement, ...], stale: frozenset[str]) -> frozenset[str]:
        """What is stale after a loop. At its head that is what was before, and what any round leaves."""
        while True:
            self.left.append(([], []))
            after = self.block(body, stale)
            rounds, breaks = self.left.pop()
            more = stale.union(*rounds) | (frozenset() if leaves(body) else after)
            if more == stale:
                return stale.union(*breaks)
            stale = more

    def expression(self, node: ir.Expression, stale: frozenset[str]) -> frozenset[str]:
        """What is stale after an expression."""
        match node:
            case ir.Local(name=name) if name in stale:
                self.errors.append(error(self.function, node, "kernel-moved", f"`{name}` is a slice, and what came before may have changed it", _AGAIN))
                return stale
            case ir.Bind(name=name, value=value):
                return self.expression(value, stale) - {name}
            case ir.Logic(left=left, right=right):
                stale = self.expression(left, stale)
                return stale | self.expression(right, stale)
            case ir.Choose(test=test, then=then, other=other):
                stale = self.expression(test, stale)
                return self.expression(then, stale) | self.expression(other, stale)
        return self.operands(node, stale)

    def operands(self, node: Part, stale: frozenset[str]) -> frozenset[str]:
        """What is stale after a node whose operands are evaluated one after the other, and are all used at its end."""
        held: list[ir.Expression] = []
        for each in parts(node):
            assert isinstance(each, ir.Expression)
            stale = self.expression(each, stale)
            if held and any(self.changes(inner, self.is_packet) for inner in every(each)):
                self.errors.append(error(self.function, held[0], "kernel-moved", "this slice is used after what comes next may have changed it", "do that in a statement of its own, first"))
            if self.leads(each, self.slices, _is_slice):
                held.append(each)
        if not self.changes(node, self.is_packet):
            return stale
        if held and isinstance(node, ir.Call):
            self.errors.append(error(self.function, held[0], "kernel-moved", f"`{node.function}` may change the slice that it is given", "pass what you read from it"))
        return self.slices

    def changes(self, node: Part, is_packet: Source) -> bool:
        """Whether a node by itself may change what slices show."""
        match node:
            case ir.Slice():
                return True
            case ir.Clear(storage=storage):
                return storage.name in self.kept
            case ir.Call(function=name) if name in self.known.changers:
                return True
        return any(is_packet(each) for each in self.targets(node))

    def is_packet(self, node: ir.Expression) -> bool:
        """Whether an address may be in the packet: a caller may pass such a one."""
        return in_packet(node) or self.leads(node, self.given, _is_nothing)

    def targets(self, node: Part) -> list[ir.Expression]:
        """The addresses that a node writes to."""
        match node:
            case ir.Store(base=target) | ir.StoreElement(base=target) | ir.Copy(target=target) | ir.Atomic(base=target) | ir.CompareExchange(base=target):
                return [target]
            case ir.Call(function=name, arguments=arguments):
                return [arguments[position] for position in sorted(self.known.writers[name])]
            case _:
                return []

    def names(self, names: set[str], is_source: Source) -> frozenset[str]:
        """These names, and all that may lead to where they do, or to a source."""
        sets = [each for each in self.nodes if isinstance(each, ir.Assign | ir.Bind)]
        found = frozenset(names)
        while True:
            more = found | {each.name for each in sets if self.leads(each.value, found, is_source)}
            if more == found:
                return found
            found = more

    def leads(self, node: ir.Expression, names: frozenset[str], is_source: Source) -> bool:
        """Whether an address may lead to where one of these names does, or to a source."""
        if is_source(node):
            return True
        match node:
            case ir.Local(name=name, type=ir.Pointer() | ir.ArrayPointer()):
                return name in names
            case ir.Offset(base=inner) | ir.Bind(value=inner):
                return self.leads(inner, names, is_source)
            case ir.Choose(then=then, other=other):
                return self.leads(then, names, is_source) or self.leads(other, names, is_source)
            case ir.Call(function=name, arguments=arguments, type=ir.Pointer()):
                return any(self.leads(arguments[position], names, is_source) for position in self.known.gives[name])
            case _:
                return False


def _is_slice(node: ir.Expression) -> bool:
    return isinstance(node, ir.Slice)


def _is_nothing(_: ir.Expression) -> bool:
    return False


def _name(buffer: ir.Expression) -> str:
    """The name of a struct; empty for an address without one."""
    return buffer.name if isinstance(buffer, ir.Local | ir.Storage) else ""


def _struct(buffer: ir.Expression) -> str:
    assert isinstance(buffer.type, ir.Pointer)
    return buffer.type.struct.__name__
