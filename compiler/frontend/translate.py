"""Python functions -> ir.Module: the programs, and everything they call or use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pybpf.compiler.frontend.scope import Scope, Specialisation, Uses
from pybpf.compiler.frontend.signature import role, signature
from pybpf.compiler.frontend.statements import block, widest
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import leaves
from pybpf.compiler.lang import Kernel, Role
from pybpf.compiler.lang.declare import MARK

LICENSE = "Dual MIT/GPL"


def translate(programs: Sequence[Callable[..., Any]], fixed: Specialisation | None = None) -> ir.Module:
    """One module of the given programs. Raises CompileError at the first construct that is not of the language."""
    assert programs, "a module has at least one program"
    uses = Uses(fixed or Specialisation(), _function)
    for entry in programs:
        _program(entry, uses)
    return ir.Module(tuple(uses.functions.values()), tuple(uses.maps.values()), tuple(uses.globals.values()), LICENSE)


def _program(entry: Callable[..., Any], uses: Uses) -> None:
    scope = Scope(entry, uses)
    if role(entry) is not Role.PROGRAM:
        raise scope.fail(scope.tree, "kernel-unmarked", f"{entry.__name__} is not a program", 'mark it: @program("tc")')
    uses.function(scope, scope.tree, entry)


def _function(function: Callable[..., Any], uses: Uses) -> ir.Function:
    """A function and, before it, everything it calls."""
    scope = Scope(function, uses)
    mark = getattr(function, MARK, None)
    assert isinstance(mark, Kernel), f"{function.__name__} is not marked"
    parameters, scope.result = signature(scope, scope.tree, function)
    if mark.role is Role.PROGRAM and ([each.type for each in parameters], scope.result) != ([ir.Context()], ir.Word()):
        raise scope.fail(scope.tree, "kernel-signature", f"{function.__name__} must take the packet and return an int", "write `(packet: Skb) -> int`")
    scope.types = {parameter.name: parameter.type for parameter in parameters}
    scope.locals = {name: widest(kind) for name, kind in scope.types.items()}
    body = block(scope, scope.tree.body)
    if not leaves(body):
        body = (*body, _end(scope, function.__name__))
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


def _end(scope: Scope, name: str) -> ir.Return:
    """What stands at the end of a body that can be reached."""
    if not isinstance(scope.result, ir.Nothing):
        raise scope.fail(scope.tree, "kernel-return", f"{name} can reach its end without a return", "return on every way")
    return ir.Return(ir.Place(scope.tree.end_lineno or scope.tree.lineno, 1), None)
