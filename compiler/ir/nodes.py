"""The IR: a typed, structured tree. Expressions yield a value, statements do not.

A number is a 64-bit word that wraps; a bool is a bool; memory is reached only through pointers that know
their struct. Every node knows its place in the Python source. Shapes only: meaning is in run.py.
Import it as `ir`; the types of values live in types.py and are reached through here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pybpf.compiler.diag import Source
from pybpf.compiler.ir.types import ArrayPointer as ArrayPointer
from pybpf.compiler.ir.types import Bool as Bool
from pybpf.compiler.ir.types import Context as Context
from pybpf.compiler.ir.types import Nothing as Nothing
from pybpf.compiler.ir.types import Pointer as Pointer
from pybpf.compiler.ir.types import Type as Type
from pybpf.compiler.ir.types import Word as Word
from pybpf.compiler.lang import ArrayType, Declaration, Role, Struct, Width
from pybpf.compiler.lang.helpers import Helper
from pybpf.compiler.lang.integers import Order


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node came from: 1-based line and column of its function's source."""

    line: int
    column: int


# ---- expressions ----


@dataclass(frozen=True, slots=True)
class Expression:
    """What every expression has."""

    place: Place
    type: Type


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A number (taken modulo 2^64) or, with type Bool, 0 or 1."""

    value: int


@dataclass(frozen=True, slots=True)
class Null(Expression):
    """None, as a pointer."""


@dataclass(frozen=True, slots=True)
class Local(Expression):
    """The value of a local variable or parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage(Expression):
    """The address of a struct on the stack, one per name and call of the function."""

    name: str


@dataclass(frozen=True, slots=True)
class GlobalAddress(Expression):
    """The address of a global array or bytes constant."""

    name: str


@dataclass(frozen=True, slots=True)
class Offset(Expression):
    """`base` plus a constant number of bytes: the address of a field that is a struct or array."""

    base: Expression
    octets: int


@dataclass(frozen=True, slots=True)
class Load(Expression):
    """An integer in memory at `base + offset`, zero-extended."""

    base: Expression
    offset: int
    width: Width


@dataclass(frozen=True, slots=True)
class LoadElement(Expression):
    """An integer of `bits` at byte `index * stride` of an array; the index is proven in range."""

    base: Expression
    index: Expression
    stride: int
    bits: int
    order: Order


@dataclass(frozen=True, slots=True)
class ContextField(Expression):
    """A 32-bit field of the context at byte `offset`."""

    context: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Header(Expression):
    """The packet's bytes [offset, offset + size of the struct), or None when they are not there."""

    context: Expression
    offset: Expression


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """add sub mul div mod and or xor shl shr, on words, wrapping."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Invert(Expression):
    """Every bit of a word flipped."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Compare(Expression):
    """== != < <= > >= on unsigned words (== and != on bools too)."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Logic(Expression):
    """and / or; the right side is evaluated only when it matters."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """The other bool."""

    value: Expression


@dataclass(frozen=True, slots=True)
class IsNone(Expression):
    """Whether a pointer is None."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Choose(Expression):
    """`then if test else other`; only the chosen side is evaluated."""

    test: Expression
    then: Expression
    other: Expression


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """The result of another function of the module."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class HelperCall(Expression):
    """The result of a kernel helper; `arguments` are the Python ones, `map` the map it is about."""

    helper: Helper
    map: Map | None
    context: Expression | None
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Repeat(Expression):
    """Call callback `function` with 0, 1, ... at most `rounds` times, until it returns True."""

    rounds: Expression
    function: str


@dataclass(frozen=True, slots=True)
class CompareExchange(Expression):
    """Atomically: what `base + offset` held; it is set to `desired` if that was `expected`. 32 or 64 bits."""

    base: Expression
    offset: int
    bits: int
    expected: Expression
    desired: Expression


# ---- statements ----


@dataclass(frozen=True, slots=True)
class Statement:
    """What every statement has."""

    place: Place


@dataclass(frozen=True, slots=True)
class Assign(Statement):
    """Set a local variable."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Clear(Statement):
    """Zero a struct on the stack."""

    storage: Storage


@dataclass(frozen=True, slots=True)
class Store(Statement):
    """Write the lower bits of `value` at `base + offset`."""

    base: Expression
    offset: int
    width: Width
    value: Expression


@dataclass(frozen=True, slots=True)
class StoreElement(Statement):
    """Write the lower `bits` of `value` at element `index`; the index is proven in range."""

    base: Expression
    index: Expression
    bits: int
    order: Order
    value: Expression


@dataclass(frozen=True, slots=True)
class Copy(Statement):
    """Copy `octets` bytes between two structs that do not overlap."""

    target: Expression
    source: Expression
    octets: int


@dataclass(frozen=True, slots=True)
class AddAtomic(Statement):
    """Atomically add to the 32- or 64-bit integer at `base + offset`."""

    base: Expression
    offset: int
    bits: int
    amount: Expression


@dataclass(frozen=True, slots=True)
class Evaluate(Statement):
    """Evaluate for its effect."""

    value: Expression


@dataclass(frozen=True, slots=True)
class If(Statement):
    """One of two blocks."""

    test: Expression
    then: tuple[Statement, ...]
    other: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class For(Statement):
    """`name` from start to stop - 1. Both are constants: the verifier must see the end."""

    name: str
    start: int
    stop: int
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Break(Statement):
    """Leave the innermost loop."""


@dataclass(frozen=True, slots=True)
class Continue(Statement):
    """Next round of the innermost loop."""


@dataclass(frozen=True, slots=True)
class Return(Statement):
    """Leave the function with a value (None: without)."""

    value: Expression | None


# ---- modules ----


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter and its type."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `section` is set for programs; those with role FUNCTION are inlined into their callers."""

    name: str
    role: Role
    section: str
    source: Source
    place: Place
    parameters: tuple[Parameter, ...]
    result: Type
    locals: tuple[tuple[str, Type], ...]
    storage: tuple[tuple[str, type[Struct]], ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """A map under its kernel name."""

    name: str
    declaration: Declaration


@dataclass(frozen=True, slots=True)
class Global:
    """Bytes in a data section: an array or a bytes constant."""

    name: str
    section: str
    type: ArrayType
    content: bytes


@dataclass(frozen=True, slots=True)
class Module:
    """Everything that goes into one object, callees before callers."""

    functions: tuple[Function, ...]
    maps: tuple[Map, ...]
    globals: tuple[Global, ...]
    license: str
