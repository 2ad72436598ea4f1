"""Timer: a field of a map's value that calls a function later (bpf_timer, since 5.15).

    class Flow(Struct):
        timer: Timer
        packets: u64

    @callback
    def expire(key: Key, flow: Flow) -> bool: ...

    flow.timer.init(flows, Clock.MONOTONIC)
    flow.timer.set_callback(expire)
    flow.timer.start(1_000_000_000)

The timer lives as long as the map's value; deleting that cancels it. In CPython time passes when a test says
`table.pass_time(nanoseconds)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import s64, u64
from pybpf.compiler.lang.maps.facts import Clock
from pybpf.compiler.lang.maps.slots import Pending, slot_of
from pybpf.compiler.lang.maps.table import Table
from pybpf.compiler.lang.memory import Array, Count, Struct


class Timer(Struct, symbol="bpf_timer"):
    """The timer itself, 16 bytes that only the kernel writes; a value has at most one, and only in a hash, an LRU hash or an array."""

    opaque: Annotated[Array[u64], Count(2)]

    @helper(169, "self table clock", "5.15")
    def init(self, table: Table[Any, Any], clock: Clock) -> bool:
        """Make the timer ready; `table` is the map it lies in. False when it is already, or when nobody but the program holds the map."""
        slot = slot_of(self)
        if slot.timer is not None:
            return False
        slot.timer = Pending()
        return True

    @helper(170, "self callback", "5.15")
    def set_callback(self, callback: Callable[[Any, Any], bool]) -> bool:
        """Say what is called: a @callback function of the key and the value, which returns False. False before `init`."""
        timer = slot_of(self).timer
        if timer is None:
            return False
        timer.callback = callback
        return True

    @helper(171, "self delay_ns 0", "5.15")
    def start(self, delay_ns: u64) -> bool:
        """Call in `delay_ns` nanoseconds, instead of when it would have; False before `set_callback`."""
        timer = slot_of(self).timer
        if timer is None or timer.callback is None:
            return False
        timer.due_ns = delay_ns
        return True

    @helper(172, "self", "5.15")
    def cancel(self) -> s64:
        """Do not call: 1 when it would have, 0 when it was not running, below 0 before `init` or within its own callback."""
        timer = slot_of(self).timer
        if timer is None:
            return -22  # EINVAL
        was_running, timer.due_ns = timer.due_ns is not None, None
        return int(was_running)
