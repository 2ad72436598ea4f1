"""Values -> numbers, for as long as they are used: equal values share one, and a number that is given back is given out again.

What goes to disk is state of these, so they hold nothing but values and numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class TableFull(RuntimeError):
    """A table of the kernel has no room for what the policies need."""


class Numbering(Generic[T]):
    """Numbers from `first` to below `end`; the lowest free one is given."""

    def __init__(self, what: str, first: int, end: int) -> None:
        self._what, self._end = what, end
        self._next, self._free = first, [0][:0]
        self._first = first
        self.numbers: dict[T, int] = {}

    def number(self, value: T) -> int:
        """The value's number, a new one if it has none. Raises TableFull."""
        found = self.numbers.get(value)
        if found is None:
            found = self._free.pop() if self._free else self._next
            if found >= self._end:
                raise TableFull(f"{self._what}: all {self._end - self._first} are in use, and the policies need more")
            self._next = max(self._next, found + 1)
            self.numbers[value] = found
        return found

    def keep(self, used: Iterable[T]) -> list[int]:
        """Give back the numbers of all other values; they are returned. Only once nothing in the kernel refers to them."""
        kept = set(used)
        gone = [value for value in self.numbers if value not in kept]
        freed = [self.numbers.pop(value) for value in gone]
        self._free = sorted([*self._free, *freed], reverse=True)
        return freed


class Shared(Generic[T]):
    """Numbers from `first` to below `end` that are counted: one is free again once everybody who took it has given it back."""

    def __init__(self, what: str, first: int, end: int) -> None:
        self._what, self._first, self._end = what, first, end
        self._next = first
        self._free: list[int] = []
        self._taken: dict[T, tuple[int, int]] = {}

    @property
    def used(self) -> int:
        """How many numbers are taken."""
        return len(self._taken)

    def take(self, value: T) -> tuple[int, bool]:
        """The value's number, and whether nobody had it. Raises TableFull."""
        found, uses = self._taken.get(value, (-1, 0))
        if not uses:
            found = self._free.pop() if self._free else self._next
            if found >= self._end:
                raise TableFull(f"{self._what}: all {self._end - self._first} are in use, and the policies need more")
            self._next = max(self._next, found + 1)
        self._taken[value] = found, uses + 1
        return found, not uses

    def give_back(self, value: T) -> None:
        """One who took it does not use it any more."""
        found, uses = self._taken.pop(value)
        if uses > 1:
            self._taken[value] = found, uses - 1
        else:
            self._free.append(found)
