"""Maps in the kernel: make them, read and write them, pin them.

Keys and values are bytes of exactly the map's sizes; anything else is a ValueError before the kernel sees it. Besides:

    programs, maps          a map of these takes Program or Map objects and gives back ids (four bytes, host order)
    sockets, cgroups ...    where a key or a value stands for a file, the file itself may be given: what has a fileno(), or the number
    per-CPU maps            have methods of their own, because what they give is a list with one value per possible CPU
    queues, stacks          push, pop and peek
    bloom filters           push and may_have

What a kind of map cannot do is a TypeError where this loader knows it, else the kernel's ENOTSUPP.
"""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Protocol, Self

from . import syscalls
from .descriptor import Descriptor, kernel_name, open_pin
from .errors import KernelError
from .infos import MapInfo
from .kinds import (
    HOLDS_FILES,
    HOLDS_MAPS,
    HOLDS_PROGRAMS,
    KEYED_BY_FILES,
    KEYLESS,
    PER_CPU,
    WITH_BTF,
    MapType,
)
from .spec import MapSpec
from .syscalls import ObjectKind

_POSSIBLE_CPUS = Path("/sys/devices/system/cpu/possible")
_BATCHED = frozenset({MapType.HASH, MapType.LRU_HASH, MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH})
_IN_ORDER = frozenset({MapType.QUEUE, MapType.STACK})
_FIRST_BATCH = 256


class HasFile(Protocol):
    """Something open: a socket, a file, a program, a map."""

    def fileno(self) -> int:
        """Its file descriptor."""


File = int | HasFile


class UpdateFlag(IntEnum):
    """When an update is done: always, only for a new key (else EEXIST), only for a key that is there (else ENOENT)."""

    ANY = 0
    NOEXIST = 1
    EXIST = 2


