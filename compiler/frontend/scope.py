"""Scope: what is known while one function is translated.

A cursor, the one mutable thing of the front end: the function's names, the current type of each local, and
what the function turned out to use.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pybpf.compiler.diag import CompileError, Diagnostic, Span
from pybpf.compiler.frontend.codes import CODES
from pybpf.compiler.frontend.narrow import Types, assigned, join, outside_packet
from pybpf.compiler.frontend.regions import bound
from pybpf.compiler.frontend.source import definition
from pybpf.compiler.frontend.uses import Uses
from pybpf.compiler.frontend.wording import shown
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import Struct


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a name can no longer be used: the error to give at its next use."""

    code: str
    message: str
    hint: str


class Scope:
    """One function on its way to IR."""

    def __init__(self, function: Callable[..., Any], uses: Uses) -> None:
        self.function, self.uses = function, uses
        found = definition(function)
        self.names: dict[str, Any] = function.__globals__
        self.tree, self.source = found.tree, found.source
        arguments = self.tree.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        self.own = assigned(self.tree.body) | {each.arg for each in every}  # names that are this function's all through
        self.types: Types = {}  # what is known of each name here
        self.locals: dict[str, ir.Type] = {}  # what each name is all through
        self.declared: dict[str, ir.Type] = {}  # what annotations say of names
        self.declarations: dict[str, ir.Place] = {}  # and where
        self.storage: dict[str, type[Struct]] = {}
        self.stacked: set[str] = set()  # names that stand for a struct on the stack somewhere in the function
        self.derived: dict[str, frozenset[str]] = {}  # names -> what must be given back that they lead into
        self.result: ir.Type = ir.Nothing()
        self.loops: list[list[Types]] = []  # of each loop around: what is known where it is left early
        self.rounds: list[list[Types]] = []  # of each loop around: what is known where a round ends early
        self.bounds: dict[str, tuple[int, int]] = {}  # names of Rounds -> (how many, loops around)
        self.split: set[str] = set()  # names of Rounds that were set, or used, on one way only
        self.test: ast.expr | None = None  # the condition that is being translated as that of a statement
        self.is_program = False
        self.locks = 0  # spin locks that are held
        self.moves = 0  # how many times the packet may have moved so far
        self.lost: dict[str, Loss] = {}  # names that can no longer be used, and why
        self.poisoned: set[str] = set()  # names whose assignment was refused
        self._hidden = 0

    def place(self, node: ast.AST) -> ir.Place:
        """Where a syntax node stands, in its file's lines and columns."""
        return ir.Place(getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)

    def fail(self, node: ast.AST, code: str, message: str, hint: str) -> CompileError:
        """The error to raise about `node`."""
        assert code in CODES, code
        start = self.place(node)
        end_line = getattr(node, "end_lineno", None) or start.line
        end_column = (getattr(node, "end_col_offset", None) or 0) + 1
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
        kept, line = outside_packet(self.types), self.place(node).line
        for name in self.types:
            if name not in kept:
                self.lose(name, "kernel-moved", f"`{name}` is a view on the packet, which line {line} may have moved", "call `packet.header` again")
        self.types = kept
        self.moves += 1

    def lose(self, name: str, code: str, message: str, hint: str) -> None:
        """`name` can no longer be used from here on."""
        self.lost[name] = Loss(code, message, hint)
        self.types = {known: kind for known, kind in self.types.items() if known != name}
        for each, of in self.derived.items():
            if name in of and each in self.types:
                self.lose(each, code, f"`{each}` leads into `{name}`; {message}", hint)

    def after(self, before: Types, moves: int, ways: Sequence[Types], *sides: ir.Expression) -> Types:
        """What is left of `before`, known when the packet had moved `moves` times, once one of `ways` was gone: each of
        them is what was known at its end. What `sides` bind on the way, any of the ways may have bound."""
        names = {name for side in sides for name in bound(side)}
        met = reduce(join, ({name: kind for name, kind in way.items() if name in names} for way in ways))
        left = {name: kind for name, kind in before.items() if name not in names} | met
        return left if moves == self.moves else outside_packet(left)

    def hidden(self) -> str:
        """The name of a new local that no program can name."""
        self._hidden += 1
        self.own.add(name := f"{self._hidden}.hidden")
        return name

    def assign(self, node: ast.AST, name: str, kind: ir.Type) -> None:
        """`name` holds a `kind` from here on; an error about `node` when it cannot."""
        if not isinstance(kind, ir.Word | ir.Bool | ir.Pointer | ir.Address | ir.InnerMap):
            raise self.fail(node, "kernel-type", f"{shown(kind)} cannot be kept in a variable", "use it where it is")
        every = self.locals.setdefault(name, self.declared.get(name, widest(kind)))
        if widest(kind) != widest(every):
            raise self.fail(node, "kernel-type", f"`{name}` is {shown(every)}, not {shown(kind)}", "use another name: a variable keeps its type")
        stated = self.declared.get(name)
        if isinstance(stated, ir.Word) and isinstance(kind, ir.Word) and not stated.holds(kind):
            raise self.fail(
                node, "kernel-range", f"a number from {kind.low} to {kind.high} may not fit `{name}`, declared from {stated.low} to {stated.high}",
                "mask it, compare it first, or wrap it",
            )  # fmt: skip
        old = self.types.get(name)
        if isinstance(old, ir.Pointer) and old.owed:
            raise self.fail(node, "kernel-unreleased", f"`{name}` holds something that is not given back yet", "give it back before the name is used again")
        self.types = self.types | {name: kind}
        self.lost.pop(name, None)
        self.poisoned.discard(name)


def widest(kind: ir.Type) -> ir.Type:
    """The type a variable is declared with: what is known of one value is not known of all."""
    match kind:
        case ir.Word():
            return ir.Word()
        case ir.Pointer(struct=struct):
            return ir.Pointer(struct, maybe=True, of_packet=True)
        case ir.InnerMap(declaration=declaration):
            return ir.InnerMap(declaration, maybe=True)
        case _:
            return kind
