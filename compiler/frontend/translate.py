"""Python functions -> ir.Module: the programs, and everything they call or use."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from pybpf.compiler.diag import CompileError, Diagnostic, Source, span_of_line
from pybpf.compiler.frontend.allowed import check_programs
from pybpf.compiler.frontend.assignments import allocated
from pybpf.compiler.frontend.limits import check_limits
from pybpf.compiler.frontend.owed import check_nothing
from pybpf.compiler.frontend.results import check_results
from pybpf.compiler.frontend.scope import Scope, widest
from pybpf.compiler.frontend.signature import role, signature
from pybpf.compiler.frontend.source import definition
from pybpf.compiler.frontend.statements import block
from pybpf.compiler.frontend.uses import Abandoned, Specialisation, Uses
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.depth import deep
from pybpf.compiler.ir.flow import leaves
from pybpf.compiler.lang import Kernel, Role
from pybpf.compiler.lang.contexts import CONTEXTS, RawTracepoint, Tracepoint
from pybpf.compiler.lang.declare import LICENSE, MARK
from pybpf.compiler.lang.kinds import SECTIONS, program_type

_VERSION = re.compile(r"\d+\.\d+")


def translate(programs: Sequence[Callable[..., Any]], fixed: Specialisation | None = None, *, target: str = "") -> ir.Module:
    """One module of the given programs. Raises CompileError with every construct that is not of the language.

    `target` is the oldest kernel it has to run on ("5.15"); empty: whatever this language knows.
    """
    assert programs, "a module has at least one program"
    if target and not _VERSION.fullmatch(target):
        raise ValueError(f"{target!r} is no kernel version: write it as 5.15")
    try:
        with deep():
            return _module(programs, Uses(fixed or Specialisation(), _function), target)
    except RecursionError:
        raise too_deep(definition(programs[0]).source, programs[0].__code__.co_firstlineno) from None


def too_deep(source: Source, line: int) -> CompileError:
    """The error of a program whose tree is too deep to be walked."""
    hint = "a chain of hundreds of operators or branches is a loop over a table, or a map"
    return CompileError([Diagnostic("kernel-construct", span_of_line(source, line), "something in this program, or in what it calls, is nested too deep", hint)])


def _module(programs: Sequence[Callable[..., Any]], uses: Uses, target: str) -> ir.Module:
    for entry in programs:
        _program(entry, uses)
    if not uses.errors:
        _check_licences(programs, uses)
    licences = {mark.licence for entry in programs if isinstance(mark := getattr(entry, MARK, None), Kernel)} or {LICENSE}
    module = ir.Module(uses.finished(), tuple(uses.maps.values()), tuple(uses.globals.values()), min(licences), tuple(uses.kfuncs.values()))
    if not uses.errors:
        uses.errors += list(dict.fromkeys((*check_programs(module, target), *check_limits(module))))
    if uses.errors:
        raise CompileError(sorted(uses.errors, key=_order))
    return module


def _check_licences(programs: Sequence[Callable[..., Any]], uses: Uses) -> None:
    """One object has one licence: an error about the first program that has another."""
    licences = [mark.licence for each in programs if isinstance(mark := getattr(each, MARK, None), Kernel)]
    if other := next((each for each, licence in zip(programs, licences, strict=False) if licence != licences[0]), None):
        scope = Scope(other, uses)
        uses.report(scope.fail(scope.tree, "kernel-license", f"{other.__name__} is under another licence than {programs[0].__name__}, and one object has one", "give them one licence, or build two objects"))


def _order(error: Diagnostic) -> tuple[str, int, int]:
    return error.span.source.name, error.span.line, error.span.column


def _program(entry: Callable[..., Any], uses: Uses) -> None:
    """Translate one program; what is wrong with it is kept in `uses`."""
    try:
        scope = Scope(entry, uses)
        if role(entry) is not Role.PROGRAM:
            raise scope.fail(scope.tree, "kernel-unmarked", f"{entry.__name__} is not a program", 'mark it: @program("tc")')
        uses.function(scope, scope.tree, entry)
    except CompileError as error:
        uses.report(error)
    except Abandoned:
        pass


def _function(function: Callable[..., Any], uses: Uses) -> ir.Function:
    """A function and, before it, everything it calls."""
    scope = Scope(function, uses)
    mark = getattr(function, MARK, None)
    assert isinstance(mark, Kernel), f"{function.__name__} is not marked"
    parameters, scope.result = signature(scope, scope.tree, function)
    _check_head(scope, mark, parameters)
    scope.is_program = mark.role is Role.PROGRAM
    scope.types = {each.name: replace(each.type, seen=False) if isinstance(each.type, ir.Word) else each.type for each in parameters}
    scope.declared = {name: kind for name, kind in scope.types.items() if isinstance(kind, ir.Word)}
    scope.declarations = {name: scope.place(scope.tree) for name in scope.types}
    scope.locals = {name: widest(kind) for name, kind in scope.types.items()}
    scope.stacked = set(allocated(scope))
    errors = len(uses.errors)
    body = block(scope, scope.tree.body)
    if not leaves(body):
        body = (*body, *_end(scope, function.__name__, len(uses.errors) > errors))
    check_results(scope, mark.section, body)
    return ir.Function(
        name=function.__name__,
        role=mark.role,
        section=mark.section,
        source=scope.source,
        place=scope.place(scope.tree),
        parameters=parameters,
        result=scope.result,
        locals=tuple(sorted(scope.locals.items())),
        storage=tuple(sorted(scope.storage.items())),
        body=body,
    )


def _check_head(scope: Scope, mark: Kernel, parameters: tuple[ir.Parameter, ...]) -> None:
    """What the kind of a function asks of its parameters and result."""
    name = scope.function.__name__
    if mark.role is Role.PROGRAM:
        kind = program_type(mark.section)
        if kind is None:
            raise scope.fail(scope.tree, "kernel-signature", f"{mark.section!r} is the section of no program that this language knows", _near_sections(mark.section))
        contexts = [each.type.kind for each in parameters if isinstance(each.type, ir.Context)]
        if len(parameters) != 1 or not contexts or not isinstance(scope.result, ir.Word):
            raise scope.fail(scope.tree, "kernel-signature", f"{name} must take the context and return an int", "write `(packet: Skb) -> int`")
        if kind not in contexts[0].rights:
            wanted = CONTEXTS[kind].__name__
            hint = f"write `{contexts[0].__name__}` as a class of your own, derived from {wanted}" if contexts[0] in (Tracepoint, RawTracepoint) else f"it is called with {wanted}"
            raise scope.fail(scope.tree, "kernel-signature", f"{contexts[0].__name__} is not what a program in {mark.section!r} is called with", hint)
    if mark.role is Role.SUBPROGRAM and len(parameters) > 5:
        raise scope.fail(scope.tree, "kernel-signature", f"{name} has {len(parameters)} parameters, and five registers pass them", "use a struct, or @function")


def _near_sections(section: str) -> str:
    near = get_close_matches(section, [each.removesuffix("+") for each in SECTIONS], 1)
    return f"did you mean {near[0]!r}?" if near else 'docs/kernel-python.md has them all: "tc", "xdp", "cgroup/connect4", ...'


def _end(scope: Scope, name: str, was_refused: bool) -> tuple[ir.Statement, ...]:
    """What stands at the end of a body that can be reached."""
    if isinstance(scope.result, ir.Nothing):
        check_nothing(scope, scope.tree, f"at the end of {name}")
        return (ir.Return(ir.Place(scope.tree.end_lineno or scope.tree.lineno, 1), None),)
    if was_refused:
        return ()
    raise scope.fail(scope.tree, "kernel-return", f"{name} can reach its end without a return", "return on every way")
