"""PerCpu: values of which each CPU has its own. Programs see that of the CPU they run on, so nothing races.

In CPython there are CPUS of them, and programs run on CPU 0 unless the test says `with table.on_cpu(1):`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import u32
from pybpf.compiler.lang.maps.facts import UpdatePolicy
from pybpf.compiler.lang.maps.parameters import K, V
from pybpf.compiler.lang.maps.slots import Slot
from pybpf.compiler.lang.maps.table import Table

CPUS = 4


class PerCpu(Table[K, V]):
    """What a per-CPU map does differently: a slot holds the values of all CPUs, one after the other."""

    _cpu = 0

    @helper(195, "self key cpu", "5.19", takes_packet=True)
    def lookup_on(self, key: K, cpu: u32) -> V | None:
        """A view on the value that another CPU has of `key`, or None. That CPU may write it at the same time."""
        slot = self._find(self._name(key))
        return None if slot is None or cpu >= CPUS else self._seen_on(slot, cpu)

    @contextmanager
    def on_cpu(self, cpu: int) -> Iterator[None]:
        """Whatever uses the map meanwhile runs on `cpu`, below CPUS; for tests."""
        assert 0 <= cpu < CPUS, f"there are {CPUS} CPUs, no number {cpu}"
        before, self._cpu = self._cpu, cpu
        try:
            yield
        finally:
            self._cpu = before

    def values_of(self, key: K) -> list[V]:
        """Views on what each CPU has for `key`, none if it is not there: what user space reads. For tests."""
        slot = self._find(self._name(key))
        return [] if slot is None else [self._seen_on(slot, cpu) for cpu in range(CPUS)]

    def _seen(self, slot: Slot) -> V:
        return self._seen_on(slot, self._cpu)

    def _seen_on(self, slot: Slot, cpu: int) -> V:
        size = self.view.size_bytes
        return cast(V, self.view.view(memoryview(slot)[cpu * size : (cpu + 1) * size]))

    def _put(self, key: K, content: bytes, policy: UpdatePolicy) -> bool:
        """Set the value of this CPU. Those of the others stay, or are zero when the key is new (pcpu_init_value, since 5.10)."""
        old = self._slots.get(self._name(key))
        size = self.view.size_bytes
        everywhere = bytearray(old if old is not None else bytes(size * CPUS))
        everywhere[self._cpu * size : (self._cpu + 1) * size] = content
        return super()._put(key, bytes(everywhere), policy)
