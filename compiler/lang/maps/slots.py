"""Slot: the memory of one value of a map, as the CPython stand-ins keep it.

A view on a value is a view on a slot's bytes, so the slot is found back from any of its views.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pybpf.compiler.lang.memory import Field, Struct, memory_of


@dataclass(slots=True)
class Pending:
    """The state of a slot's timer: what to call, and in how many nanoseconds (None: it is not running)."""

    callback: Callable[..., Any] | None = None
    due_ns: int | None = None


class Slot(bytearray):
    """The bytes of a value, the timer in it once that is initialised, and whether its spin lock is held."""

    __slots__ = ("is_locked", "timer")

    timer: Pending | None
    is_locked: bool

    def __init__(self, content: bytes, special: tuple[Field, ...] = ()) -> None:
        super().__init__(content)
        self.timer, self.is_locked = None, False
        for field in special:
            self[_span(field)] = bytes(_octets(field))

    def overwrite(self, content: bytes, special: tuple[Field, ...]) -> None:
        """Take new bytes in place. A lock stays as it is; a timer is cancelled (array_map_update_elem, kernel/bpf/arraymap.c)."""
        kept = [(field, self[_span(field)]) for field in special]
        self[:] = content
        for field, octets in kept:
            self[_span(field)] = octets
        self.timer = None


def slot_of(view: Struct) -> Slot:
    """The slot that a view on a map's value, or on a part of one, looks at. Raises RuntimeError for memory that is not a map's."""
    found = memory_of(view).obj
    if not isinstance(found, Slot):
        raise RuntimeError(f"this {type(view).__name__} does not lie in a map's value")
    return found


def _octets(field: Field) -> int:
    assert isinstance(field.type, type)
    return field.type.size_bytes


def _span(field: Field) -> slice:
    return slice(field.offset, field.offset + _octets(field))
