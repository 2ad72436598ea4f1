"""How deep programs may be nested: each operator in a chain of them is one level of the tree, and a few calls that walk it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Python's own limit of 1,000 ends at a chain of 250 `elif`; beyond this one, comparisons in C use up its stack.
DEEPEST: Final = 5_000


@contextmanager
def deep() -> Iterator[None]:
    """Let trees be walked DEEPEST calls deep inside. Raises RecursionError beyond."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
