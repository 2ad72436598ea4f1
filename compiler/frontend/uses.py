"""Uses: what the functions of one module are and need, by name, and what was found wrong with them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pybpf.compiler.diag import CompileError, Diagnostic
from pybpf.compiler.frontend import known_kfuncs
from pybpf.compiler.frontend.regions import gives_packet, moves_packet
from pybpf.compiler.frontend.writes import written
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import ArrayType, Context, Declaration, GlobalArray, Struct, Width
from pybpf.compiler.lang.data import section_of
from pybpf.compiler.lang.kinds import SECTIONS

if TYPE_CHECKING:
    from pybpf.compiler.frontend.scope import Scope


# a function or map of such a name would be taken for the section of that name
SECTIONS_OF_OBJECTS: Final = ("license", "maps", *(name.removesuffix("+") for name in SECTIONS if name.removesuffix("+").isidentifier()))


class Abandoned(Exception):
    """What is translated depends on something that was refused already: nothing new is to be said of it."""


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
        self._texts: dict[bytes, ir.Global] = {}
        self.globals: dict[str, ir.Global] = {}
        self.functions: dict[str, ir.Function] = {}
        self.kfuncs: dict[str, ir.Kfunc] = {}
        self.errors: list[Diagnostic] = []
        self._shapes: dict[str, tuple[int, int]] = {}  # callbacks -> how they are called
        self._refused: set[Callable[..., Any]] = set()  # functions whose head was refused
        self._unfinished: list[Callable[..., Any]] = []  # being translated, callers before callees
        self.movers: set[str] = set()  # functions that may move the packet
        self.writers: dict[str, frozenset[int]] = {}  # functions -> the parameters they write through
        self.results: dict[str, frozenset[type[IntEnum]]] = {}  # functions -> the results that they name
        self.finders: set[str] = set()  # functions that may return a view on the packet
        self._owners: dict[str, object] = dict.fromkeys(("_license", *SECTIONS_OF_OBJECTS))  # every name of the object, and what it stands for

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
        if target in self._refused:
            raise Abandoned
        if name not in self.functions:
            self._unfinished.append(target)
            try:
                made = self._translate(target, self)
            except CompileError as error:
                self._refused.add(target)
                self.report(error)
                raise Abandoned from None
            finally:
                self._unfinished.pop()
            self.functions[name] = made
            if any(moves_packet(each, self.movers) for each in made.body):
                self.movers.add(name)
            self.writers[name] = written(made, self.writers)
            if gives_packet(made.body):
                self.finders.add(name)
        return self.functions[name]

    def shape(self, scope: Scope, node: ast.AST, name: str, hidden: int, given: int) -> None:
        """Callback `name` is called with `given` arguments, of which it does not see the first `hidden`."""
        if self._shapes.setdefault(name, (hidden, given)) != (hidden, given):
            raise scope.fail(node, "kernel-signature", f"`{name}` is called in two ways", "write one callback for each")

    def finished(self) -> tuple[ir.Function, ...]:
        """The functions, callees first, callbacks in the shape they are called in."""
        return tuple(
            replace(each, hidden=self._shapes[each.name][0], given=self._shapes[each.name][1]) if each.name in self._shapes else each
            for each in self.functions.values()
        )

    def report(self, error: CompileError) -> None:
        """Keep an error; translation goes on with the next statement."""
        self.errors += [each for each in error.diagnostics if each not in self.errors]

    def kfunc(self, scope: Scope, node: ast.AST, target: Callable[..., Any], parameters: tuple[ir.Parameter, ...], result: ir.Type) -> ir.Kfunc:
        """A function of the kernel's own, under its own name."""
        scope.claim(node, target.__name__, target)
        return self.kfuncs.setdefault(target.__name__, ir.Kfunc(target.__name__, parameters, result, target))

    def iterates(self, scope: Scope, node: ast.AST) -> None:
        """`node` needs an open-coded iterator over numbers."""
        self._built_in(scope, node, known_kfuncs.ITERATOR)

    def slices(self, scope: Scope, node: ast.AST, context: type[Context]) -> None:
        """`node` needs slices of this context's packet."""
        self._built_in(scope, node, known_kfuncs.slices_of(context))

    def _built_in(self, scope: Scope, node: ast.AST, kfuncs: tuple[ir.Kfunc, ...]) -> None:
        for each in kfuncs:
            scope.claim(node, each.name, each.name.encode())
            self.kfuncs.setdefault(each.name, each)

    def map(self, name: str, declaration: Declaration) -> ir.Map:
        """A map under its kernel name."""
        return self.maps.setdefault(name, ir.Map(name, declaration))

    def array(self, name: str, array: GlobalArray) -> ir.Global:
        """A global array, with the content and length this compilation gives it."""
        content = self.fixed.arrays.get(name, bytes(array))
        kind = ArrayType(array.type.element, len(content) // array.type.element.octets)
        return self.globals.setdefault(name, ir.Global(name, _placed(array.section, content), kind, content))

    def variable(self, name: str, struct: Struct) -> ir.Global:
        """A global struct or variable, with the content this compilation gives it."""
        content = self.fixed.arrays.get(name, bytes(struct))
        return self.globals.setdefault(name, ir.Global(name, _placed(section_of(struct), content), type(struct), content))

    def text(self, content: bytes) -> ir.Global:
        """A text without a name of its own, in .rodata; equal ones are one."""
        if (known := self._texts.get(content)) is None:
            number = next(number for number in count(len(self._texts)) if f"__text_{number}" not in self._owners)
            known = self._texts[content] = self.constant(f"__text_{number}", content)
            self._owners[known.name] = known
        return known

    def constant(self, name: str, content: bytes) -> ir.Global:
        """A bytes constant, in .rodata."""
        return self.globals.setdefault(name, ir.Global(name, ".rodata", ArrayType(Width(8), len(content)), content))


def _placed(section: str, content: bytes) -> str:
    """The section of a global: .bss holds zeroes only, and what it held when it was compiled may have been set since."""
    return ".data" if section == ".bss" and any(content) else section
