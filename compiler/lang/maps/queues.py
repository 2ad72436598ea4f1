"""Queue and Stack: values without keys. Whoever pops one has it alone."""

from __future__ import annotations

from collections import deque
from typing import Generic

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.maps.declaration import Declaration
from pybpf.compiler.lang.maps.facts import MapType
from pybpf.compiler.lang.maps.parameters import V
from pybpf.compiler.lang.maps.table import encoded
from pybpf.compiler.lang.memory import Struct, memory_of

_TypeOf = type[V]
_OLDEST, _NEWEST = 0, -1


class _Line(Declaration, Generic[V]):
    """Values in the order in which they were pushed. They are structs, for `pop` fills one."""

    _next = _OLDEST

    def __init__(self, value: _TypeOf[V], max_entries: int) -> None:
        if not (isinstance(value, type) and issubclass(value, Struct)):
            raise TypeError(f"the values of a {type(self).__name__} are structs, for `pop` fills one: not {value!r}")
        super().__init__(None, value, max_entries)
        self._values: deque[bytes] = deque()

    @helper(87, "self value 0", "4.20", takes_packet=True)
    def push(self, value: V) -> bool:
        """Add a copy of `value`; False when there is no room."""
        if len(self._values) >= self.max_entries:
            return False
        self._values.append(encoded(self.value, value))
        return True

    @helper(87, "self value 2", "4.20", takes_packet=True)
    def push_over(self, value: V) -> bool:
        """Add a copy of `value`; when there is no room the oldest value makes it."""
        if len(self._values) >= self.max_entries:
            self._values.popleft()
        return self.push(value)

    @helper(88, "self into", "4.20")
    def pop(self, into: V) -> bool:
        """Move the next value into a struct; False, and the struct zeroed, when there is none."""
        found = self.peek(into)
        if found:
            del self._values[self._next]
        return found

    @helper(89, "self into", "4.20")
    def peek(self, into: V) -> bool:
        """Copy the next value into a struct and leave it where it is; False, and the struct zeroed, when there is none."""
        assert isinstance(into, self.view), f"a {self.view.__name__} is needed, not {into!r}"
        memory_of(into)[:] = self._values[self._next] if self._values else bytes(self.view.size_bytes)
        return bool(self._values)

    def clear(self) -> None:
        """Forget everything; for tests."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return True


class Queue(_Line[V]):
    """BPF_MAP_TYPE_QUEUE: the oldest value comes next. Since 4.20."""

    type = MapType.QUEUE


class Stack(_Line[V]):
    """BPF_MAP_TYPE_STACK: the newest value comes next. Since 4.20."""

    type = MapType.STACK
    _next = _NEWEST
