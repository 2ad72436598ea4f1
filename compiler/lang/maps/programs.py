"""ProgramArray and TailCall: going on in another program, for good."""

from __future__ import annotations

from typing import Any

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import u32
from pybpf.compiler.lang.maps.declaration import U32, Declaration
from pybpf.compiler.lang.maps.facts import MapType


class ProgramArray(Declaration):
    """BPF_MAP_TYPE_PROG_ARRAY: what tail calls jump through. In CPython the slots hold functions. Since 4.2."""

    type = MapType.PROG_ARRAY

    def __init__(self, max_entries: int) -> None:
        super().__init__(U32, U32, max_entries)
        self.slots: dict[int, Any] = {}

    @helper(12, "context self index", "4.2", moves_packet=True)
    def tail_call(self, context: Context, index: u32) -> None:
        """Continue in program `index` and never return; returns only when that slot is empty."""
        if (target := self.slots.get(index)) is not None:
            raise TailCall(target, context)


class TailCall(Exception):
    """CPython's stand-in for a tail call: control leaves the calling program for good."""

    def __init__(self, target: Any, context: Any) -> None:
        self.target, self.context = target, context
        super().__init__(getattr(target, "__name__", "?"))
