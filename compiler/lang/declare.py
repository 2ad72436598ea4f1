"""How a module says what is a program, what is a function of one, and what lives in global memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar, overload

from pybpf.compiler.lang.maps import TailCall

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S")
MARK = "__kernel__"
LICENSE = "Dual MIT/GPL"
_SECTION = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")  # what stands in ELF and LLVM as it is written
_LICENCE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
MAX_ROUNDS = 1 << 16  # of a `for`: the verifier follows each
MAX_ITERATED = 1 << 23  # of an `iterate`: BPF_MAX_LOOPS (include/linux/bpf.h), of which bpf_iter_num_new takes no more


class Role(Enum):
    """What a decorated function is."""

    PROGRAM = auto()  # an entry point
    FUNCTION = auto()  # compiled into each of its callers
    SUBPROGRAM = auto()  # called by its callers: BPF to BPF (since 4.16)
    CALLBACK = auto()  # a function of its own that the kernel calls
    KFUNC = auto()  # a function of the kernel's own, known by its name


@dataclass(frozen=True, slots=True)
class Kernel:
    """The mark on a kernel function; `section` is a program's ELF section, empty for the others."""

    role: Role
    section: str = ""
    licence: str = ""


def program(section: str, licence: str = LICENSE) -> Callable[[F], F]:
    """Mark an entry point: one parameter, its context; returns int.

    `section` is its ELF section, which says of what type it is and where it goes ("xdp", "cgroup/connect4",
    "tracepoint/sched/sched_process_exec"; kinds.py has all). Many helpers are only for programs under a licence
    that the kernel counts as GPL-compatible, as the default is.
    """

    if not isinstance(section, str) or _SECTION.fullmatch(section) is None:
        raise TypeError(f'a program says where it goes: write @program("tc"), not @program({section!r})')
    if not isinstance(licence, str) or _LICENCE.fullmatch(licence) is None:
        raise ValueError(f"{licence!r} is no licence: write one as the kernel knows it, such as {LICENSE!r}")

    def mark(function: F) -> F:
        setattr(function, MARK, Kernel(Role.PROGRAM, section, licence))
        return function

    return mark


def function(target: F) -> F:
    """Mark a function that kernel programs call; it is compiled into each of them."""
    setattr(target, MARK, Kernel(Role.FUNCTION))
    return target


def subprogram(target: F) -> F:
    """Mark a function that is compiled once and called, BPF to BPF: at most five parameters.

    Smaller code and a stack frame of its own, but the verifier follows each call anew, and a tail call in it needs 5.10.
    """
    setattr(target, MARK, Kernel(Role.SUBPROGRAM))
    return target


def kfunc(target: F) -> F:
    """Declare a kernel function (kfunc) that programs call by its own name; the body is its stand-in in CPython.

    Which there are, and for which types of program, is the kernel's own business (BTF_KFUNCS in its sources): the
    loader looks the name up, the verifier checks the call. At most five parameters.
    """
    setattr(target, MARK, Kernel(Role.KFUNC))
    return target


def iterate(start: int, stop: int) -> range:
    """`for i in iterate(0, n):` with any number of rounds up to 2^23, by an open-coded iterator (bpf_iter_num, since 6.4).

    The verifier follows the body until nothing new comes, not round by round; so it does not know `i`, and what the
    body carries from round to round must not grow without bound. Both limits are from -2^31 to 2^31 - 1; there are no
    rounds where `stop` is not above `start`.
    """
    assert min(start, stop) >= -(1 << 31) and max(start, stop) < 1 << 31, f"iterate({start}, {stop})"
    assert stop - start <= MAX_ITERATED, f"iterate({start}, {stop}) is {stop - start} rounds, and the kernel makes none of more than {MAX_ITERATED}"
    return range(start, stop)


def callback(target: F) -> F:
    """Mark what `repeat` runs: it takes the round's number and returns True to stop."""
    setattr(target, MARK, Kernel(Role.CALLBACK))
    return target


@overload
def repeat(rounds: int, body: Callable[[int], bool]) -> None: ...


@overload
def repeat(rounds: int, body: Callable[[int, S], bool], state: S) -> None: ...


def repeat(rounds: int, body: Callable[..., bool], state: Any = None) -> None:
    """Run `body(0)`, `body(1)`, ... at most `rounds` times, until it returns True (bpf_loop, since 5.17).

    `state` is a struct that `body` is given too, to read and write: one on the stack, as the kernel asks. The verifier follows `body` once, whatever the
    number of rounds; a `for` it follows round by round.
    """
    rest = () if state is None else (state,)
    for number in range(rounds):
        if body(number, *rest):
            return


class Rounds:
    """How often a `while` may go round: `rounds = Rounds(64)`, then `while rounds.more() and ...:`."""

    def __init__(self, most: int) -> None:
        assert 0 <= most <= MAX_ROUNDS, f"{most} rounds"
        self.left = most

    def more(self) -> bool:
        """Whether there is a round left; takes one."""
        self.left -= 1
        return self.left >= 0


def printk(text: str, *numbers: int) -> None:
    """Write a line to the kernel's trace (/sys/kernel/tracing/trace_pipe); for looking into a program, not for reports.

    Places are %d %u %x %c with a minimal width; each number has 64 bits. More than three numbers need 5.16.
    """
    print(text.replace("%u", "%d") % numbers, end="" if text.endswith("\n") else "\n")


def run(entry: Callable[..., int], context: object) -> int:
    """Run a program in CPython as the kernel would: follow tail calls (33 at most), return the verdict."""
    for _ in range(34):
        try:
            return entry(context)
        except TailCall as jump:
            entry = jump.target
    raise RecursionError("more than 33 tail calls")
