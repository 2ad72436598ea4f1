"""Programs against what their types may do: helpers, context fields, the packet, results, the target kernel.

All of it the verifier would refuse as well, but later, and without the line's reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pybpf.compiler.diag import Diagnostic, Span
from pybpf.compiler.frontend.regions import in_packet
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts
from pybpf.compiler.lang import Declaration, Role
from pybpf.compiler.lang.context import Rights
from pybpf.compiler.lang.helpers.availability import callable_from
from pybpf.compiler.lang.kinds import ProgramType, program_type, returns_of, section_of
from pybpf.compiler.lang.maps import MAP_SINCE

MAX_STACK = 512  # MAX_BPF_STACK (include/linux/filter.h), for a program and all it calls
_TOKEN = re.compile(r"[\w.]+\(?|.")
Part = ir.Expression | ir.Statement
Walked = tuple[ir.Function, tuple[Part, ...]]

# what an IR node is to the kernel, where it is not a HelperCall: (helper number, name, first kernel)
_NUMBERS: dict[type, tuple[int, str, str]] = {
    ir.Repeat: (181, "bpf_loop", "5.17"),
    ir.Print: (6, "bpf_trace_printk", "4.1"),
    ir.Locked: (93, "bpf_spin_lock", "5.1"),
}
# What the verifier refuses by type although the type has the helper: locks and timers where a program may interrupt
# one that holds them (is_tracing_prog_type and check_map_prog_compatibility in kernel/bpf/verifier.c).
_LOCKS, _TIMERS = frozenset({93, 94}), frozenset(range(169, 173))
_NOT_UNDER: dict[ProgramType, frozenset[int]] = {
    ProgramType.SOCKET_FILTER: _LOCKS,
    **dict.fromkeys((ProgramType.KPROBE, ProgramType.TRACEPOINT, ProgramType.PERF_EVENT, ProgramType.RAW_TRACEPOINT), _LOCKS | _TIMERS),
}
_SINCE: dict[type, tuple[str, str]] = {
    ir.CompareExchange: ("an atomic exchange", "5.12"),
    ir.For: ("a loop", "5.3"),
    ir.Iterate: ("an open-coded iterator", "6.4"),
    ir.KfuncCall: ("a kfunc", "5.13"),
    ir.Slice: ("`slice`", "6.4"),
}


def check_programs(module: ir.Module, target: str) -> Iterator[Diagnostic]:
    """What is wrong, in no order; what several programs share may come more than once."""
    functions = {each.name: (each, tuple(_nodes(each))) for each in module.functions}
    for each in module.functions:
        if each.role is Role.PROGRAM:
            yield from _Program(each, target).check(_reached(each.name, functions))
    if target:
        yield from _too_new(module, target)


def _reached(entry: str, functions: dict[str, Walked]) -> list[Walked]:
    """A program and all it calls, each once, with every node of each."""
    found: dict[str, Walked] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = functions[name]
            waiting += [each.function for each in found[name][1] if isinstance(each, ir.Call | ir.Repeat | ir.FunctionAddress)]
    return list(found.values())


def _nodes(function: ir.Function) -> Iterator[Part]:
    """Every node of a function."""
    waiting: list[Part] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += parts(node)


class _Program:
    """The checks of one program."""

    def __init__(self, entry: ir.Function, target: str) -> None:
        self.entry, self.target = entry, target
        found = program_type(entry.section)
        (parameter,) = entry.parameters
        assert found is not None and isinstance(parameter.type, ir.Context)
        self.type: ProgramType = found
        self.context = parameter.type.kind
        self.rights: Rights = self.context.rights_of(entry.section)
        self.helpers = callable_from(entry.section) - _NOT_UNDER.get(found, frozenset())

    def check(self, reached: list[Walked]) -> Iterator[Diagnostic]:
        """Everything that this program may not do."""
        for function, nodes in reached:
            for node in nodes:
                yield from self.node(function, node)
        allowed = returns_of(self.entry.section)
        if allowed is not None:
            for node in _nodes(self.entry):
                yield from self.result(node, *allowed)

    def node(self, function: ir.Function, node: Part) -> Iterator[Diagnostic]:
        """One node, of this program or of what it calls."""
        what = f"a program in {self.entry.section!r}"
        match node:
            case ir.HelperCall(helper=helper) if helper.number not in self.helpers:
                yield error(function, node, "kernel-helper", f"{what} cannot call `{helper.name.rpartition('.')[2]}`", "see docs/kernel-python.md for the helpers of each type of program")
            case ir.Repeat() | ir.Print() | ir.Locked() if _NUMBERS[type(node)][0] not in self.helpers:
                yield error(function, node, "kernel-helper", f"{what} cannot call `{_NUMBERS[type(node)][1]}`", "see docs/kernel-python.md for the helpers of each type of program")
            case ir.ContextField(field=field) if field.name in self.rights.hidden:
                yield error(function, node, "kernel-context", f"{what} cannot read `{field.name}`", "see docs/kernel-python.md for the fields of each type of program")
            case ir.StoreContext(field=field) if field.name not in self.rights.writable:
                yield error(function, node, "kernel-context", f"{what} cannot write `{field.name}`", f"it may write: {', '.join(sorted(self.rights.writable)) or 'nothing'}")
            case ir.Header() if not self.rights.reads_packet:
                yield error(function, node, "kernel-context", f"{what} cannot look into the packet in place", "copy what you need with `load`")
            case ir.Store(base=base) | ir.Copy(target=base) if in_packet(base) and not self.rights.writes_packet:
                yield error(function, node, "kernel-context", f"{what} cannot write to the packet", "only read it")
            case ir.StoreElement(base=ir.Offset(base=base)) if in_packet(base) and not self.rights.writes_packet:
                yield error(function, node, "kernel-context", f"{what} cannot write to the packet", "only read it")

    def result(self, node: Part, low: int, high: int) -> Iterator[Diagnostic]:
        """What a return may give."""
        if isinstance(node, ir.Return) and node.value is not None and isinstance(node.value.type, ir.Word):
            known = node.value.type
            if known.low < low or known.high > high:
                given = str(known.low) if known.low == known.high else f"from {known.low} to {known.high}"
                allowed = str(low) if low == high else f"from {low} to {high}"
                yield error(self.entry, node, "kernel-result", f"a program in {self.entry.section!r} may return {allowed}, not {given}", "return a constant, or bound it first")


def _too_new(module: ir.Module, target: str) -> Iterator[Diagnostic]:
    """What the target kernel does not have yet."""
    for function in module.functions:
        section = section_of(function.section) if function.role is Role.PROGRAM else None
        if section is not None and _newer(section.since, target):
            yield _missing(function, function, f"a program in {function.section!r}", section.since, target)
        for node in _nodes(function):
            what, since = _first_kernel(node)
            if _newer(since, target):
                yield _missing(function, node, what, since, target)


def _first_kernel(node: Part) -> tuple[str, str]:
    """(what it is, the first kernel that has it)."""
    match node:
        case ir.HelperCall(helper=helper, map=of):
            since = _map_since(of.declaration) if of is not None else helper.since
            return (f"the type of `{of.name}`", since) if of is not None and _newer(since, helper.since) else (f"`{helper.name}`", helper.since)
        case ir.Repeat() | ir.Print() | ir.Locked():
            _, name, since = _NUMBERS[type(node)]
            return name, "5.16" if isinstance(node, ir.Print) and len(node.arguments) > 3 else since
        case ir.Atomic(operator=operator, type=kind):
            is_add = operator == "add" and isinstance(kind, ir.Nothing)
            return ("an atomic add", "3.18") if is_add else ("an atomic operation other than add", "5.12")
        case ir.GlobalAddress():
            return "global data", "5.2"
        case _:
            return _SINCE.get(type(node), ("", "0"))


def _map_since(declaration: Declaration) -> str:
    return MAP_SINCE[declaration.type]


def _newer(since: str, target: str) -> bool:
    return _version(since) > _version(target)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split("."))


def _missing(function: ir.Function, node: Part | ir.Function, what: str, since: str, target: str) -> Diagnostic:
    return error(function, node, "kernel-target", f"{what} needs Linux {since}, and this is compiled for {target}", "do without it, or ask for a newer kernel")


def error(function: ir.Function, node: Part | ir.Function, code: str, message: str, hint: str) -> Diagnostic:
    """A diagnostic about a node that is IR already: its place begins where the node does, and ends with the word there."""
    line, column = node.place.line, node.place.column
    token = _TOKEN.match(function.source.line(line), column - 1)
    return Diagnostic(code, Span(function.source, line, column, line, token.end() + 1 if token else column + 1), message, hint)
