"""Maps of maps: user space swaps a whole inner map at once, and programs find either the old or the new one.

All inner maps are of one shape, that of the template `inner`. `slots` is what user space put there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, overload

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.maps.declaration import U32, Declaration
from pybpf.compiler.lang.maps.facts import WITHOUT_ENTRIES, MapFlag, MapType
from pybpf.compiler.lang.maps.parameters import K
from pybpf.compiler.lang.maps.table import encoded

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    M = TypeVar("M", bound=Declaration, default=Declaration)
else:
    from typing import TypeVar

    M = TypeVar("M", bound=Declaration)

_KeyType = type[K]  # for use in a class whose own `type` is the map's
_FIXED_SIZE = frozenset({MapType.ARRAY, MapType.PERCPU_ARRAY})  # max_entries is part of the shape: bounds are compiled in
_NEVER_INNER = frozenset({MapType.PROG_ARRAY, MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS})  # bpf_map_meta_alloc, kernel/bpf/map_in_map.c


class _MapOfMaps(Declaration, Generic[K, M]):
    """What both maps of maps share."""

    inner: M

    def __init__(self, key: object, inner: M, max_entries: int, *, flags: MapFlag = MapFlag.NONE) -> None:
        if not isinstance(inner, Declaration) or inner.type in _NEVER_INNER:
            raise TypeError(f"a {type(self).__name__} holds maps, but no maps of maps and no ProgramArray: not {inner!r}")
        super().__init__(key, U32, max_entries, flags=flags)
        if self.key is None:
            raise TypeError(f"a {type(self).__name__} has keys: None is no type of one")
        self.inner = inner
        self.slots: dict[bytes, M] = {}

    @helper(1, "self key", "4.12", takes_packet=True)
    def lookup(self, key: K) -> M | None:
        """The inner map at `key`, or None when there is none."""
        return self.slots.get(encoded(self.key, key))

    def put(self, key: K, inner: M) -> None:
        """What user space does: set the inner map at `key`. Raises ValueError for one of another shape, or when there is no room."""
        if difference := _difference(self.inner, inner):
            raise ValueError(f"this map does not have the shape of the template: {difference}")
        name = encoded(self.key, key)
        if not self._has_place(name):
            raise ValueError(f"there is no place for {key!r} among {self.max_entries} entries")
        self.slots[name] = inner

    def _has_place(self, name: bytes) -> bool:
        return name in self.slots or len(self.slots) < self.max_entries


class ArrayOfMaps(_MapOfMaps[int, M]):
    """BPF_MAP_TYPE_ARRAY_OF_MAPS: an inner map, or none, at each index below max_entries. Since 4.12."""

    type = MapType.ARRAY_OF_MAPS

    def __init__(self, inner: M, max_entries: int) -> None:
        super().__init__(U32, inner, max_entries)

    def _has_place(self, name: bytes) -> bool:
        return int.from_bytes(name, "little") < self.max_entries


class HashOfMaps(_MapOfMaps[K, M]):
    """BPF_MAP_TYPE_HASH_OF_MAPS: inner maps by key. Since 4.12."""

    type = MapType.HASH_OF_MAPS

    @overload
    def __init__(self, key: _KeyType[K], inner: M, max_entries: int, *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, key: object, inner: M, max_entries: int, *, flags: MapFlag = ...) -> None: ...

    def __init__(self, key: object, inner: M, max_entries: int, *, flags: MapFlag = MapFlag.NONE) -> None:
        super().__init__(key, inner, max_entries, flags=flags)


def _difference(template: Declaration, other: Declaration) -> str:
    """What makes `other` no inner map of this template (bpf_map_meta_equal, kernel/bpf/map_in_map.c); empty when nothing does."""
    facts = ["type", "key", "value", "flags"]
    if template.type in _FIXED_SIZE and MapFlag.INNER_MAP not in template.flags:
        facts.append("max_entries")
    assert template.type not in WITHOUT_ENTRIES or template.max_entries == 0
    for fact in facts:
        mine, theirs = getattr(template, fact), getattr(other, fact)
        if mine != theirs:
            return f"its {fact} is {theirs!r}, not {mine!r}"
    return ""
