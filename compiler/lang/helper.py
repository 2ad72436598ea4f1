"""Helper: what a kernel helper is to the compiler, read off the Python definition that stands in for it.

A helper is declared by decorating its stand-in. The signature is the one programs call, the body is what CPython
and the interpreter run, and `registers` says how R1 to R5 are filled:

    name      the argument of that parameter: a number, the context, the address of a struct, array or bytes
    #name     the size in bytes of that argument
    self      the map or the context a method is called on
    3         that number

Argument orders are those of the comments above enum bpf_func_id (include/uapi/linux/bpf.h).
"""

from __future__ import annotations

import collections.abc
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pybpf.compiler.lang.integers import Width, width_of
from pybpf.compiler.lang.memory import Array, Struct

F = TypeVar("F", bound=Callable[..., Any])
HELPER = "__helper__"
LOOP = 181  # bpf_loop, since 5.17: has its own node, for its argument is a function
MAX_REPEATS = 1 << 23  # BPF_MAX_LOOPS (include/linux/bpf_verifier.h): for more, bpf_loop does nothing at all


class Pass(Enum):
    """What a parameter of a helper takes."""

    CONTEXT = auto()  # the program's context
    SCALAR = auto()  # a number
    MEMORY = auto()  # a struct, an array or bytes: its address
    LENGTH = auto()  # how many bytes, from 1 to the largest power of two within the MEMORY that LengthOf names
    KEY = auto()  # a key of the map: its address
    VALUE = auto()  # a value of the map: its address
    CALLBACK = auto()  # a @callback function
    MAP = auto()  # another map
    KIND = auto()  # a Struct class: only its size is passed


class Give(Enum):
    """What a helper's return value means to the program."""

    NUMBER = auto()  # a number of the width in the annotation
    SUCCESS = auto()  # bool: the helper returned 0
    POINTER = auto()  # a view, or None
    INNER_MAP = auto()  # a map of the map's template, or None
    NOTHING = auto()  # no value


@dataclass(frozen=True, slots=True)
class LengthOf:
    """Marks a parameter as a number of bytes at the start of another one: `Annotated[int, LengthOf("into")]`."""

    parameter: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A helper's parameters in Python's order (without the map of a method), and its result.

    `structs` is, by parameter, the Structs it takes (empty: any memory), `widths` that of each SCALAR (plain int:
    64 bits, unsigned); `width` the result's, for NUMBER;
    `result` the Struct of a POINTER, None when it is the map's value.
    """

    parameters: tuple[tuple[str, Pass], ...]
    lengths: dict[str, str]
    structs: dict[str, tuple[type[Struct], ...]]
    widths: dict[str, Width]
    give: Give
    width: Width
    result: type[Struct] | None

    def struct(self, parameter: str) -> type[Struct] | None:
        """The first of the Structs that a parameter takes; None where it takes any memory."""
        return next(iter(self.structs[parameter]), None)


@dataclass(frozen=True, slots=True)
class Helper:
    """One kernel helper. `since` is the first kernel that has it.

    After a helper that `moves_packet`, views on the packet are dead (bpf_helper_changes_pkt_data in
    net/core/filter.c; a tail call counts since 6.13, for the program it goes to may do any of it). One that
    `takes_packet` may be given the address of packet memory (pkt_access of its struct bpf_func_proto). What one that
    `acquires` gives must be given back, on every way, to one that `releases` (is_acquire_function and
    OBJ_RELEASE in kernel/bpf/verifier.c).
    """

    name: str
    number: int
    registers: tuple[str, ...]
    since: str
    moves_packet: bool
    takes_packet: bool
    acquires: bool
    releases: bool
    stand_in: Callable[..., Any] = field(compare=False, repr=False)

    @property
    def signature(self) -> Signature:
        """The parameters and the result, from the stand-in's annotations."""
        return _signature(self.stand_in)


