"""What the IR's operators mean on numbers: 64-bit words that wrap. Folding and the interpreter both ask here."""

from __future__ import annotations

import operator
from collections.abc import Callable

WORD_MAX = (1 << 64) - 1

BINARY: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.floordiv,
    "mod": operator.mod,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "shl": operator.lshift,
    "shr": operator.rshift,
}
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compute(name: str, left: int, right: int) -> int:
    """`left name right` on words, wrapped to 64 bits. Divisors are never 0, shifts below 64: the front end saw to it."""
    return BINARY[name](left, right) & WORD_MAX
