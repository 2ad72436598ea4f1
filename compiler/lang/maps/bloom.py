"""BloomFilter: a set that may say yes to what was never added, and never no to what was (Bloom, 1970)."""

from __future__ import annotations

from typing import Generic, overload

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.maps.declaration import Declaration
from pybpf.compiler.lang.maps.facts import MapType
from pybpf.compiler.lang.maps.parameters import V
from pybpf.compiler.lang.maps.table import encoded

_TypeOf = type[V]
MAX_HASHES = 15  # the lower four bits of map_extra


class BloomFilter(Declaration, Generic[V]):
    """BPF_MAP_TYPE_BLOOM_FILTER, sized for `max_entries` values and `hashes` hash functions. Since 5.16.

    Nothing is ever removed, and more values than it is sized for make wrong answers likelier. In CPython none is wrong.
    """

    type = MapType.BLOOM_FILTER

    @overload
    def __init__(self, value: _TypeOf[V], max_entries: int, *, hashes: int = ...) -> None: ...

    @overload
    def __init__(self, value: object, max_entries: int, *, hashes: int = ...) -> None: ...

    def __init__(self, value: object, max_entries: int, *, hashes: int = 5) -> None:
        if not 1 <= hashes <= MAX_HASHES:
            raise ValueError(f"a BloomFilter has from 1 to {MAX_HASHES} hash functions, not {hashes}")
        super().__init__(None, value, max_entries, extra=hashes)
        if self.value is None:
            raise TypeError("a BloomFilter has values: None is no type of one")
        self._added: set[bytes] = set()

    @overload
    def add(self: BloomFilter[Cell], value: int) -> bool: ...

    @overload
    def add(self, value: V) -> bool: ...

    @helper(87, "self value 0", "5.16", takes_packet=True)  # type: ignore[misc]  # where values are integers it takes one, which V cannot say
    def add(self, value: V) -> bool:
        """Remember `value`; always True."""
        self._added.add(encoded(self.value, value))
        return True

    @overload
    def contains(self: BloomFilter[Cell], value: int) -> bool: ...

    @overload
    def contains(self, value: V) -> bool: ...

    @helper(89, "self value", "5.16")  # type: ignore[misc]  # as add
    def contains(self, value: V) -> bool:
        """False: `value` was never added. True: it probably was."""
        return encoded(self.value, value) in self._added

    def clear(self) -> None:
        """Forget everything; for tests."""
        self._added.clear()
