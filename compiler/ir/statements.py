"""The statements of the IR: each does something. Shapes only; import them through nodes.py."""

from __future__ import annotations

from dataclasses import dataclass

from pybpf.compiler.ir.expressions import Expression, Place, Storage
from pybpf.compiler.lang import ContextField as LangField
from pybpf.compiler.lang import Width


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
    """Write the lower bits of `value` at element `index`; the index is proven in range."""

    base: Expression
    index: Expression
    width: Width
    value: Expression


@dataclass(frozen=True, slots=True)
class Copy(Statement):
    """Copy `octets` bytes between two structs that do not overlap."""

    target: Expression
    source: Expression
    octets: int


@dataclass(frozen=True, slots=True)
class StoreContext(Statement):
    """Write a field of the context."""

    context: Expression
    field: LangField
    value: Expression


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
    """`name` from `start` in steps of `step` (not 0) while it is below `stop` (above, for a negative step).

    `rounds` is the most there can be: a loop whose bounds the verifier does not see stops there by itself.
    """

    name: str
    start: Expression
    stop: Expression
    step: int
    rounds: int
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Iterate(Statement):
    """`name` from `start` to `stop` - 1, by an open-coded iterator of the kernel."""

    name: str
    start: Expression
    stop: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Locked(Statement):
    """Hold the spin lock at `base + offset` during `body`, whichever way it is left."""

    base: Expression
    offset: int
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
