"""Names of results: each type of program has its own, and one number means other things to others."""

from __future__ import annotations

import ast
from enum import IntEnum
from typing import Final

from pybpf.compiler.frontend import names
from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.flow import parts
from pybpf.compiler.lang import Action, Verdict, XdpAction
from pybpf.compiler.lang.kinds import ProgramType, program_type

RESULTS: Final[dict[type[IntEnum], frozenset[ProgramType]]] = {
    Action: frozenset({ProgramType.SCHED_CLS}),
    XdpAction: frozenset({ProgramType.XDP}),
    Verdict: frozenset({ProgramType.SK_SKB, ProgramType.SK_MSG, ProgramType.SK_LOOKUP}),
}


def check_results(scope: Scope, section: str, body: tuple[ir.Statement, ...]) -> None:
    """Note which results a function names, and those it calls; in a program (one with a section), an error about what is a
    result of another type: Action.SHOT is 2, and so is XdpAction.PASS."""
    mentioned = {node: owner for node in ast.walk(scope.tree) if (owner := _result(scope, node)) is not None}
    called = {each for statement in body for each in _called(statement)}
    every = {*mentioned.values(), *(owner for name in called for owner in scope.uses.results.get(name, ()))}
    scope.uses.results[scope.function.__name__] = frozenset(every)
    if (kind := program_type(section)) is None:
        return
    for owner in sorted(every, key=lambda each: each.__name__):
        if kind not in RESULTS[owner]:
            node = next((each for each, named in mentioned.items() if named is owner), scope.tree)
            right = next((known.__name__ for known, types in RESULTS.items() if kind in types), "")
            hint = f"such a program returns a {right}" if right else "docs/kernel-python.md says what each type of program returns"
            raise scope.fail(node, "kernel-return", f"{owner.__name__} is not what a program in {section!r} returns, nor what it calls may", hint)


def _result(scope: Scope, node: ast.AST) -> type[IntEnum] | None:
    owner = names.named_object(scope, node) if isinstance(node, ast.Name | ast.Attribute) else None
    return owner if isinstance(owner, type) and owner in RESULTS else None


def _called(node: ir.Expression | ir.Statement) -> set[str]:
    own = {node.function} if isinstance(node, ir.Call | ir.Repeat | ir.FunctionAddress) else set()
    return own.union(*(_called(each) for each in parts(node)))