class Map(Descriptor):
    """A map. It lives while it is held: by this object, by a program, by a pin.

    A prog array is emptied by the kernel as soon as no process holds it and it is not pinned, even while programs use it
    (prog_array_map_clear, kernel/bpf/arraymap.c): pin it, or keep it open.
    """

    __slots__ = ("key_size", "max_entries", "name", "type", "value_size")

    def __init__(self, fd: int) -> None:
        """Take ownership of `fd`, which is a map's."""
        super().__init__(fd)
        info = syscalls.map_info(fd)
        self.name = info.name
        self.type = MapType(info.type)
        self.key_size = info.key_size
        self.value_size = info.value_size
        self.max_entries = info.max_entries

    @classmethod
    def from_pin(cls, path: Path) -> Self:
        """The map pinned at `path`."""
        return cls(open_pin(path, ObjectKind.MAP))

    @classmethod
    def from_id(cls, identifier: int) -> Self:
        """The map with that id."""
        return cls(syscalls.get_fd_by_id(ObjectKind.MAP, identifier))

    def info(self) -> MapInfo:
        """What the kernel says of it now."""
        return syscalls.map_info(self.fileno())

    def lookup(self, key: bytes | File) -> bytes | None:
        """The value at `key`, None when there is none."""
        return syscalls.map_lookup(self.fileno(), self._key(key), space=self._plain_space())

    def update(self, key: bytes | File, value: bytes | File, flag: UpdateFlag = UpdateFlag.ANY) -> None:
        """Set the value at `key`."""
        syscalls.map_update(self.fileno(), self._key(key), self._value(value), flag)

    def delete(self, key: bytes | File) -> bool:
        """Whether `key` was there; it is not any more."""
        return syscalls.map_delete(self.fileno(), self._key(key))

    def push(self, value: bytes) -> None:
        """Put `value` at a queue's end, on a stack's top, into a bloom filter. KernelError E2BIG when the queue or stack is full."""
        self._check_type(KEYLESS, "push")
        syscalls.map_update(self.fileno(), b"", self._value(value), UpdateFlag.ANY)

    def pop(self) -> bytes | None:
        """A queue's first or a stack's topmost value, taken out; None when it is empty."""
        self._check_type(_IN_ORDER, "pop")
        return syscalls.map_take(self.fileno(), b"", space=self.value_size)

    def peek(self) -> bytes | None:
        """A queue's first or a stack's topmost value, left there; None when it is empty."""
        self._check_type(_IN_ORDER, "peek")
        return syscalls.map_lookup(self.fileno(), b"", space=self.value_size)

    def may_have(self, value: bytes) -> bool:
        """Whether `value` is perhaps in a bloom filter; False is certain."""
        self._check_type({MapType.BLOOM_FILTER}, "may_have")
        return syscalls.map_has_value(self.fileno(), self._value(value))

    def keys(self) -> Iterator[bytes]:
        """Every key, as `items` gives them."""
        space = self._space()
        return (key for key, _ in self._pairs(space))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value), in no order. What stays in the map meanwhile is given once; what comes or goes, once or not at all."""
        return self._pairs(self._plain_space())

    def lookup_per_cpu(self, key: bytes) -> list[bytes] | None:
        """The value at `key` of each possible CPU, None when there is none."""
        found = syscalls.map_lookup(self.fileno(), self._key(key), space=self._per_cpu_space())
        return None if found is None else self._by_cpu(found)

    def update_per_cpu(self, key: bytes, values: Sequence[bytes], flag: UpdateFlag = UpdateFlag.ANY) -> None:
        """Set the value at `key` of each possible CPU."""
        encoded, space = self._key(key), self._per_cpu_space()
        if len(values) != possible_cpus() or any(len(value) != self.value_size for value in values):
            raise ValueError(f"map {self.name!r} takes {possible_cpus()} values of {self.value_size} bytes")
        width = space // possible_cpus()
        syscalls.map_update(self.fileno(), encoded, b"".join(value.ljust(width, b"\0") for value in values), flag)

    def items_per_cpu(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """As `items`, with each possible CPU's value."""
        return ((key, self._by_cpu(found)) for key, found in self._pairs(self._per_cpu_space()))

    def freeze(self) -> None:
        """No more changes from user space, for ever."""
        syscalls.map_freeze(self.fileno())

    def _key(self, key: bytes | File) -> bytes:
        """The bytes that stand for `key`."""
        if self.type in KEYLESS:
            raise TypeError(f"map {self.name!r} ({self.type.name}) has no keys: use push, pop, peek or may_have")
        if not isinstance(key, bytes):
            if self.type not in KEYED_BY_FILES:
                raise TypeError(f"map {self.name!r} ({self.type.name}) has keys of bytes, not {type(key).__name__}")
            return struct.pack("=I", _number(key))
        if len(key) != self.key_size:
            raise ValueError(f"map {self.name!r} has keys of {self.key_size} bytes, not {len(key)}")
        return key

    def _value(self, value: bytes | File) -> bytes:
        """The bytes that stand for `value` on the way in."""
        takes = Descriptor if self.type in HOLDS_PROGRAMS | HOLDS_MAPS else object if self.type in HOLDS_FILES else bytes
        if not isinstance(value, takes):
            raise TypeError(f"map {self.name!r} ({self.type.name}) does not hold {type(value).__name__}")
        encoded = value if isinstance(value, bytes) else _number(value).to_bytes(self.value_size, sys.byteorder)
        if len(encoded) != self._plain_space():
            raise ValueError(f"map {self.name!r} has values of {self.value_size} bytes, not {len(encoded)}")
        return encoded

    def _check_type(self, kinds: Collection[MapType], what: str) -> None:
        if self.type not in kinds:
            raise TypeError(f"map {self.name!r} ({self.type.name}) has no {what}: that is for {', '.join(sorted(each.name for each in kinds))}")

    def _space(self) -> int:
        """How many bytes the kernel writes for one lookup."""
        return (self.value_size + 7) // 8 * 8 * possible_cpus() if self.type in PER_CPU else self.value_size

    def _plain_space(self) -> int:
        if self.type in PER_CPU:
            raise TypeError(f"map {self.name!r} has a value per CPU: use lookup_per_cpu, update_per_cpu, items_per_cpu")
        return self._space()

    def _per_cpu_space(self) -> int:
        if self.type not in PER_CPU:
            raise TypeError(f"map {self.name!r} ({self.type.name}) has one value for all CPUs: use lookup, update, items")
        return self._space()

    def _by_cpu(self, found: bytes) -> list[bytes]:
        width = len(found) // possible_cpus()
        return [found[start : start + self.value_size] for start in range(0, len(found), width)]

    def _pairs(self, space: int) -> Iterator[tuple[bytes, bytes]]:
        return self._batches(space) if self.type in _BATCHED else self._walk(space)

    def _batches(self, space: int) -> Iterator[tuple[bytes, bytes]]:
        """Bucket by bucket (kernel 5.6): a deleted key cannot send the reader back to the start, as it does in _walk."""
        cursor, is_last, count = None, False, min(_FIRST_BATCH, self.max_entries)
        while not is_last:
            try:
                keys, values, got, cursor, is_last = syscalls.map_lookup_batch(
                    self.fileno(), cursor, count=count, key_size=self.key_size, space=space
                )
            except KernelError as error:
                if error.errno != errno.ENOSPC or count >= 2 * self.max_entries:
                    raise
                count *= 2  # one bucket holds more than `count`
                continue
            for index in range(got):
                yield keys[index * self.key_size : (index + 1) * self.key_size], values[index * space : (index + 1) * space]

    def _walk(self, space: int) -> Iterator[tuple[bytes, bytes]]:
        """Key by key. When a trie has lost the key at hand it starts again; what was given is not given twice."""
        given: set[bytes] = set()
        steps_left = 8 * self.max_entries + 1024
        key = syscalls.map_get_next_key(self.fileno(), None, key_size=self.key_size)
        while key is not None:
            found = None if key in given else syscalls.map_lookup(self.fileno(), key, space=space)
            given.add(key)
            if found is not None:
                yield key, found
            steps_left -= 1
            if not steps_left:
                raise KernelError("BPF_MAP_GET_NEXT_KEY", errno.EAGAIN, f"map {self.name!r} changes faster than it can be read")
            key = syscalls.map_get_next_key(self.fileno(), key, key_size=self.key_size)


