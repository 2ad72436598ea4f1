"""What a value of the IR can be. Shapes only."""

from __future__ import annotations

from dataclasses import dataclass, field

from pybpf.compiler.lang import ArrayType, Declaration, KernelStruct, Struct, Width
from pybpf.compiler.lang import Context as LangContext


@dataclass(frozen=True, slots=True)
class Word:
    """A number from `low` to `high`, as far as is known; it lies in 64 bits.

    One that may be below zero is in two's complement, and is then never above 2^63 - 1; all others are unsigned.
    `seen` says that the verifier knows these bounds too: it follows masks, loads, comparisons and sums, but neither
    remainders nor quotients. An upper bound that is `assumed` is that of a number which grows from round to round of a
    loop, so far as is known without end: what is computed of it may fall below zero. What `fell` is a difference of
    numbers without sign that would be below zero in Python, and is large here.
    """

    low: int = 0
    high: int = (1 << 64) - 1
    seen: bool = True
    assumed: bool = field(default=False, compare=False)
    fell: bool = field(default=False, compare=False)

    @property
    def signed(self) -> bool:
        """Whether its 64 bits are to be read as two's complement."""
        return self.low < 0

    @classmethod
    def of(cls, width: Width) -> Word:
        """Any number of a width. The verifier does not follow the exchange of bytes."""
        return cls(width.low, width.high, seen=width.order == "little" or width.bits == 64)

    def holds(self, other: Word) -> bool:
        """Whether each number of `other` is one of these."""
        return self.low <= other.low and other.high <= self.high


@dataclass(frozen=True, slots=True)
class Bool:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The address of a struct; `maybe` while it may still be None, `of_packet` while it may lie in the packet.

    One that is `owed` was got from the kernel and must be given back on every way; what is `readonly` no program writes.
    """

    struct: type[Struct]
    maybe: bool = False
    of_packet: bool = False
    owed: bool = False
    readonly: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ArrayPointer:
    """The address of a fixed array; what is `readonly` no program writes."""

    array: ArrayType
    readonly: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Context:
    """The program's context, of the given class."""

    kind: type[LangContext]


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a struct of the kernel's own, which is read with care: nothing vouches for it."""

    struct: type[KernelStruct]


@dataclass(frozen=True, slots=True)
class InnerMap:
    """A map that a map of maps gave; `maybe` while it may still be None. It is shaped like `declaration`."""

    declaration: Declaration
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """The address of anything: void *. Only functions of the kernel's own have it."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value: what a function without result returns."""


Type = Word | Bool | Pointer | ArrayPointer | Context | Address | InnerMap | Memory | Nothing