def helper(
    number: int, registers: str, since: str, *, moves_packet: bool = False, takes_packet: bool = False, acquires: bool = False, releases: bool = False
) -> Callable[[F], F]:
    """Declare the decorated function or method as the stand-in of kernel helper `number`."""

    def mark(stand_in: F) -> F:
        name = stand_in.__qualname__
        row = Helper(name, number, tuple(registers.split()), since, moves_packet, takes_packet, acquires, releases, stand_in)
        setattr(stand_in, HELPER, row)
        return stand_in

    return mark


def longest_length(octets: int) -> int:
    """The most that a LENGTH may be, for memory of `octets` bytes: the largest power of two in it, which a mask shows to the verifier."""
    return 1 << (octets.bit_length() - 1)


def helper_of(target: object) -> Helper | None:
    """The helper that a function or method stands in for, if it does."""
    found = getattr(target, HELPER, None)
    return found if isinstance(found, Helper) else None


@cache
def _signature(stand_in: Callable[..., Any]) -> Signature:
    hints = get_type_hints(stand_in, include_extras=True)
    names = [name for name in inspect.signature(stand_in).parameters if name != "self"]
    parameters: list[tuple[str, Pass]] = []
    lengths: dict[str, str] = {}
    structs: dict[str, tuple[type[Struct], ...]] = {}
    widths: dict[str, Width] = {}
    for name in names:
        kind, struct = _pass(hints[name])
        parameters.append((name, kind))
        structs[name] = struct
        widths[name] = width_of(hints[name]) or Width(64)
        for note in getattr(hints[name], "__metadata__", ()):
            if isinstance(note, LengthOf):
                lengths[name] = note.parameter
    give, width, result = _give(hints["return"])
    return Signature(tuple(parameters), lengths, structs, widths, give, width, result)


def _pass(hint: Any) -> tuple[Pass, tuple[type[Struct], ...]]:
    """What a parameter's annotation says it takes, and of which structs."""
    if isinstance(hint, TypeVar):
        return {"K": Pass.KEY, "V": Pass.VALUE}.get(hint.__name__, Pass.MEMORY), ()
    if any(isinstance(note, LengthOf) for note in getattr(hint, "__metadata__", ())):
        return Pass.LENGTH, ()
    if hint is int or hint is bool or width_of(hint) is not None or (isinstance(hint, type) and issubclass(hint, int)):
        return Pass.SCALAR, ()
    if get_origin(hint) is type:
        return Pass.KIND, ()
    if get_origin(hint) is collections.abc.Callable:
        return Pass.CALLBACK, ()
    base = get_origin(hint) or hint
    if isinstance(base, type) and hasattr(base, "context_fields"):
        return Pass.CONTEXT, ()
    if isinstance(base, type) and base.__name__ == "Table":
        return Pass.MAP, ()
    if isinstance(hint, type) and issubclass(hint, Struct):
        return Pass.MEMORY, () if hint is Struct else (hint,)
    each = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if all(_is_memory(one) for one in each):
        named = tuple(one for one in each if isinstance(one, type) and issubclass(one, Struct) and one is not Struct)
        return Pass.MEMORY, named if len(named) == len(each) else ()
    raise TypeError(f"{hint!r} is not what a helper takes")


def _is_memory(hint: Any) -> bool:
    return hint is bytes or get_origin(hint) is Array or hint is Array or (isinstance(hint, type) and issubclass(hint, Struct))


def _give(hint: Any) -> tuple[Give, Width, type[Struct] | None]:
    """What a result's annotation says: how it is given, its width, its struct."""
    if hint is type(None):
        return Give.NOTHING, Width(64), None
    if hint is bool:
        return Give.SUCCESS, Width(64), None
    if hint is int:
        return Give.NUMBER, Width(64), None
    if (width := width_of(hint)) is not None:
        return Give.NUMBER, width, None
    inner = [one for one in get_args(hint) if one is not type(None)]
    if len(inner) == 1 and isinstance(inner[0], TypeVar):
        return Give.INNER_MAP if inner[0].__name__ == "M" else Give.POINTER, Width(64), None
    if len(inner) == 1 and isinstance(inner[0], type) and issubclass(inner[0], Struct):
        return Give.POINTER, Width(64), inner[0]
    raise TypeError(f"{hint!r} is not what a helper gives")
