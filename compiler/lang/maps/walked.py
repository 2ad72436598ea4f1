"""Walked: tables that a program can go through entry by entry. A trie is none: the kernel has no way through it."""

from __future__ import annotations

from collections.abc import Callable

from pybpf.compiler.lang.helper import helper
from pybpf.compiler.lang.integers import s64
from pybpf.compiler.lang.maps.parameters import K, V
from pybpf.compiler.lang.maps.table import Table


class Walked(Table[K, V]):
    """Hash maps and arrays, per CPU or not (their map_for_each_callback in kernel/bpf/hashtab.c and arraymap.c)."""

    @helper(164, "self body 0 0", "5.13")
    def for_each(self, body: Callable[[K, V], bool]) -> s64:
        """Call the @callback `body` with each key and value until it returns True: how many times, or below 0 (an error).

        Of a per-CPU map it sees the values of its own CPU. What other CPUs change meanwhile may be seen or not.
        """
        calls = 0
        for key, value in self.items():
            calls += 1
            if body(key, value):
                break
        return calls
