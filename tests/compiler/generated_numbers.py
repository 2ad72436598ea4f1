"""Expressions of generated programs: their text, and from where to where they can be in CPython.

An EXACT expression is cut back, by a mask or by `wrap`, wherever its bounds leave 64 bits; a WRAPPING one is left to
wrap. Bounds are computed here by plain interval arithmetic, so as not to believe the compiler what it is tested on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Final

from tests.compiler.generated_header import CONSTANTS, FIELDS, RANGES, TABLES

U64, S64 = RANGES["u64"], RANGES["s64"]
INTERESTING: Final = (0, 1, 2, 7, 255, 256, 65535, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 63, U64[1], -1, -2, -128, -(1 << 31), -(1 << 63))


class Kind(Enum):
    """How numbers that leave their range are treated."""

    EXACT = auto()
    WRAPPING = auto()


@dataclass(frozen=True, slots=True)
class Number:
    """An expression, safe to stand anywhere, and its bounds."""

    text: str
    low: int
    high: int


@dataclass
class Expressions:
    """Makes expressions up. `names` are the variables that can be read where it stands, with their bounds."""

    chance: Random
    kind: Kind
    names: dict[str, tuple[int, int]] = field(default_factory=dict)
    fresh: int = 0

    def new(self, stem: str) -> str:
        """A name that nothing has yet."""
        self.fresh += 1
        return f"{stem}{self.fresh}"

    def number(self, depth: int = 2) -> Number:
        """Any number; at most `depth` operators deep."""
        if depth <= 0 or self.chance.random() < 0.2:
            return self.leaf()
        make = self.chance.choices([each for each, _ in _MAKERS], [weight for _, weight in _MAKERS])[0]
        return make(self, depth - 1)

    def leaf(self) -> Number:
        """A variable, a field, a constant."""
        which = self.chance.random()
        if which < 0.4 and self.names:
            name = self.chance.choice(sorted(self.names))
            return Number(name, *self.names[name])
        if which < 0.7:
            name, kind = self.chance.choice(sorted((FIELDS | CONSTANTS).items()))
            return Number(name, *RANGES[kind])
        value = self.chance.choice(INTERESTING) if which < 0.8 else self.chance.randint(-20, 300)
        return Number(str(value) if value >= 0 else f"({value})", value, value)

    def fitted(self, number: Number, kind: str) -> Number:
        """`number` as one that a field of this type can hold."""
        low, high = RANGES[kind]
        if low <= number.low and number.high <= high and self.chance.random() < 0.9:
            return number
        if low == 0 and self.chance.random() < 0.5:
            return Number(f"({number.text} & {high:#x})", low, high)
        return Number(f"wrap({kind}, {number.text})", low, high)

    def stored(self, kind: str, depth: int = 2) -> str:
        """A number to be stored as this type. A store keeps the lower bits, but in CPython it has to fit."""
        number = self.number(depth)
        return number.text if self.kind is Kind.WRAPPING and self.chance.random() < 0.5 else self.fitted(number, kind).text

    def below(self, count: int, depth: int = 1) -> Number:
        """A number from 0 to `count - 1`; `count` is a power of two."""
        number = self.number(depth)
        if number.low >= 0 and number.high < count:
            return number
        match self.chance.randrange(5):
            case 0:
                return Number(f"({number.text} % {count})", 0, count - 1)
            case 1 if number.low >= 0:
                return Number(f"({number.text} // {number.high // count + 1})", 0, count - 1)
            case _:
                return Number(f"({number.text} & {count - 1})", 0, count - 1)

    def truth(self, depth: int = 1) -> str:
        """A bool."""
        if depth <= 0 or self.chance.random() < 0.4:
            return self.comparison()
        match self.chance.randrange(8):
            case 0 | 1:
                return f"({self.truth(depth - 1)} {self.chance.choice(['and', 'or'])} {self.truth(depth - 1)})"
            case 2:
                return f"(not {self.truth(depth - 1)})"
            case 3:
                return f"both({self.truth(depth - 1)}, {self.fitted(self.number(1), 'u64').text})"
            case 4:
                return f"({self.truth(depth - 1)} {self.chance.choice(['==', '!='])} {self.truth(depth - 1)})"
            case 5:
                return "flag"
            case _:
                return self.comparison()

    def comparison(self) -> str:
        """A comparison of two numbers that 64 bits can compare, or a chain of three."""
        left, right = self.together(self.number(1), self.number(1))
        operators = ["==", "!=", "<", "<=", ">", ">="]
        if self.chance.random() < 0.3:
            middle, last = self.together(right, self.number(1))
            if middle == right:
                return f"({left.text} {self.chance.choice(operators)} {right.text} {self.chance.choice(operators)} {last.text})"
        return f"({left.text} {self.chance.choice(operators)} {right.text})"

    def together(self, left: Number, right: Number) -> tuple[Number, Number]:
        """The same, unless one may be below zero and the other above 2^63 - 1: then one of them is wrapped."""
        if min(left.low, right.low) >= 0 or max(left.high, right.high) <= S64[1]:
            return left, right
        kind, (low, high) = self.chance.choice([("u64", U64), ("s64", S64)])
        cut = [each if low <= each.low and each.high <= high else Number(f"wrap({kind}, {each.text})", low, high) for each in (left, right)]
        return cut[0], cut[1]

    def kept(self, text: str, low: int, high: int, *operands: Number) -> Number:
        """A result with these bounds in Python; cut back, or known to wrap, where 64 bits do not hold it."""
        if (low >= 0 and high <= U64[1]) or (low >= S64[0] and high <= S64[1]):
            return Number(f"({text})", low, high)
        is_unsigned = all(each.low >= 0 for each in operands)
        if self.kind is Kind.EXACT:
            return self.fitted(Number(f"({text})", low, high), self.chance.choice(["u64", "u32", "s64", "s32"] if self.chance.random() < 0.5 else ["u64"]))
        return Number(f"({text})", *(U64 if is_unsigned else S64))


def _corners(self: Expressions, operator: str, left: Number, right: Number, compute: Callable[[int, int], int]) -> Number:
    values = [compute(one, two) for one in (left.low, left.high) for two in (right.low, right.high)]
    return self.kept(f"{left.text} {operator} {right.text}", min(values), max(values), left, right)


def _sum(self: Expressions, depth: int) -> Number:
    left, right = self.together(self.number(depth), self.number(depth))
    match self.chance.randrange(3):
        case 0:
            return _corners(self, "+", left, right, lambda one, two: one + two)
        case 1:
            return _corners(self, "-", left, right, lambda one, two: one - two)
        case _:
            return _corners(self, "*", left, right, lambda one, two: one * two)


def _bits(self: Expressions, depth: int) -> Number:
    left, right = self.together(self.number(depth), self.number(depth))
    size = 1 << max(_length(left), _length(right))
    operator = self.chance.choice("&|^")
    is_signed = left.low < 0 or right.low < 0
    if operator == "&":
        high = min([each.high for each in (left, right) if each.low >= 0], default=size - 1)
        return self.kept(f"{left.text} & {right.text}", -size if left.low < 0 and right.low < 0 else 0, high, left, right)
    return self.kept(f"{left.text} {operator} {right.text}", -size if is_signed else 0, size - 1, left, right)


def _length(number: Number) -> int:
    return max(number.high.bit_length(), (~number.low).bit_length() if number.low < 0 else 0)


def _division(self: Expressions, depth: int) -> Number:
    left = self.number(depth)
    if self.chance.random() < 0.7:
        by = self.chance.choice([1, 2, 3, 7, 8, 10, 13, 256, 1000, 1 << 32, S64[1]])
        right = Number(str(by), by, by)
    else:
        small = self.below(64)
        right = Number(f"({small.text} + 1)", 1, 64)
    if self.chance.random() < 0.5:
        return Number(f"({left.text} % {right.text})", 0, right.high - 1)
    return _corners(self, "//", left, right, lambda one, two: one // two)


def _shift(self: Expressions, depth: int) -> Number:
    left = self.number(depth)
    by = self.chance.choice([0, 1, 3, 8, 31, 32, 33, 63])
    right = Number(str(by), by, by) if self.chance.random() < 0.6 else self.below(64)
    if self.chance.random() < 0.5:
        return _corners(self, ">>", left, right, lambda one, two: one >> two)
    return _corners(self, "<<", left, right, lambda one, two: one << two)


def _unary(self: Expressions, depth: int) -> Number:
    value = self.number(depth)
    if self.chance.random() < 0.5:
        return self.kept(f"~{value.text}", ~value.high, ~value.low, value)
    if value.low < 0 and value.high > S64[1]:
        return value
    return self.kept(f"-{value.text}", -value.high, -value.low, value)


def _wrapped(self: Expressions, depth: int) -> Number:
    if self.chance.random() < 0.3:
        bits = self.chance.choice([16, 32, 64])
        return Number(f"swap{bits}({self.number(depth).text})", *RANGES[f"u{bits}"])
    kind = self.chance.choice(sorted(RANGES))
    return Number(f"wrap({kind}, {self.number(depth).text})", *RANGES[kind])


def _choice(self: Expressions, depth: int) -> Number:
    left, right = self.together(self.number(depth), self.number(depth))
    return Number(f"({left.text} if {self.truth()} else {right.text})", min(left.low, right.low), max(left.high, right.high))


def _guarded(self: Expressions, depth: int) -> Number:
    """A value that the condition before it makes safe."""
    if not self.names:
        return self.leaf()
    name = self.chance.choice(sorted(self.names))
    high = self.names[name][1]
    other = self.number(depth)
    match self.chance.randrange(4):
        case 0 if high > 0:
            left, right = self.together(other, Number("1", 1, 1))
            return Number(f"({left.text} // {name} if {name} > 0 else {right.text})", min(left.low, 0), max(left.high, 1))
        case 1 if high > 0:
            return Number(f"({other.text} % {name} if {name} > 0 else 3)", 0, max(high - 1, 3))
        case 2:
            table, (count, kind) = self.chance.choice(sorted(TABLES.items()))
            bottom = self.chance.randrange(count)
            shifted = f"{table}[{name} - {bottom}]" if bottom else f"{table}[{name}]"
            return Number(f"({shifted} if {bottom} <= {name} < {bottom + self.chance.randint(1, count - bottom)} else 1)", min(RANGES[kind][0], 1), RANGES[kind][1])
        case _:
            bound, fits = self.new("w"), self.fitted(other if other.low < other.high else self.below(256), "u32")
            return Number(f"(octets[{bound}] if ({bound} := {fits.text}) < {self.chance.choice([1, 100, 256])} else {bound})", 0, RANGES["u32"][1])


def _element(self: Expressions, depth: int) -> Number:
    if self.chance.random() < 0.2:
        return Number(f"cell.bytes_.word({self.below(8, depth).text})", *U64)
    table, (count, kind) = self.chance.choice(sorted(TABLES.items()))
    return Number(f"{table}[{self.below(count, depth).text}]", *RANGES[kind])


def _call(self: Expressions, depth: int) -> Number:
    one, two = self.number(depth), self.number(depth)
    match self.chance.randrange(5):
        case 0:
            return Number(f"twist(cell, {self.fitted(one, 'u64').text}, {self.fitted(two, 'u64').text})", *U64)
        case 1:
            return Number(f"digit({self.fitted(one, 'u64').text})", *RANGES["u8"])
        case 2:
            return Number(f"octet({self.fitted(one, 'u8').text})", *RANGES["u8"])
        case 3:
            return Number(f"scale({self.fitted(one, 'u32').text}, {self.fitted(two, 's16').text})", *S64)
        case _:
            return Number(f"rest({self.fitted(one, 's64').text}, {self.fitted(two, 'u8').text})", *RANGES["u8"])


_MAKERS: tuple[tuple[Callable[[Expressions, int], Number], int], ...] = (
    (_sum, 5), (_bits, 3), (_division, 3), (_shift, 3), (_unary, 1), (_wrapped, 3), (_choice, 1), (_guarded, 2), (_element, 3), (_call, 2),
)  # fmt: skip
