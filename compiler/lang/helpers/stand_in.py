"""Rows of the helper table that a test can give another meaning.

`row` is `helper`, and looks first whether a test gave a meaning for the helper's name. A helper that CPython knows
nothing of (a task's id, a socket of the kernel) has no other meaning: its body raises NoStandIn.

    with standing_in(get_current_pid_tgid=lambda: 42 << 32 | 42):
        run(program, context)

A meaning takes what the stand-in takes; that of a method takes the context first. Names are those without a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar, cast

from pybpf.compiler.lang.helper import helper

F = TypeVar("F", bound=Callable[..., Any])
Meaning = Callable[..., Any]
_GIVEN: ContextVar[Mapping[str, Meaning]] = ContextVar("given", default=MappingProxyType({}))


class NoStandIn(NotImplementedError):
    """A helper was called in CPython that has a meaning only in the kernel, and the test gave it none."""


@contextmanager
def standing_in(**meanings: Meaning) -> Iterator[None]:
    """Within the block these helpers mean this, in this thread or task only; blocks nest."""
    before = _GIVEN.set({**_GIVEN.get(), **meanings})
    try:
        yield
    finally:
        _GIVEN.reset(before)


def row(
    number: int, registers: str, since: str, *, moves_packet: bool = False, takes_packet: bool = False, acquires: bool = False, releases: bool = False
) -> Callable[[F], F]:
    """Declare the decorated function or method as the stand-in of kernel helper `number`, as `helper` does."""
    mark = helper(number, registers, since, moves_packet=moves_packet, takes_packet=takes_packet, acquires=acquires, releases=releases)
    return lambda body: mark(_replaceable(body))


def _replaceable(body: F) -> F:
    """`body`, unless a test gave something to run in its place."""
    name = body.__name__

    @wraps(body)
    def stand_in(*arguments: Any) -> Any:
        meaning = _GIVEN.get().get(name)
        if meaning is not None:
            return meaning(*arguments)
        try:
            return body(*arguments)
        except NoStandIn as unknown:
            raise NoStandIn(f"{name} means something in the kernel only: `with standing_in({name}=...)` says what it is in a test") from unknown

    return cast(F, stand_in)
