"""SpinLock: a field of a map's value that one CPU holds at a time (bpf_spin_lock, since 5.1).

    class Bucket(Struct):
        lock: SpinLock
        tokens: u64

    with bucket.lock:
        bucket.tokens -= 1

A program holds one at a time, calls nothing meanwhile, and never reads or writes the lock's own bytes.
"""

from __future__ import annotations

from pybpf.compiler.lang.integers import u32
from pybpf.compiler.lang.maps.slots import slot_of
from pybpf.compiler.lang.memory import Struct


class SpinLock(Struct, symbol="bpf_spin_lock"):
    """The lock itself; a value has at most one, and only in a hash, an array or a storage."""

    val: u32

    def __enter__(self) -> None:
        """Wait for the lock. In CPython there is nobody to wait for: holding it already is a RuntimeError."""
        slot = slot_of(self)
        if slot.is_locked:
            raise RuntimeError("this spin lock is held already: in the kernel the CPU would wait for ever")
        slot.is_locked = True

    def __exit__(self, *_error: object) -> None:
        slot_of(self).is_locked = False
