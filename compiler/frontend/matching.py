"""`match` on numbers and enums -> `if` and `elif`, as syntax: the rest of the front end knows nothing of it."""

from __future__ import annotations

import ast
from typing import TypeVar

from pybpf.compiler.frontend.scope import Scope

T = TypeVar("T", bound=ast.AST)


def as_branches(scope: Scope, node: ast.Match) -> list[ast.stmt]:
    """The statements that mean the same: the subject is evaluated once, cases are tried in order."""
    made: list[ast.stmt] = []
    subject = node.subject
    if not isinstance(subject, ast.Name) or _is_rebound(subject.id, node):
        name = scope.hidden()
        made.append(_at(ast.Assign([_at(ast.Name(name, ast.Store()), subject)], subject), node))
        subject = _at(ast.Name(name, ast.Load()), subject)
    rest: list[ast.stmt] = []
    for case in reversed(node.cases):  # Python itself sees to it that a case without test is the last one
        test = _test(scope, case.pattern, subject)
        if case.guard is not None:
            test = case.guard if test is None else _at(ast.BoolOp(ast.And(), [test, case.guard]), case.guard)
        rest = case.body if test is None else [_at(ast.If(test, case.body, rest), case.pattern)]
    return [*made, *rest]


def _is_rebound(name: str, node: ast.Match) -> bool:
    """Whether a guard sets the subject's name, of which later cases are to see the old value."""
    guards = [case.guard for case in node.cases if case.guard is not None]
    return any(isinstance(each, ast.NamedExpr) and each.target.id == name for guard in guards for each in ast.walk(guard))


def _test(scope: Scope, pattern: ast.pattern, subject: ast.expr) -> ast.expr | None:
    """The condition under which a pattern matches; None: always."""
    match pattern:
        case ast.MatchAs(pattern=None, name=None):
            return None
        case ast.MatchValue(value=value):
            return _at(ast.Compare(subject, [ast.Eq()], [value]), pattern)
        case ast.MatchOr(patterns=patterns):
            tests = [_test(scope, each, subject) for each in patterns]
            known = [each for each in tests if each is not None]
            return _at(ast.BoolOp(ast.Or(), known), pattern) if len(known) == len(tests) else None
    raise scope.fail(pattern, "kernel-construct", "a case is a number, an enum's member, several with `|`, or `_`", "write `case 6 | 17:`")


def _at(made: T, where: ast.AST) -> T:
    return ast.copy_location(made, where)
