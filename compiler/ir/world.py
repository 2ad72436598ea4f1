"""World: what the functions of one running machine share, and the shape of their frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Frame = list[Any]  # of one call: the result, then locals and structs on the stack, each at a fixed index
Evaluate = Callable[[Frame], Any]
UNSET = object()  # what a local holds before it is assigned


@dataclass(slots=True)
class World:
    """Globals and functions by name, live views on the packet, and how many tail calls may still be made."""

    globals: dict[str, bytearray]
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    views: list[memoryview] = field(default_factory=list)
    trace: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)  # of Print: formats and arguments
    tail_calls_left: int = 0

    def packet_moved(self) -> None:
        """Views on the packet are dead: using one is a fault from here on."""
        for each in self.views:
            each.release()
        self.views.clear()
