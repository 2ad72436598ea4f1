"""Python function -> its syntax tree, numbered as its file is."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from pybpf.compiler.diag import CompileError, Diagnostic, Source, span_of_line


@dataclass(frozen=True, slots=True)
class Definition:
    """A `def` and the text it stands in. Columns of `tree` lack the `indent` that its lines have in the file."""

    tree: ast.FunctionDef
    source: Source
    indent: int


def definition(function: Callable[..., Any]) -> Definition:
    """The definition of a kernel function. Raises CompileError when it is not one plain `def` whose text can be read."""
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        raise _refused(Source(getattr(function, "__name__", "?"), ""), 1, "this is not a plain function", "mark a `def` directly")
    code = function.__code__
    try:
        lines, first = inspect.getsourcelines(function)
        text = "".join(inspect.findsource(function)[0])
        node = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, SyntaxError, IndexError):
        nowhere = Source(_shown(code.co_filename), "")
        raise _refused(nowhere, code.co_firstlineno, f"the source of {function.__name__} cannot be read", "define it in a file") from None
    source = Source(_shown(inspect.getsourcefile(function) or code.co_filename), text)
    if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) > 1:
        raise _refused(source, first, "a kernel function is one plain `def` with one decorator", "write `@function` above a `def`")
    indent = len(lines[0]) - len(lines[0].lstrip())
    tree = ast.increment_lineno(node, first - 1)
    return Definition(tree, source, indent)


def _refused(source: Source, line: int, message: str, hint: str) -> CompileError:
    return CompileError([Diagnostic("kernel-source", span_of_line(source, line), message, hint)])


def _shown(path: str) -> str:
    """The part of a path that a reader needs: its last two names, the same wherever the project is installed."""
    return "/".join(path.split("/")[-2:])
