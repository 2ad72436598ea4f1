"""A kernel function's annotations -> its IR parameters and result."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Kernel, Role, Skb, Struct, width_of
from pybpf.compiler.lang.declare import MARK


def role(target: object) -> Role | None:
    """What a Python object is marked as; None when it is no kernel function."""
    mark = getattr(target, MARK, None)
    return mark.role if isinstance(mark, Kernel) else None


def signature(scope: Scope, node: ast.AST, target: Callable[..., Any]) -> tuple[tuple[ir.Parameter, ...], ir.Type]:
    """(parameters, result type) of `target`; an error about `node` when an annotation is not a kernel type."""
    try:
        hints = get_type_hints(target, include_extras=True)
    except Exception as error:  # annotations are the user's code: evaluating them can raise anything
        raise scope.fail(node, "kernel-signature", f"{target.__name__}: its annotations cannot be read: {error}", "import the types it names") from error
    parameters = []
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD or parameter.default is not inspect.Parameter.empty:
            raise scope.fail(node, "kernel-signature", f"{target.__name__}: {parameter.name!r} is not a plain parameter", "kernel functions have positional parameters without defaults")
        kind = _type(hints.get(parameter.name))
        if kind is None or isinstance(kind, ir.Nothing):
            raise _untyped(scope, node, target, parameter.name)
        parameters.append(ir.Parameter(parameter.name, kind))
    result = _type(hints.get("return"))
    if result is None or isinstance(result, ir.Context) or "return" not in hints:
        raise _untyped(scope, node, target, "return")
    return tuple(parameters), result


def _untyped(scope: Scope, node: ast.AST, target: Callable[..., Any], name: str) -> Exception:
    hint = "annotate it: u32, bool, a Struct, Struct | None, Skb"
    return scope.fail(node, "kernel-signature", f"{target.__name__}: {name!r} has no kernel type", hint)


def _type(hint: Any) -> ir.Type | None:
    if hint is type(None):
        return ir.Nothing()
    if hint is bool:
        return ir.Bool()
    if hint is int or width_of(hint) is not None:
        return ir.Word()
    if hint is Skb:
        return ir.Context()
    if isinstance(hint, type) and issubclass(hint, Struct):
        return ir.Pointer(hint)
    if get_origin(hint) is types.UnionType or str(get_origin(hint)) == "typing.Union":
        inner = [each for each in get_args(hint) if each is not type(None)]
        if len(inner) == 1 and isinstance(inner[0], type) and issubclass(inner[0], Struct) and len(get_args(hint)) == 2:
            return ir.Pointer(inner[0], maybe=True)
    return None