def create(spec: MapSpec, *, btf_fd: int = 0) -> Map:
    """A new map as `spec` wants it, empty: `contents` and `slots` are the caller's to fill in. `btf_fd` 0 means: without types.

    A perf event array without a size gets a slot for each possible CPU.
    """
    if spec.type is MapType.PERF_EVENT_ARRAY and not spec.max_entries:
        spec = replace(spec, max_entries=possible_cpus())
    typed = btf_fd if spec.type in WITH_BTF and (spec.key_type_id or spec.value_type_id) else 0
    inner = create(spec.inner, btf_fd=btf_fd) if spec.inner is not None else None
    try:
        fd = syscalls.map_create(
            kernel_name(spec.name), spec.type, key_size=spec.key_size, value_size=spec.value_size, max_entries=spec.max_entries,
            flags=spec.flags, extra=spec.extra, inner_fd=inner.fileno() if inner is not None else 0, btf_fd=typed,
            key_type_id=spec.key_type_id if typed else 0, value_type_id=spec.value_type_id if typed else 0,
        )  # fmt: skip
    except KernelError as error:
        raise KernelError(error.command, error.errno or 0, f"map {spec.name!r}") from error
    finally:
        if inner is not None:
            inner.close()
    return Map(fd)


def _number(file: File) -> int:
    return file if isinstance(file, int) else file.fileno()


@cache
def possible_cpus() -> int:
    """How many CPUs this machine can ever have: the length of a per-CPU value."""
    ranges = [part.split("-") for part in _POSSIBLE_CPUS.read_text().strip().split(",")]
    return sum(int(each[-1]) - int(each[0]) + 1 for each in ranges)
