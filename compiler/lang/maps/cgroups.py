"""CgroupArray: control groups that user space put there, to ask whether a task or a packet's socket lies below one."""

from __future__ import annotations

import errno

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import s64, u32
from pybpf.compiler.lang.maps.declaration import U32, Declaration
from pybpf.compiler.lang.maps.facts import MapType


class CgroupArray(Declaration):
    """BPF_MAP_TYPE_CGROUP_ARRAY. Since 4.8.

    Answers are numbers, for there are three: 1 (it lies below), 0 (it does not) and below 0 (there is no such control
    group, or no socket). Compare with `== 1`: a number alone would take an error for a yes. In CPython `slots` has
    the answer for each index that is not empty, as the test set it.
    """

    type = MapType.CGROUP_ARRAY

    def __init__(self, max_entries: int) -> None:
        super().__init__(U32, U32, max_entries)
        self.slots: dict[int, bool] = {}

    @helper(37, "self index", "4.9")
    def contains_current_task(self, index: u32) -> s64:
        """1 when the running task lies at or below the control group at `index`, 0 when not, -E2BIG or -EAGAIN without one."""
        return self._answer(index)

    @helper(33, "packet self index", "4.8")
    def contains_packet(self, packet: Context, index: u32) -> s64:
        """1 when the packet's socket lies at or below the control group at `index`, 0 when not, below 0 without one of them."""
        return self._answer(index)

    def _answer(self, index: int) -> int:
        if index >= self.max_entries:
            return -errno.E2BIG
        return int(self.slots[index]) if index in self.slots else -errno.EAGAIN
