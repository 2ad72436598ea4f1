"""What a value of the IR can be. Shapes only."""

from __future__ import annotations

from dataclasses import dataclass

from pybpf.compiler.lang import ArrayType, Struct


@dataclass(frozen=True, slots=True)
class Word:
    """A 64-bit number. `limit` is the largest value it can have, as far as is known."""

    limit: int = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Bool:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The address of a struct; `maybe` while it may still be None, `of_packet` while it may lie in the packet."""

    struct: type[Struct]
    maybe: bool = False
    of_packet: bool = False


@dataclass(frozen=True, slots=True)
class ArrayPointer:
    """The address of a fixed array."""

    array: ArrayType


@dataclass(frozen=True, slots=True)
class Context:
    """The program's context (an Skb)."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value: what a function without result returns."""


Type = Word | Bool | Pointer | ArrayPointer | Context | Nothing
