"""BPF maps as a kernel program declares and uses them; in CPython they behave as dicts do.

A map's kernel name is the name of the module variable that holds it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, Generic, TypeVar, overload

from pybpf.compiler.lang.integers import Width, width_of
from pybpf.compiler.lang.memory import Struct

K = TypeVar("K")
V = TypeVar("V", bound=Struct)
_TypeOf = type[V]  # for use in classes whose own `type` is the map's


class MapType(IntEnum):
    """enum bpf_map_type (include/uapi/linux/bpf.h)."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERCPU_ARRAY = 6
    LRU_HASH = 9
    LPM_TRIE = 11
    RINGBUF = 27


class MapFlag(IntEnum):
    """Flags of BPF_MAP_CREATE."""

    NO_PREALLOC = 1


class Declaration:
    """What every map says of itself: the attributes of BPF_MAP_CREATE. Keys and values are kernel types."""

    type: ClassVar[MapType]
    flags: ClassVar[int] = 0

    def __init__(self, key: object, value: object, max_entries: int) -> None:
        self.key: Width | type[Struct] | None = _kernel_type(key)
        self.value: Width | type[Struct] | None = _kernel_type(value)
        self.max_entries = max_entries


class Table(Declaration, Generic[K, V]):
    """A map whose values are structs; `lookup` gives a view on the value in place, or None."""

    @overload
    def __init__(self, key: type[K], value: type[V], max_entries: int) -> None: ...

    @overload
    def __init__(self, key: object, value: type[V], max_entries: int) -> None: ...

    def __init__(self, key: object, value: type[V], max_entries: int) -> None:
        super().__init__(key, value, max_entries)
        self._kind = value
        self._slots: dict[bytes, bytearray] = {}

    def lookup(self, key: K) -> V | None:
        """A view on the value of `key`, or None. Writing through it changes the map."""
        slot = self._slots.get(self._encode(key))
        return None if slot is None else self._kind.view(slot)

    def update(self, key: K, value: V) -> bool:
        """Set the value of `key` (BPF_ANY); False when the map is full."""
        name = self._encode(key)
        if name not in self._slots and len(self._slots) >= self.max_entries:
            return False
        self._slots[name] = bytearray(bytes(value))
        return True

    def delete(self, key: K) -> bool:
        """Remove `key`; False when it was not there."""
        return self._slots.pop(self._encode(key), None) is not None

    def clear(self) -> None:
        """Forget everything; for tests."""
        self._slots.clear()

    def _encode(self, key: K) -> bytes:
        if isinstance(self.key, Width):
            assert isinstance(key, int)
            return key.to_bytes(self.key.octets, self.key.order)
        assert isinstance(key, Struct)
        return bytes(key)


class HashMap(Table[K, V]):
    """BPF_MAP_TYPE_HASH."""

    type = MapType.HASH


class LruHashMap(Table[K, V]):
    """BPF_MAP_TYPE_LRU_HASH: a full map drops what was used longest ago instead of refusing."""

    type = MapType.LRU_HASH

    def update(self, key: K, value: V) -> bool:
        """Set the value of `key`; a full map first drops its oldest entry."""
        if self._encode(key) not in self._slots and len(self._slots) >= self.max_entries:
            self._slots.pop(next(iter(self._slots)))
        return super().update(key, value)


class ArrayMap(Table[int, V]):
    """BPF_MAP_TYPE_ARRAY: every index below max_entries is there from the start, zeroed."""

    type = MapType.ARRAY

    def __init__(self, value: _TypeOf[V], max_entries: int) -> None:
        super().__init__(_U32, value, max_entries)
        self.clear()

    def clear(self) -> None:
        """Zero every value; for tests."""
        self._slots = {index.to_bytes(4, "little"): bytearray(self._kind.size_bytes) for index in range(self.max_entries)}


class PerCpuArray(ArrayMap[V]):
    """BPF_MAP_TYPE_PERCPU_ARRAY: each CPU has its own values; scratch memory that nobody else touches."""

    type = MapType.PERCPU_ARRAY


class LpmTrie(Table[K, V]):
    """BPF_MAP_TYPE_LPM_TRIE: the key starts with a u32 prefix length in bits, then the bytes it counts."""

    type = MapType.LPM_TRIE
    flags = MapFlag.NO_PREALLOC

    def lookup(self, key: K) -> V | None:
        """A view on the value of the longest prefix that covers `key`, or None."""
        sought = self._encode(key)
        best = max((name for name in self._slots if _covers(name, sought)), key=_prefix_bits, default=None)
        return None if best is None else self._kind.view(self._slots[best])


class ProgramArray(Declaration):
    """BPF_MAP_TYPE_PROG_ARRAY: what tail calls jump through. In CPython the slots hold functions."""

    type = MapType.PROG_ARRAY

    def __init__(self, max_entries: int) -> None:
        super().__init__(_U32, _U32, max_entries)
        self.slots: dict[int, Any] = {}

    def tail_call(self, context: Any, index: int) -> None:
        """Continue in program `index` and never return; returns only when that slot is empty."""
        if (target := self.slots.get(index)) is not None:
            raise TailCall(target, context)


class RingBuffer(Declaration):
    """BPF_MAP_TYPE_RINGBUF: records to user space, in order over all CPUs; max_entries is its size in bytes."""

    type = MapType.RINGBUF

    def __init__(self, size_bytes: int) -> None:
        super().__init__(None, None, size_bytes)
        self.records: list[bytes] = []

    def output(self, record: Struct) -> bool:
        """Append a copy of `record`; False when there is no room (the record is then lost)."""
        self.records.append(bytes(record))
        return True


class TailCall(Exception):
    """CPython's stand-in for a tail call: control leaves the calling program for good."""

    def __init__(self, target: Any, context: Any) -> None:
        self.target, self.context = target, context
        super().__init__(getattr(target, "__name__", "?"))


_U32 = Width(32)


def _kernel_type(hint: Any) -> Width | type[Struct] | None:
    if hint is None or isinstance(hint, Width):
        return hint
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint
    if (width := width_of(hint)) is not None:
        return width
    raise TypeError(f"{hint!r} cannot be a map's key or value")


def _prefix_bits(key: bytes) -> int:
    return int.from_bytes(key[:4], "little")


def _covers(entry: bytes, sought: bytes) -> bool:
    bits = _prefix_bits(entry)
    if bits > _prefix_bits(sought):
        return False
    total = 8 * (len(entry) - 4)
    mine, theirs = (int.from_bytes(key[4:], "big") >> (total - bits) for key in (entry, sought))
    return mine == theirs
