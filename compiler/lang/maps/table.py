"""Table: what all maps with keys and values share. In CPython they behave as dicts of views.

`lookup` gives a view on the value in place; an integer value is seen through a Cell, whose field is `value`.
`len`, `in`, iteration and `items` are for tests and for user space; kernel programs have none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar, cast, overload

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import Width
from pybpf.compiler.lang.maps.declaration import Declaration, KernelType
from pybpf.compiler.lang.maps.facts import MapFlag, UpdatePolicy
from pybpf.compiler.lang.maps.parameters import K, V
from pybpf.compiler.lang.maps.slots import Pending, Slot
from pybpf.compiler.lang.memory import Struct

S = TypeVar("S", bound=Struct)


class Table(Declaration, Generic[K, V]):
    """A map from keys to values. What a subclass does differently is in `_find`, `_name` and `_make_room`."""

    @overload
    def __init__(self, key: type[K], value: type[V], max_entries: int, *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, key: type[K], value: object, max_entries: int, *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, key: object, value: type[V], max_entries: int, *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, key: object, value: object, max_entries: int, *, flags: MapFlag = ...) -> None: ...

    def __init__(self, key: object, value: object, max_entries: int, *, flags: MapFlag = MapFlag.NONE) -> None:
        super().__init__(key, value, max_entries, flags=flags)
        if self.key is None or self.value is None:
            raise TypeError(f"a {type(self).__name__} has keys and values: neither can be None")
        self._slots: dict[bytes, Slot] = {}

    @helper(1, "self key", "3.19", takes_packet=True)
    def lookup(self, key: K) -> V | None:
        """A view on the value of `key`, or None. Writing through it changes the map."""
        slot = self._find(self._name(key))
        return None if slot is None else self._seen(slot)

    @overload
    def update(self: Table[K, Cell], key: K, value: int) -> bool: ...

    @overload
    def update(self, key: K, value: V) -> bool: ...

    @helper(2, "self key value 0", "3.19", takes_packet=True)  # type: ignore[misc]  # where values are integers it takes one, which V cannot say
    def update(self, key: K, value: V) -> bool:
        """Set the value of `key`; False when the map is full, or the key is none it can have."""
        return self._put(key, encoded(self.value, value), UpdatePolicy.ANY)

    @overload
    def update_if(self: Table[K, Cell], key: K, value: int, policy: UpdatePolicy) -> bool: ...

    @overload
    def update_if(self, key: K, value: V, policy: UpdatePolicy) -> bool: ...

    @helper(2, "self key value policy", "3.19", takes_packet=True)  # type: ignore[misc]  # as update
    def update_if(self, key: K, value: V, policy: UpdatePolicy) -> bool:
        """Set the value of `key` if it is there (EXIST), or if it is not (NOEXIST); False when nothing was set."""
        return self._put(key, encoded(self.value, value), policy)

    def clear(self) -> None:
        """Forget everything; for tests."""
        self._slots.clear()

    def items(self) -> Iterator[tuple[K, V]]:
        """Every key with a view on its value, the oldest first."""
        for name, slot in list(self._slots.items()):
            yield self._key_of(name), self._seen(slot)

    def pass_time(self, elapsed_ns: int) -> None:
        """Let time pass for the timers in the values: those that come due call back, the earliest first. For tests."""
        while due := self._next_due(elapsed_ns):
            name, slot, timer = due
            assert timer.due_ns is not None and timer.callback is not None
            elapsed_ns -= timer.due_ns
            self._advance(timer.due_ns)
            timer.due_ns = None
            timer.callback(self._key_of(name), self._seen(slot))
        self._advance(elapsed_ns)

    def __len__(self) -> int:
        return len(self._slots)

    def __bool__(self) -> bool:
        return True  # an empty map is still a map

    def __iter__(self) -> Iterator[K]:
        return (self._key_of(name) for name in list(self._slots))

    def __contains__(self, key: K) -> bool:
        return self._name(key) in self._slots

    def _find(self, name: bytes) -> Slot | None:
        """What a lookup of the key with these bytes finds."""
        return self._slots.get(name)

    def _name(self, key: K) -> bytes:
        """The bytes that a key is told from others by."""
        return encoded(self.key, key)

    def _make_room(self) -> bool:
        """Whether one more key has a place."""
        return len(self._slots) < self.max_entries

    def _seen(self, slot: Slot) -> V:
        return cast(V, self.view.view(slot))

    def _put(self, key: K, content: bytes, policy: UpdatePolicy) -> bool:
        name = self._name(key)
        is_there = name in self._slots
        if policy != UpdatePolicy.ANY and is_there != (policy == UpdatePolicy.EXIST):  # the interpreter gives plain numbers
            return False
        if not is_there and not self._make_room():
            return False
        self._slots[name] = Slot(content, self.special)  # a new one: views on the old value keep what they saw
        return True

    def _key_of(self, name: bytes) -> K:
        kind = self.key
        return cast(K, kind.read(name) if isinstance(kind, Width) else cast(type[Struct], kind).view(bytearray(name)))

    def _next_due(self, within_ns: int) -> tuple[bytes, Slot, Pending] | None:
        running = [
            (timer.due_ns, name, slot, timer)
            for name, slot in self._slots.items()
            if (timer := slot.timer) is not None and timer.due_ns is not None and timer.due_ns <= within_ns
        ]
        if not running:
            return None
        _, name, slot, timer = min(running, key=lambda each: each[0])
        return name, slot, timer

    def _advance(self, elapsed_ns: int) -> None:
        for slot in self._slots.values():
            if slot.timer is not None and slot.timer.due_ns is not None:
                slot.timer.due_ns -= elapsed_ns


def encoded(kind: KernelType | None, value: object) -> bytes:
    """A key or value as it lies in memory. An integer that does not fit, or a struct of another kind, is an AssertionError."""
    match kind, value:
        case Width() as width, int(number):
            assert width.low <= number <= width.high, f"{number} does not fit {width.bits} bits"
            return width.bytes_of(number)
        case Width() as width, Struct():
            assert type(value).size_bytes == width.octets and len(type(value).layout) == 1, f"{value!r} is no number"
            return bytes(value)
        case type(), Struct():
            assert isinstance(value, kind), f"a {kind.__name__} is needed, not {value!r}"
            return bytes(value)
        case _:
            raise AssertionError(f"{value!r} is not of the type that the map is declared with")
