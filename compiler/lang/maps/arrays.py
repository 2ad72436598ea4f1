"""Arrays: every index below max_entries is there from the start, zeroed, and none can be deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import overload

from pybpf.compiler.lang.maps.declaration import U32
from pybpf.compiler.lang.maps.facts import MapFlag, MapType, UpdatePolicy
from pybpf.compiler.lang.maps.parameters import V
from pybpf.compiler.lang.maps.percpu import CPUS, PerCpu
from pybpf.compiler.lang.maps.slots import Slot
from pybpf.compiler.lang.maps.walked import Walked

_TypeOf = type[V]  # for use in classes whose own `type` is the map's


class _Indexed(Walked[int, V]):
    """What arrays do differently from other tables. Slots are made when they are first used."""

    _copies = 1

    @overload
    def __init__(self, value: _TypeOf[V], max_entries: int, *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, value: object, max_entries: int, *, flags: MapFlag = ...) -> None: ...

    def __init__(self, value: object, max_entries: int, *, flags: MapFlag = MapFlag.NONE) -> None:
        super().__init__(U32, value, max_entries, flags=flags)

    def items(self) -> Iterator[tuple[int, V]]:
        """Every index with a view on its value."""
        for index in range(self.max_entries):
            found = self.lookup(index)
            assert found is not None
            yield index, found

    def __len__(self) -> int:
        return self.max_entries

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.max_entries))

    def __contains__(self, key: int) -> bool:
        return 0 <= key < self.max_entries

    def _find(self, name: bytes) -> Slot | None:
        if int.from_bytes(name, "little") >= self.max_entries:
            return None
        if name not in self._slots:
            self._slots[name] = Slot(bytes(self.view.size_bytes * self._copies))
        return self._slots[name]

    def _put(self, key: int, content: bytes, policy: UpdatePolicy) -> bool:
        """Overwrite in place: NOEXIST never holds, for all are there."""
        slot = self._find(self._name(key))
        if slot is None or policy == UpdatePolicy.NOEXIST:
            return False
        slot.overwrite(content, self.special)
        return True


class ArrayMap(_Indexed[V]):
    """BPF_MAP_TYPE_ARRAY. Since 3.19."""

    type = MapType.ARRAY


class PerCpuArray(PerCpu[int, V], _Indexed[V]):
    """BPF_MAP_TYPE_PERCPU_ARRAY: each CPU has its own values; scratch memory that nobody else touches. Since 4.6."""

    type = MapType.PERCPU_ARRAY
    _copies = CPUS

    def _put(self, key: int, content: bytes, policy: UpdatePolicy) -> bool:
        self._find(self._name(key))  # so that the other CPUs' values are there to be kept
        return super()._put(key, content, policy)
