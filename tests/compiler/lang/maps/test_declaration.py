"""What a map declaration gets wrong is said at import, before any compiler or kernel sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import pytest

from pybpf.compiler.lang.integers import Width, be32, u8, u16, u32, u64
from pybpf.compiler.lang.maps import (
    MAP_SINCE,
    ArrayMap,
    ArrayOfMaps,
    BloomFilter,
    CpuMap,
    CpuValue,
    Declaration,
    DeviceMap,
    DeviceValue,
    HashMap,
    HashOfMaps,
    LpmTrie,
    LruHashMap,
    MapFlag,
    MapType,
    PerCpuArray,
    PerCpuHashMap,
    ProgramArray,
    Queue,
    RingBuffer,
    SocketHash,
    SocketStorage,
    SpinLock,
    TaskStorage,
    Timer,
)
from pybpf.compiler.lang.memory import Array, Count, Struct
from pybpf.compiler.lang.objects import Socket


class Large(Struct):
    """More than a key may have."""

    octets: Annotated[Array[u8], Count(520)]


class Huge(Struct):
    """More than a per-CPU value may have."""

    octets: Annotated[Array[u8], Count(40_000)]


class Empty(Struct):
    """Nothing."""


class Locked(Struct):
    """A value with a lock."""

    lock: SpinLock
    number: u64


class Timed(Struct):
    """A value with a timer."""

    timer: Timer
    number: u64


class Both(Struct):
    """A value with a lock and a timer."""

    lock: SpinLock
    timer: Timer


class TwoLocks(Struct):
    """One lock too many."""

    first: SpinLock
    second: SpinLock


class Deep(Struct):
    """A lock where the kernel does not look on all versions."""

    inner: Locked


class Askew(Struct, packed=True):
    """A lock at an odd address."""

    first: u8
    lock: SpinLock


class Prefix(Struct):
    """A key of a trie."""

    bits: u32
    address: be32


class NoPrefix(Struct):
    """Starts with no length."""

    bits: u16
    address: u16


class LongPrefix(Struct):
    """More than the kernel compares."""

    bits: u32
    octets: Annotated[Array[u8], Count(300)]


class OnlyLength(Struct):
    """A length of nothing."""

    bits: u32


Make = Callable[[], Declaration]
WRONG: dict[str, tuple[type[Exception], str, Make]] = {
    "no entries": (ValueError, "from 1 to", lambda: HashMap(u32, u64, 0)),
    "negative entries": (ValueError, "from 1 to", lambda: ArrayMap(u64, -1)),
    "more entries than 32 bits": (ValueError, "from 1 to", lambda: ArrayMap(u64, 1 << 32)),
    "a key that is no kernel type": (TypeError, "cannot be a HashMap's key", lambda: HashMap(str, u64, 1)),
    "a value that is no kernel type": (TypeError, "cannot be a HashMap's value", lambda: HashMap(u32, int, 1)),
    "no key": (TypeError, "neither can be None", lambda: HashMap(None, u64, 1)),
    "no value": (TypeError, "neither can be None", lambda: ArrayMap(None, 1)),
    "a large key": (ValueError, "from 1 to 512 bytes, not 520", lambda: HashMap(Large, u64, 1)),
    "an empty key": (TypeError, "no fields", lambda: HashMap(Empty, u64, 1)),
    "a large value per CPU": (ValueError, "from 1 to 32768 bytes", lambda: PerCpuArray(Huge, 1)),
    "a kernel object as a value": (TypeError, "belongs to the kernel", lambda: HashMap(u32, Socket, 1)),
    "a lock as a key": (TypeError, "cannot be a key", lambda: HashMap(Locked, u64, 1)),
    "a bare lock as a value": (TypeError, "belongs to the kernel", lambda: HashMap(u32, SpinLock, 1)),
    "a lock in an LRU hash": (TypeError, "bpf_spin_lock, which the values of a LruHashMap cannot have", lambda: LruHashMap(u32, Locked, 1)),
    "a lock per CPU": (TypeError, "PerCpuHashMap cannot have", lambda: PerCpuHashMap(u32, Locked, 1)),
    "a lock in a queue": (TypeError, "Queue cannot have", lambda: Queue(Locked, 1)),
    "a timer in a storage": (TypeError, "SocketStorage cannot have", lambda: SocketStorage(Timed)),
    "a timer in a trie": (TypeError, "LpmTrie cannot have", lambda: LpmTrie(Prefix, Timed, 1)),
    "two locks": (TypeError, "more than one bpf_spin_lock", lambda: ArrayMap(TwoLocks, 1)),
    "a lock inside a struct": (TypeError, "make it a field of the value itself", lambda: ArrayMap(Deep, 1)),
    "a lock at an odd address": (TypeError, "byte 1, no multiple of 4", lambda: ArrayMap(Askew, 1)),
    "a lock that programs cannot write": (TypeError, "read and write", lambda: ArrayMap(Locked, 1, flags=MapFlag.RDONLY_PROG)),
    "a flag of another type": (ValueError, "does not take", lambda: ArrayMap(u64, 1, flags=MapFlag.NO_PREALLOC)),
    "an LRU hash without preallocation": (ValueError, "does not take", lambda: LruHashMap(u32, u64, 1, flags=MapFlag.NO_PREALLOC)),
    "CLONE for tasks": (ValueError, "does not take", lambda: TaskStorage(u64, flags=MapFlag.CLONE)),
    "neither read nor written": (ValueError, "of no use", lambda: ArrayMap(u64, 1, flags=MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG)),
    "a trie of integers": (TypeError, "starts with a u32", lambda: LpmTrie(u64, u64, 1)),
    "a trie's key without a length": (TypeError, "starts with a u32", lambda: LpmTrie(NoPrefix, u64, 1)),
    "a trie's key of a length only": (ValueError, "0 bytes after the length", lambda: LpmTrie(OnlyLength, u64, 1)),
    "a trie's key that is too long": (ValueError, "300 bytes after the length", lambda: LpmTrie(LongPrefix, u64, 1)),
    "a ring of half a page": (ValueError, "a power of two", lambda: RingBuffer(2048)),
    "a ring of three pages": (ValueError, "a power of two", lambda: RingBuffer(3 * 4096)),
    "a ring of nothing": (ValueError, "a power of two", lambda: RingBuffer(0)),
    "a queue of integers": (TypeError, "are structs", lambda: Queue(u64, 1)),  # type: ignore[type-var]
    "a filter without hash functions": (ValueError, "hash functions", lambda: BloomFilter(u64, 1, hashes=0)),
    "a filter of nothing": (TypeError, "None is no type", lambda: BloomFilter(None, 1)),
    "program array without slots": (ValueError, "from 1 to", lambda: ProgramArray(0)),
    "devices with values of CPUs": (TypeError, "u32 or DeviceValue", lambda: DeviceMap(1, CpuValue)),
    "CPUs with values of devices": (TypeError, "u32 or CpuValue", lambda: CpuMap(1, DeviceValue)),
    "sockets without a key": (TypeError, "None is no type", lambda: SocketHash(None, 1)),
    "programs in a map of maps": (TypeError, "no ProgramArray", lambda: ArrayOfMaps(ProgramArray(1), 1)),
    "maps three deep": (TypeError, "no maps of maps", lambda: HashOfMaps(u32, ArrayOfMaps(ArrayMap(u64, 1), 1), 1)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_declaration_is_refused_with_a_sentence(name: str) -> None:
    error, words, make = WRONG[name]
    with pytest.raises(error, match=words):
        make()


def test_every_type_has_a_first_kernel() -> None:
    assert set(MAP_SINCE) == set(MapType)


def test_a_declaration_keeps_what_the_kernel_needs() -> None:
    table = HashMap(u32, Locked, 8, flags=MapFlag.NO_PREALLOC)
    assert (table.type, table.key, table.value, table.max_entries, table.flags) == (MapType.HASH, Width(32), Locked, 8, MapFlag.NO_PREALLOC)
    assert [field.name for field in table.special] == ["lock"]
    assert BloomFilter(u64, 8, hashes=3).extra == 3
    assert LpmTrie(Prefix, u64, 8).flags is MapFlag.NO_PREALLOC
    assert SocketStorage(u64).max_entries == 0
    assert SocketStorage(u64, flags=MapFlag.CLONE).flags == MapFlag.CLONE | MapFlag.NO_PREALLOC


def test_a_value_may_have_a_lock_and_a_timer() -> None:
    assert [field.name for field in ArrayMap(Both, 1).special] == ["lock", "timer"]


def test_what_lookups_see_of_an_integer_is_a_cell_of_its_size() -> None:
    view = HashMap(u32, u16, 1).view
    assert list(view.layout) == ["value"] and view.size_bytes == 2
    assert HashMap(u32, Locked, 1).view is Locked
    with pytest.raises(TypeError, match="no values"):
        assert RingBuffer(4096).view
