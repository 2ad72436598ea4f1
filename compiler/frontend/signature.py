"""A kernel function's annotations -> its IR parameters and result."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Callable
from enum import IntEnum
from typing import Any, get_args, get_origin, get_type_hints

from pybpf.compiler.frontend.scope import Scope
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.arithmetic import SIGNED, UNSIGNED
from pybpf.compiler.lang import Array, ArrayType, Context, Count, Kernel, KernelStruct, Role, Struct, width_of
from pybpf.compiler.lang.cells import Cell, cell_of
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
        kind = kernel_type(hints.get(parameter.name))
        _check_order(scope, node, f"{target.__name__}: {parameter.name!r}", hints.get(parameter.name))
        if kind is None or isinstance(kind, ir.Nothing):
            raise _untyped(scope, node, target, parameter.name)
        parameters.append(ir.Parameter(parameter.name, kind))
    result = kernel_type(hints.get("return"))
    _check_order(scope, node, f"{target.__name__}: the result", hints.get("return"))
    if result is None or isinstance(result, ir.Context) or "return" not in hints:
        raise _untyped(scope, node, target, "return")
    return tuple(parameters), result


def _untyped(scope: Scope, node: ast.AST, target: Callable[..., Any], name: str) -> Exception:
    hint = "annotate it: u32, bool, a Struct, Struct | None, Skb"
    return scope.fail(node, "kernel-signature", f"{target.__name__}: {name!r} has no kernel type", hint)


def annotation(scope: Scope, node: ast.expr) -> ir.Type:
    """What the annotation of a local variable says; an error about it when that is no kernel type."""
    try:
        code = compile(ast.Expression(node), scope.source.name, "eval")
        hint = eval(code, dict(scope.names))  # the user's own annotation, as get_type_hints evaluates it
    except Exception as error:
        raise scope.fail(node, "kernel-signature", f"this annotation cannot be read: {error}", "import the types it names") from error
    _check_order(scope, node, "this variable", hint)
    kind = kernel_type(hint)
    if not isinstance(kind, ir.Word | ir.Bool | ir.Pointer):
        raise scope.fail(node, "kernel-signature", f"`{ast.unparse(node)}` is not the type of a variable", "use u8 to s64, bool, a Struct, Struct | None")
    return kind


def kernel_type(hint: Any) -> ir.Type | None:
    """The IR type of an annotation, None when it is not one of the language."""
    if hint is type(None):
        return ir.Nothing()
    if hint is bool:
        return ir.Bool()
    if hint is int:
        return ir.Word()
    if (width := width_of(hint)) is not None:
        return ir.Word.of(width)
    if isinstance(hint, type):
        return _class(hint)
    if get_origin(hint) is types.UnionType or str(get_origin(hint)) == "typing.Union":
        inner = [each for each in get_args(hint) if each is not type(None)]
        if len(inner) == 1 and isinstance(inner[0], type) and issubclass(inner[0], Struct) and len(get_args(hint)) == 2:
            return ir.Pointer(inner[0], maybe=True)
    return _cell(hint) or _array(hint)


def _cell(hint: Any) -> ir.Type | None:
    """`Annotated[Cell, u64]`: the value of a map of integers."""
    widths = [width for note in getattr(hint, "__metadata__", ()) if (width := width_of(note)) is not None]
    return ir.Pointer(cell_of(widths[0])) if widths and get_args(hint)[0] is Cell else None


def _class(hint: type) -> ir.Type | None:
    if issubclass(hint, Context):
        return ir.Context(hint)
    if issubclass(hint, Struct) and hint is not Struct:
        return ir.Pointer(hint)
    if issubclass(hint, KernelStruct):
        return ir.Address(hint)
    if issubclass(hint, IntEnum) and len(hint) and any(kind.holds(ir.Word(min(hint), max(hint))) for kind in (UNSIGNED, SIGNED)):
        return ir.Word(min(hint), max(hint))
    return None


def _array(hint: Any) -> ir.Type | None:
    """`Annotated[Array[u8], Count(16)]`."""
    count = next((note for note in getattr(hint, "__metadata__", ()) if isinstance(note, Count)), None)
    base = get_args(hint)[0] if count is not None else None
    if count is None or get_origin(base) is not Array or (element := width_of(get_args(base)[0])) is None:
        return None
    return ir.ArrayPointer(ArrayType(element, count.elements))


def _check_order(scope: Scope, node: ast.AST, what: str, hint: Any) -> None:
    width = width_of(hint)
    if width is not None and width.order == "big":
        raise scope.fail(node, "kernel-order", f"{what} is declared big-endian, but a number has no byte order", f"write u{width.bits}: byte order belongs to fields in memory")
