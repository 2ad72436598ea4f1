"""Python function -> its syntax tree, as its file has it."""

from __future__ import annotations
import __future__

import ast
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from pybpf.compiler.diag import CompileError, Diagnostic, Source, span_of_line

_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


@dataclass(frozen=True, slots=True)
class Definition:
    """A `def` and the text it stands in."""

    tree: ast.FunctionDef
    source: Source


def definition(function: Callable[..., Any]) -> Definition:
    """The definition of a kernel function. Raises CompileError when it is not one plain `def` whose text can be read."""
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        raise _refused(Source(getattr(function, "__name__", "?"), ""), 1, "this is not a plain function", "mark a `def` directly")
    code = function.__code__
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    source = Source(_shown(code.co_filename), text)
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise _refused(source, code.co_firstlineno, f"the source of {function.__name__} is not UTF-8", "save the file as UTF-8")
    node = _at(text, code.co_firstlineno, function.__name__)
    if node is None:
        raise _refused(source, code.co_firstlineno, f"the source of {function.__name__} cannot be read", "define it in a file")
    if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) > 1:
        raise _refused(source, code.co_firstlineno, "a kernel function is one plain `def` with one decorator", "write `@function` above a `def`")
    if not _is_what_runs(text, code):
        raise _refused(source, node.lineno, f"{function.__name__} is not what stands here any more", "import its module again: the file has changed since")
    if function.__closure__:
        raise _refused(source, node.lineno, f"{function.__name__} uses variables of a function around it", "define it, and what it uses, at the module's level")
    return Definition(node, source)


def _is_what_runs(text: str, code: CodeType) -> bool:
    """Whether a file's text, compiled anew, gives a function the same instructions, names and constants."""
    anew = _compiled(text, code.co_filename, code.co_flags & _FUTURES).get((code.co_firstlineno, code.co_name))
    if anew is None:
        return False
    return (anew.co_code, anew.co_names, anew.co_varnames) == (code.co_code, code.co_names, code.co_varnames) and _plain(anew) == _plain(code)


@lru_cache(maxsize=64)
def _compiled(text: str, path: str, flags: int) -> dict[tuple[int, str], CodeType]:
    """Every function of a file by its first line and its name. The file is compiled whole: what is imported in it, matters."""
    found: dict[tuple[int, str], CodeType] = {}
    open_: list[CodeType] = [compile(text, path, "exec", flags, dont_inherit=True)]
    while open_:
        for each in open_.pop().co_consts:
            if isinstance(each, CodeType):
                found[each.co_firstlineno, each.co_name] = each
                open_.append(each)
    return found


def _plain(code: CodeType) -> list[str]:
    """The constants of a function as text: 1, True and 1.0 are not one."""
    return [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]


def _at(text: str, line: int, name: str) -> ast.AST | None:
    """The definition of `name` whose first line, decorators included, is `line`."""
    found = _definitions(text).get(line)
    return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and found.name == name else None


@lru_cache(maxsize=64)
def _definitions(text: str) -> dict[int, ast.AST]:
    """Every function definition of a file by its first line. The file is parsed once for all of them."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {min([node.lineno, *(each.lineno for each in node.decorator_list)]): node for node in nodes}


def _refused(source: Source, line: int, message: str, hint: str) -> CompileError:
    return CompileError([Diagnostic("kernel-source", span_of_line(source, line), message, hint)])


def _shown(path: str) -> str:
    """The part of a path that a reader needs: its last two names, the same wherever the project is installed."""
    return "/".join(path.split("/")[-2:])
