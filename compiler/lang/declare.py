"""How a module says what is a program, what is a function of one, and what lives in global memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from pybpf.compiler.lang.integers import width_of
from pybpf.compiler.lang.maps import TailCall
from pybpf.compiler.lang.memory import Array, ArrayType

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__kernel__"
MAX_ROUNDS = 1 << 16  # of a `for`: the verifier follows each


class Role(Enum):
    """What a decorated function is."""

    PROGRAM = auto()  # an entry point
    FUNCTION = auto()  # compiled into each of its callers
    CALLBACK = auto()  # a function of its own that the kernel calls


@dataclass(frozen=True, slots=True)
class Kernel:
    """The mark on a kernel function; `section` is a program's ELF section, empty for the others."""

    role: Role
    section: str = ""


class GlobalArray(Array[int]):
    """An array in a data section of the object: one copy for all CPUs, which user space can map."""

    __slots__ = ("section", "type")

    def __init__(self, section: str, kind: ArrayType) -> None:
        super().__init__(kind, memoryview(bytearray(kind.octets)))
        self.section, self.type = section, kind


def program(section: str) -> Callable[[F], F]:
    """Mark an entry point: one parameter, its context; returns int. `section` is its ELF section ("tc")."""

    def mark(function: F) -> F:
        setattr(function, MARK, Kernel(Role.PROGRAM, section))
        return function

    return mark


def function(target: F) -> F:
    """Mark a function that kernel programs call; it is compiled into each of them."""
    setattr(target, MARK, Kernel(Role.FUNCTION))
    return target


def callback(target: F) -> F:
    """Mark what `repeat` runs: it takes the round's number and returns True to stop."""
    setattr(target, MARK, Kernel(Role.CALLBACK))
    return target


def repeat(rounds: int, body: Callable[[int], bool]) -> None:
    """Run `body(0)`, `body(1)`, ... at most `rounds` times, until it returns True (bpf_loop, since 5.17).

    The verifier follows `body` once, whatever the number of rounds; a `for` it follows round by round.
    """
    for number in range(rounds):
        if body(number):
            return


def global_array(element: Any, count: int, section: str) -> GlobalArray:
    """A zeroed global array of `count` integers in data section `section` (".data.x", ".rodata.x", ".bss")."""
    width = width_of(element)
    assert width is not None, f"{element!r} is not an integer type"
    return GlobalArray(section, ArrayType(width, count))


def run(entry: Callable[..., int], context: object) -> int:
    """Run a program in CPython as the kernel would: follow tail calls (33 at most), return the verdict."""
    for _ in range(34):
        try:
            return entry(context)
        except TailCall as jump:
            entry = jump.target
    raise RecursionError("more than 33 tail calls")
