"""The control word: one store, and every packet from then on is judged by other columns.

A packet reads the word once. So after a store, once every CPU has left the programs it was in, no packet is judged by the word
before: that is what `grace` waits for (an RCU grace period, by membarrier(2)), and what was used only before may be changed.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import platform
from typing import Final

from pybpf.errors import KernelError
from pybpf.kernel_progs.numbers import BOTH_COLUMNS, COLUMN_BITS
from pybpf.maps import Map

_MEMBARRIER: Final = {"x86_64": 324, "aarch64": 283}
_GLOBAL: Final = 1  # MEMBARRIER_CMD_GLOBAL: synchronize_rcu() in kernel/sched/membarrier.c
_C: Final = ctypes.CDLL(None, use_errno=True)


def grace() -> None:
    """Return once every program that ran when this was called has ended. Raises KernelError."""
    if _C.syscall(_MEMBARRIER[platform.machine()], _GLOBAL, 0, 0) != 0:
        number = ctypes.get_errno() or errno.EINVAL
        raise KernelError("membarrier(MEMBARRIER_CMD_GLOBAL)", number, "it is needed to change policy while packets flow")


class ControlWord:
    """The word in the kernel's memory, mapped. Owned by whoever made it; close it before the map goes."""

    def __init__(self, control: Map) -> None:
        self._memory = mmap.mmap(control.fileno(), mmap.PAGESIZE)
        self._word = ctypes.c_uint64.from_buffer(self._memory)

    @property
    def value(self) -> int:
        """The word as it is now."""
        return self._word.value

    @property
    def columns(self) -> int:
        """The columns that count: bits."""
        return self.value & BOTH_COLUMNS

    def set(self, revision: int, columns: int) -> None:
        """One aligned store of eight bytes."""
        self._word.value = revision << COLUMN_BITS | columns

    @property
    def revision(self) -> int:
        """How often it was changed."""
        return self.value >> COLUMN_BITS

    def close(self) -> None:
        """Let go of the memory. Closing twice does nothing."""
        if not self._memory.closed:
            del self._word
            self._memory.close()
