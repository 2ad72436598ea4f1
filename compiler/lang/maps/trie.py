"""LpmTrie: a table of prefixes, of which the longest that covers a key is found (kernel/bpf/lpm_trie.c)."""

from __future__ import annotations

from typing import overload

from pybpf.compiler.lang.integers import Width
from pybpf.compiler.lang.maps.facts import MapFlag, MapType, UpdatePolicy
from pybpf.compiler.lang.maps.hashes import HashTable
from pybpf.compiler.lang.maps.parameters import K, V
from pybpf.compiler.lang.maps.slots import Slot
from pybpf.compiler.lang.memory import Struct

_TypeOf = type[V]
_KeyType = type[K]
MAX_PREFIX_OCTETS = 256  # LPM_DATA_SIZE_MAX
_LENGTH_OCTETS = 4


class LpmTrie(HashTable[K, V]):
    """BPF_MAP_TYPE_LPM_TRIE: the key starts with a u32 prefix length in bits, then the bytes it counts. Since 4.11.

    Bits after the prefix mean nothing. A prefix longer than the key's bytes is refused, and found by no lookup.
    """

    type = MapType.LPM_TRIE

    @overload
    def __init__(self, key: _KeyType[K], value: _TypeOf[V], max_entries: int, *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, key: _KeyType[K], value: object, max_entries: int, *, flags: MapFlag = ...) -> None: ...

    def __init__(self, key: _KeyType[K], value: object, max_entries: int, *, flags: MapFlag = MapFlag.NONE) -> None:
        super().__init__(key, value, max_entries, flags=flags | MapFlag.NO_PREALLOC)  # the kernel has no other

    def _check_key(self) -> None:
        super()._check_key()
        first = next(iter(self.key.layout.values())).type if isinstance(self.key, type) else None
        if not isinstance(self.key, type) or not issubclass(self.key, Struct) or first != Width(32):
            raise TypeError("the key of an LpmTrie is a struct that starts with a u32: the length of the prefix in bits")
        if not 1 <= self.key.size_bytes - _LENGTH_OCTETS <= MAX_PREFIX_OCTETS:
            raise ValueError(f"{self.key.__name__} has {self.key.size_bytes - _LENGTH_OCTETS} bytes after the length, not 1 to {MAX_PREFIX_OCTETS}")

    def _name(self, key: K) -> bytes:
        """The length, then the bytes with what follows the prefix zeroed: equal for equal prefixes."""
        octets = super()._name(key)
        bits, total = _prefix_bits(octets), _total_bits(octets)
        if bits > total:
            return octets
        keep = ((1 << bits) - 1) << (total - bits)
        number = int.from_bytes(octets[_LENGTH_OCTETS:], "big") & keep
        return octets[:_LENGTH_OCTETS] + number.to_bytes(total // 8, "big")

    def _find(self, name: bytes) -> Slot | None:
        if _prefix_bits(name) > _total_bits(name):
            return None
        best = max((each for each in self._slots if _covers(each, name)), key=_prefix_bits, default=None)
        return None if best is None else self._slots[best]

    def _put(self, key: K, content: bytes, policy: UpdatePolicy) -> bool:
        name = self._name(key)
        return _prefix_bits(name) <= _total_bits(name) and super()._put(key, content, policy)


def _prefix_bits(name: bytes) -> int:
    return int.from_bytes(name[:_LENGTH_OCTETS], "little")


def _total_bits(name: bytes) -> int:
    return 8 * (len(name) - _LENGTH_OCTETS)


def _covers(entry: bytes, sought: bytes) -> bool:
    bits = _prefix_bits(entry)
    if bits > _prefix_bits(sought):
        return False
    unused = _total_bits(entry) - bits
    mine, theirs = (int.from_bytes(name[_LENGTH_OCTETS:], "big") >> unused for name in (entry, sought))
    return mine == theirs
