"""Scope: what is known while one function is translated.

A cursor, the one mutable thing of the front end: the function's names, the current type of each local, and
what the function turned out to use.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybpf.compiler.diag import CompileError, Diagnostic, Span
from pybpf.compiler.frontend.codes import CODES
from pybpf.compiler.frontend.narrow import Types, assigned, outside_packet
from pybpf.compiler.frontend.regions import gives_packet, moves_packet
from pybpf.compiler.frontend.source import definition
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import ArrayType, Declaration, GlobalArray, Struct, Width


@dataclass(frozen=True, slots=True)
class Specialisation:
    """What a compilation fixes: module constants by name, and the content of global arrays by name."""

    constants: Mapping[str, int] = field(default_factory=dict)
    arrays: Mapping[str, bytes] = field(default_factory=dict)


class Uses:
    """What the functions translated so far are and need, by name: functions in the order they were finished, callees first."""

    def __init__(self, fixed: Specialisation, translate: Callable[[Callable[..., Any], Uses], ir.Function]) -> None:
        self.fixed, self._translate = fixed, translate
        self.maps: dict[str, ir.Map] = {}
        self.globals: dict[str, ir.Global] = {}
        self.functions: dict[str, ir.Function] = {}
        self._unfinished: list[Callable[..., Any]] = []  # being translated, callers before callees
        self.movers: set[str] = set()  # functions that may move the packet
        self.finders: set[str] = set()  # functions that may return a view on the packet
        self._owners: dict[str, object] = {"_license": None}  # every name of the object, and what it stands for

    def claim(self, name: str, thing: object) -> str | None:
        """Give `name` to `thing`; None, or why that cannot be. Equal bytes are one thing, everything else is itself only."""
        if name not in self._owners:
            other = next((known for known, owner in self._owners.items() if owner is thing and not isinstance(thing, bytes)), None)
            self._owners[name] = thing
            return None if other is None else f"`{name}` is `{other}` under another name"
        owner = self._owners[name]
        same = owner is thing or (isinstance(thing, bytes) and owner == thing)
        return None if same else f"two things are called `{name}` in one object"

    def function(self, scope: Scope, node: ast.AST, target: Callable[..., Any]) -> ir.Function:
        """The IR of a function that `node` asks for, translated when it is asked for first."""
        name = target.__name__
        if target in self._unfinished:
            circle = [each.__name__ for each in self._unfinished[self._unfinished.index(target) :]]
            raise scope.fail(node, "kernel-recursion", f"functions call each other in a circle: {' -> '.join([*circle, name])}", "use a loop or `repeat`")
        scope.claim(node, name, target)
        if name not in self.functions:
            self._unfinished.append(target)
            made = self._translate(target, self)
            self._unfinished.pop()
            self.functions[name] = made
            if any(moves_packet(each, self.movers) for each in made.body):
                self.movers.add(name)
            if gives_packet(made.body):
                self.finders.add(name)
        return self.functions[name]

    def map(self, name: str, declaration: Declaration) -> ir.Map:
        """A map under its kernel name."""
        return self.maps.setdefault(name, ir.Map(name, declaration))

    def array(self, name: str, array: GlobalArray) -> ir.Global:
        """A global array, with the content and length this compilation gives it."""
        content = self.fixed.arrays.get(name, bytes(array))
        kind = ArrayType(array.type.element, len(content) // array.type.element.octets)
        return self.globals.setdefault(name, ir.Global(name, array.section, kind, content))

    def constant(self, name: str, content: bytes) -> ir.Global:
        """A bytes constant, in .rodata."""
        return self.globals.setdefault(name, ir.Global(name, ".rodata", ArrayType(Width(8), len(content)), content))


class Scope:
    """One function on its way to IR."""

    def __init__(self, function: Callable[..., Any], uses: Uses) -> None:
        self.function, self.uses = function, uses
        found = definition(function)
        self.names: dict[str, Any] = function.__globals__
        self.tree, self.source, self.indent = found.tree, found.source, found.indent
        arguments = self.tree.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        self.own = assigned(self.tree.body) | {each.arg for each in every}  # names that are this function's all through
        self.types: Types = {}
        self.locals: dict[str, ir.Type] = {}
        self.storage: dict[str, type[Struct]] = {}
        self.result: ir.Type = ir.Nothing()
        self.loops = 0
        self.moves = 0  # how many times the packet may have moved so far
        self.lost: dict[str, int] = {}  # views that died of it -> the line where

    def place(self, node: ast.AST) -> ir.Place:
        """Where a syntax node stands, in its file's lines and columns."""
        return ir.Place(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + self.indent + 1)

    def fail(self, node: ast.AST, code: str, message: str, hint: str) -> CompileError:
        """The error to raise about `node`."""
        assert code in CODES, code
        start = self.place(node)
        end_line = getattr(node, "end_lineno", None) or start.line
        end_column = (getattr(node, "end_col_offset", None) or 0) + self.indent + 1
        span = Span(self.source, start.line, start.column, end_line, max(end_column, start.column + 1))
        return CompileError([Diagnostic(code, span, message, hint)])

    def lookup(self, name: str) -> Any:
        """What a global name of the function's module means in this compilation; None when unknown."""
        if name in self.uses.fixed.constants:
            return self.uses.fixed.constants[name]
        return self.names.get(name)

    def is_builtin(self, name: str) -> bool:
        """Whether a name is nothing of the program's own."""
        return name not in self.own and self.lookup(name) is None

    def claim(self, node: ast.AST, name: str, thing: object) -> None:
        """Use `thing` under `name` in the object; an error about `node` when that cannot be."""
        if (why := self.uses.claim(name, thing)) is not None:
            raise self.fail(node, "kernel-duplicate", why, "give each one name of its own, and import it under that")

    def packet_moved(self, node: ast.AST) -> None:
        """`node` may move the packet: views on it are dead from here on."""
        kept = outside_packet(self.types)
        self.lost |= {name: self.place(node).line for name in self.types if name not in kept}
        self.types = kept
        self.moves += 1

    def after(self, before: Types, moves: int) -> Types:
        """What is left of `before`, known when the packet had moved `moves` times."""
        return before if moves == self.moves else outside_packet(before)
