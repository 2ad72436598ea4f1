"""The expressions of the IR: each yields a value. Shapes only; import them through nodes.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pybpf.compiler.ir.types import Context, InnerMap, Type
from pybpf.compiler.lang import ContextField as LangField
from pybpf.compiler.lang import Declaration, Struct, Width
from pybpf.compiler.lang.helper import Helper, Pass
from pybpf.compiler.lang.kernel_struct import KernelField

if TYPE_CHECKING:
    from pybpf.compiler.ir.nodes import Kfunc, Map


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node came from: 1-based line and column of its function's source."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Expression:
    """What every expression has."""

    place: Place
    type: Type


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A number or, with type Bool, 0 or 1."""

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
    """The address of a global array, struct or bytes constant."""

    name: str


@dataclass(frozen=True, slots=True)
class Offset(Expression):
    """`base` plus a constant number of bytes: the address of a field that is a struct or array."""

    base: Expression
    octets: int


@dataclass(frozen=True, slots=True)
class Load(Expression):
    """An integer in memory at `base + offset`."""

    base: Expression
    offset: int
    width: Width


@dataclass(frozen=True, slots=True)
class LoadElement(Expression):
    """An integer at byte `index * stride` of an array; the index is proven in range."""

    base: Expression
    index: Expression
    stride: int
    width: Width


@dataclass(frozen=True, slots=True)
class ContextField(Expression):
    """A field of the context: a number, or a pointer to an object of the kernel."""

    context: Expression
    field: LangField


@dataclass(frozen=True, slots=True)
class KernelAt(Expression):
    """A number as the address of a kernel struct."""

    value: Expression


@dataclass(frozen=True, slots=True)
class KernelRead(Expression):
    """A field of a kernel struct, wherever this kernel has it: a number or a pointer that is read (0 when it cannot
    be), or the address of a struct inside."""

    base: Expression
    field: KernelField


@dataclass(frozen=True, slots=True)
class Header(Expression):
    """The packet's bytes [offset, offset + size of the struct), or None when they are not there."""

    context: Expression
    offset: Expression


@dataclass(frozen=True, slots=True)
class Slice(Expression):
    """The same anywhere in the packet, to read: in place, or copied into `buffer`."""

    context: Expression
    offset: Expression
    buffer: Expression


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """add sub mul div mod and or xor shl shr, as arithmetic.py has them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Invert(Expression):
    """Every bit of a word flipped."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Convert(Expression):
    """The number of a width that has the lower bits of `value`."""

    value: Expression
    width: Width


@dataclass(frozen=True, slots=True)
class Swap(Expression):
    """The lower `bits` (16, 32 or 64) of a word, its bytes in reverse order."""

    value: Expression
    bits: int


@dataclass(frozen=True, slots=True)
class Compare(Expression):
    """== != < <= > >= on words that are `comparable`."""

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
class Bind(Expression):
    """Set local variable `name`; its value is that of the expression."""

    name: str
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
    """The result of a kernel helper; `map` is the map it is about, `arguments` are as its signature has them (a
    method's context first)."""

    helper: Helper
    map: Map | None
    arguments: tuple[Expression, ...]

    @property
    def has_receiver(self) -> bool:
        """Whether it is a method of its first argument: the context, a struct, an inner map."""
        return self.map is None and "self" in self.helper.registers

    @property
    def parameters(self) -> tuple[tuple[str, Pass], ...]:
        """Name and kind of each argument."""
        if not self.has_receiver:
            return self.helper.signature.parameters
        match self.arguments[0].type:
            case Context():
                kind = Pass.CONTEXT
            case InnerMap():
                kind = Pass.MAP
            case _:
                kind = Pass.MEMORY
        return (("self", kind), *self.helper.signature.parameters)

    @property
    def declaration(self) -> Declaration | None:
        """The map it is about, whichever way that is known; its keys and values are of its types."""
        if self.map is not None:
            return self.map.declaration
        first = self.arguments[0].type if self.has_receiver else None
        return first.declaration if isinstance(first, InnerMap) else None


@dataclass(frozen=True, slots=True)
class KfuncCall(Expression):
    """The result of a function of the kernel's own."""

    kfunc: Kfunc
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class FunctionAddress(Expression):
    """A callback, as an argument of a helper."""

    function: str


@dataclass(frozen=True, slots=True)
class MapAddress(Expression):
    """A map, as an argument of a helper."""

    map: Map


@dataclass(frozen=True, slots=True)
class SizeOf(Expression):
    """A class, as an argument of a helper that is told its size only."""

    struct: type[Struct]


@dataclass(frozen=True, slots=True)
class Repeat(Expression):
    """Call callback `function` with 0, 1, ... (and `state`) at most `rounds` times, until it returns True."""

    rounds: Expression
    function: str
    state: Expression | None


@dataclass(frozen=True, slots=True)
class CompareExchange(Expression):
    """Atomically: what `base + offset` held; it is set to `desired` if that was `expected`. 32 or 64 bits."""

    base: Expression
    offset: int
    bits: int
    expected: Expression
    desired: Expression


@dataclass(frozen=True, slots=True)
class Atomic(Expression):
    """Atomically change the 32- or 64-bit integer at `base + offset` by add, and, or, xor, or set it (xchg).

    The value is what it held before; where that is not used, order with other accesses is not promised.
    """

    base: Expression
    offset: int
    width: Width
    operator: str
    amount: Expression


@dataclass(frozen=True, slots=True)
class Print(Expression):
    """Write a line to the kernel's trace; `format` is a bytes constant that ends in 0."""

    format: GlobalAddress
    arguments: tuple[Expression, ...]
