"""What the IR's operators mean on numbers, and which numbers they can give. Folding, the interpreter and the checker all ask here.

A result is the one Python computes wherever it fits 64 bits. Where it may not fit, it wraps: between unsigned
numbers to an unsigned one, else to a signed one. `//` and `%` round down and `>>` keeps the sign, as Python's do.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace

from pybpf.compiler.ir.types import Word

WORD_MAX = (1 << 64) - 1
SIGNED_MAX = (1 << 63) - 1
SIGNED_MIN = -(1 << 63)
UNSIGNED = Word()
SIGNED = Word(SIGNED_MIN, SIGNED_MAX)

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


class SignClash(Exception):
    """A number that may be below zero meets one that may be above 2^63 - 1: no 64 bits hold both."""


def wrapped(kind: Word, value: int) -> int:
    """`value` as 64 bits of this kind hold it."""
    value &= WORD_MAX
    return value - (1 << 64) if kind.signed and value > SIGNED_MAX else value


def compute(name: str, kind: Word, left: int, right: int) -> int:
    """`left name right` as a number of `kind`. Divisors are above 0, shifts below 64: the front end saw to it."""
    return wrapped(kind, BINARY[name](left, right))


def result(name: str, left: Word, right: Word) -> Word:
    """Every number `left name right` can be. Raises SignClash when 64 bits cannot hold what Python would compute with."""
    low, high = _BOUNDS[name](left, right)
    return _fitted(low, high, _is_seen(name, left, right), left, right)


def inverted(value: Word) -> Word:
    """Every number `~value` can be: -value - 1 where that fits, else with all 64 bits flipped."""
    return _fitted(-value.high - 1, -value.low - 1, False, value, value)


def negated(value: Word) -> Word:
    """Every number `-value` can be."""
    return _fitted(-value.high, -value.low, False, value, value)


def comparable(left: Word, right: Word) -> bool:
    """Whether one comparison instruction decides as Python does."""
    return not (left.signed and right.high > SIGNED_MAX) and not (right.signed and left.high > SIGNED_MAX)


def union(left: Word, right: Word) -> Word | None:
    """Every number of either; None when 64 bits cannot hold all of them. A bound that is only assumed gives way."""
    if not comparable(left, right):
        return replace(SIGNED, seen=False) if (left if right.signed else right).assumed else None
    return Word(min(left.low, right.low), max(left.high, right.high), left.seen and right.seen, left.assumed or right.assumed, left.fell or right.fell)


def widened(head: Word, end: Word) -> Word | None:
    """What a number is in every round of a loop, when it is `head` before one and may be `end` after it; None when no 64
    bits hold both. A bound that moves is given up: the lower one for zero at first, for it may stop there."""
    met = union(head, end)
    if met is None:
        return None
    low = head.low if met.low == head.low else 0 if met.low >= 0 else SIGNED_MIN
    high = head.high if met.high == head.high else SIGNED_MAX if low < 0 else WORD_MAX
    return Word(low, high, seen=False, assumed=met.assumed or met.high != head.high, fell=met.fell)


def _fitted(low: int, high: int, seen: bool, left: Word, right: Word) -> Word:
    """The range [low, high] where 64 bits hold it, else the kind it wraps to."""
    assumed = left.assumed or right.assumed
    if (low >= 0 and high <= WORD_MAX) or (low >= SIGNED_MIN and high <= SIGNED_MAX):
        return Word(low, high, seen, assumed and high > SIGNED_MAX)
    if not left.signed and not right.signed:
        return SIGNED if low < 0 and assumed else replace(UNSIGNED, assumed=assumed, fell=low < 0 or left.fell or right.fell)
    if left.high > SIGNED_MAX or right.high > SIGNED_MAX:
        raise SignClash
    return SIGNED


def _is_seen(name: str, left: Word, right: Word) -> bool:
    """Whether the verifier follows the bounds. Of a quotient or remainder it knows nothing, but by a power of two
    they are a shift and a mask; of a shift it knows the result only where the amount is a constant. What it knows
    of signed numbers depends on how LLVM writes them, so nothing is counted on. A mask counts where it says more
    than is known without it: else LLVM drops it."""
    constant = right.low == right.high
    if name == "and":
        unsigned = [each for each in (left, right) if not each.signed]
        return bool(unsigned) and all(each.seen for each in unsigned if each.high == min(one.high for one in unsigned))
    if name == "mod" and constant and right.high & (right.high - 1) == 0 and right.high <= left.high:
        return not left.signed
    if left.signed or right.signed or not (left.seen and right.seen):
        return False
    match name:
        case "div" | "mod":
            return constant and right.low & (right.low - 1) == 0
        case "shl" | "shr":
            return constant
        case _:
            return True


def _corners(name: str) -> Callable[[Word, Word], tuple[int, int]]:
    """Bounds of an operator that is monotonic in each operand: they lie at the corners."""

    def bounds(left: Word, right: Word) -> tuple[int, int]:
        values = [BINARY[name](one, two) for one in (left.low, left.high) for two in (right.low, right.high)]
        return min(values), max(values)

    return bounds


def _mod(left: Word, right: Word) -> tuple[int, int]:
    return (0, right.high - 1) if left.signed else (0, min(left.high, right.high - 1))


def _and(left: Word, right: Word) -> tuple[int, int]:
    if left.signed and right.signed:
        return -(1 << max(_bits(left), _bits(right))), max(left.high, right.high)
    return 0, min(each.high for each in (left, right) if not each.signed)


def _either(left: Word, right: Word) -> tuple[int, int]:
    """Of `|` and `^`: no bit above the highest of the two."""
    bits = max(_bits(left), _bits(right))
    return (-(1 << bits) if left.signed or right.signed else 0), (1 << bits) - 1


def _bits(kind: Word) -> int:
    """How many bits besides the sign its numbers need."""
    return max(kind.high.bit_length(), (~kind.low).bit_length() if kind.signed else 0)


_BOUNDS: dict[str, Callable[[Word, Word], tuple[int, int]]] = {
    **{name: _corners(name) for name in ("add", "sub", "mul", "div", "shl", "shr")},
    "mod": _mod,
    "and": _and,
    "or": _either,
    "xor": _either,
}
