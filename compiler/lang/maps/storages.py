"""Storages: a value that belongs to an object of the kernel, and goes when the object goes (kernel/bpf/bpf_local_storage.c).

User space reaches the value of an object by a file descriptor of it, an int: that is the key the map is made with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar, cast, overload

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.maps.declaration import S32, Declaration
from pybpf.compiler.lang.maps.facts import MapFlag, MapType
from pybpf.compiler.lang.maps.parameters import V
from pybpf.compiler.lang.maps.slots import Slot
from pybpf.compiler.lang.memory import KernelObject, memory_of
from pybpf.compiler.lang.objects import Cgroup, Inode, SocketCommon, Task

O = TypeVar("O", bound=KernelObject)  # noqa: E741  # the owner, as K is the key and V the value
_TypeOf = type[V]


class _Storage(Declaration, Generic[O, V]):
    """What all storages share; the helpers differ by owner. In CPython an owner is known by its memory."""

    @overload
    def __init__(self, value: _TypeOf[V], *, flags: MapFlag = ...) -> None: ...

    @overload
    def __init__(self, value: object, *, flags: MapFlag = ...) -> None: ...

    def __init__(self, value: object, *, flags: MapFlag = MapFlag.NONE) -> None:
        super().__init__(S32, value, 0, flags=flags | MapFlag.NO_PREALLOC)  # the kernel has no other
        if self.value is None:
            raise TypeError(f"a {type(self).__name__} has values: None is no type of one")
        self._slots: dict[int, tuple[O, Slot]] = {}  # the owner is kept, so that no other has its number

    def __contains__(self, owner: O) -> bool:
        return _identity(owner) in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    def __bool__(self) -> bool:
        return True

    def items(self) -> Iterator[tuple[O, V]]:
        """Every owner with a view on its value; for tests."""
        for owner, slot in list(self._slots.values()):
            yield owner, self._seen(slot)

    def clear(self) -> None:
        """Forget everything; for tests."""
        self._slots.clear()

    def _seen(self, slot: Slot) -> V:
        return cast(V, self.view.view(slot))

    def _found(self, owner: O) -> V | None:
        found = self._slots.get(_identity(owner))
        return None if found is None else self._seen(found[1])

    def _made(self, owner: O) -> V:
        _, slot = self._slots.setdefault(_identity(owner), (owner, Slot(bytes(self.view.size_bytes))))
        return self._seen(slot)

    def _removed(self, owner: O) -> bool:
        return self._slots.pop(_identity(owner), None) is not None


class SocketStorage(_Storage[SocketCommon, V]):
    """BPF_MAP_TYPE_SK_STORAGE: a value for each socket. With MapFlag.CLONE an accepted socket starts with a copy. Since 5.2."""

    type = MapType.SK_STORAGE

    @helper(107, "self owner 0 0", "5.2")
    def get(self, owner: SocketCommon) -> V | None:
        """A view on the value of `owner`, or None when it has none."""
        return self._found(owner)

    @helper(107, "self owner 0 1", "5.2")
    def get_or_create(self, owner: SocketCommon) -> V | None:
        """A view on the value of `owner`, made of zeroes when it had none; None when there is no memory."""
        return self._made(owner)

    @helper(108, "self owner", "5.2")
    def delete(self, owner: SocketCommon) -> bool:
        """Remove the value of `owner`; False when it had none."""
        return self._removed(owner)


class TaskStorage(_Storage[Task, V]):
    """BPF_MAP_TYPE_TASK_STORAGE: a value for each thread. Since 5.11."""

    type = MapType.TASK_STORAGE

    @helper(156, "self owner 0 0", "5.11")
    def get(self, owner: Task) -> V | None:
        """A view on the value of `owner`, or None when it has none."""
        return self._found(owner)

    @helper(156, "self owner 0 1", "5.11")
    def get_or_create(self, owner: Task) -> V | None:
        """A view on the value of `owner`, made of zeroes when it had none; None when there is no memory."""
        return self._made(owner)

    @helper(157, "self owner", "5.11")
    def delete(self, owner: Task) -> bool:
        """Remove the value of `owner`; False when it had none."""
        return self._removed(owner)


class InodeStorage(_Storage[Inode, V]):
    """BPF_MAP_TYPE_INODE_STORAGE: a value for each inode. Since 5.10."""

    type = MapType.INODE_STORAGE

    @helper(145, "self owner 0 0", "5.10")
    def get(self, owner: Inode) -> V | None:
        """A view on the value of `owner`, or None when it has none."""
        return self._found(owner)

    @helper(145, "self owner 0 1", "5.10")
    def get_or_create(self, owner: Inode) -> V | None:
        """A view on the value of `owner`, made of zeroes when it had none; None when there is no memory."""
        return self._made(owner)

    @helper(146, "self owner", "5.10")
    def delete(self, owner: Inode) -> bool:
        """Remove the value of `owner`; False when it had none."""
        return self._removed(owner)


class CgroupStorage(_Storage[Cgroup, V]):
    """BPF_MAP_TYPE_CGRP_STORAGE: a value for each control group. Since 6.2."""

    type = MapType.CGRP_STORAGE

    @helper(210, "self owner 0 0", "6.2")
    def get(self, owner: Cgroup) -> V | None:
        """A view on the value of `owner`, or None when it has none."""
        return self._found(owner)

    @helper(210, "self owner 0 1", "6.2")
    def get_or_create(self, owner: Cgroup) -> V | None:
        """A view on the value of `owner`, made of zeroes when it had none; None when there is no memory."""
        return self._made(owner)

    @helper(211, "self owner", "6.2")
    def delete(self, owner: Cgroup) -> bool:
        """Remove the value of `owner`; False when it had none."""
        return self._removed(owner)


def _identity(owner: KernelObject) -> int:
    """What tells an object from others of its kind: which memory it is, not what the memory holds."""
    return id(memory_of(owner).obj)
