"""Hash maps: keys come and go. Each plain or per CPU, and refusing or forgetting when full."""

from __future__ import annotations

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.maps.facts import MapType, UpdatePolicy
from pybpf.compiler.lang.maps.parameters import K, V
from pybpf.compiler.lang.maps.percpu import PerCpu
from pybpf.compiler.lang.maps.slots import Slot
from pybpf.compiler.lang.maps.table import Table
from pybpf.compiler.lang.maps.walked import Walked


class HashTable(Table[K, V]):
    """A table whose keys can be deleted."""

    @helper(3, "self key", "3.19", takes_packet=True)
    def delete(self, key: K) -> bool:
        """Remove `key`; False when it was not there."""
        return self._slots.pop(self._name(key), None) is not None


class HashMap(HashTable[K, V], Walked[K, V]):
    """BPF_MAP_TYPE_HASH: a full map refuses new keys. Since 3.19."""

    type = MapType.HASH


class _Forgetful(HashTable[K, V], Walked[K, V]):
    """Forgets what was used longest ago. The kernel's choice is only near to that (kernel/bpf/bpf_lru_list.c)."""

    def _find(self, name: bytes) -> Slot | None:
        slot = self._slots.pop(name, None)
        if slot is not None:
            self._slots[name] = slot  # last in the dict: used last
        return slot

    def _make_room(self) -> bool:
        if len(self._slots) >= self.max_entries:
            del self._slots[next(iter(self._slots))]
        return True

    def _put(self, key: K, content: bytes, policy: UpdatePolicy) -> bool:
        done = super()._put(key, content, policy)
        if done:
            self._find(self._name(key))
        return done


class LruHashMap(_Forgetful[K, V]):
    """BPF_MAP_TYPE_LRU_HASH: a full map drops what was used longest ago instead of refusing. Since 4.10."""

    type = MapType.LRU_HASH


class PerCpuHashMap(PerCpu[K, V], HashTable[K, V], Walked[K, V]):
    """BPF_MAP_TYPE_PERCPU_HASH: each CPU has its own value of a key; a new key is zero on the others. Since 4.6."""

    type = MapType.PERCPU_HASH


class LruPerCpuHashMap(PerCpu[K, V], _Forgetful[K, V]):
    """BPF_MAP_TYPE_LRU_PERCPU_HASH: a PerCpuHashMap that drops what was used longest ago. Since 4.10."""

    type = MapType.LRU_PERCPU_HASH
