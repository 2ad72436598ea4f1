"""Statements of generated programs, as lines: assignments, branches, loops, maps, what lies in them and around them.

Loops go round at most four times and have little in them: the verifier follows every way through every round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.compiler.generated_header import ARRAYS, ATOMIC, FIELDS, RANGES, VARIABLES
from tests.compiler.generated_numbers import Expressions, Kind, Number

Lines = list[str]


@dataclass
class Statements(Expressions):
    """Makes statements up. Where a program stands decides what it may say: how deep it is, and inside of how many loops."""

    loops: int = 0
    is_declared: bool = True

    def block(self, most: int, depth: int) -> Lines:
        """Up to `most` statements. Names that are set in them are known only in them."""
        before = dict(self.names)
        made: Lines = []
        for _ in range(self.chance.randint(1, most)):
            made += self.statement(depth)
        self.names = before
        return made

    def statement(self, depth: int) -> Lines:
        """Any statement, with at most `depth` blocks in one another."""
        table = _PLAIN if depth <= 0 else _PLAIN + _NESTED
        make = self.chance.choices([each for each, _ in table], [weight for _, weight in table])[0]
        return make(self, depth - 1)

    def variable(self) -> tuple[str, str]:
        """(a variable that lives through the program, its type)."""
        name = self.chance.choice(sorted(VARIABLES))
        return name, VARIABLES[name][0]

    def ending(self) -> Lines:
        """What may stand at the end of a block: on, out, again, or away."""
        ends = [[], [], ["return wrap(u32, a)"]]
        if self.loops:
            ends += [["break"], ["continue"], [], []]
        return self.chance.choice(ends)


def program(seed: str, kind: Kind) -> Lines:
    """The body of a program, between prologue and epilogue. The same seed gives the same one."""
    chance = Random(seed)
    made = Statements(chance, kind, is_declared=chance.random() < 0.7)
    made.names = {name: RANGES[of] for name, (of, _) in VARIABLES.items()}
    start = [f"{name}: {of} = {value}" if made.is_declared else f"{name} = {value}" for name, (of, value) in VARIABLES.items()]
    return [*start, *made.block(7, 2)]


def indented(lines: Lines) -> Lines:
    """One level deeper."""
    return [f"    {line}" for line in lines]


def _assign(self: Statements, depth: int) -> Lines:
    name, kind = self.variable()
    number = self.fitted(self.number(3), kind)
    if self.chance.random() < 0.15:
        other = self.new("v")
        self.names[other] = (number.low, number.high)
        return [f"{other} = {name} = {number.text}"]
    return [f"{name} = {number.text}"]


def _keep(self: Statements, depth: int) -> Lines:
    """A new variable: nothing is cut off, its bounds are what the expression gives it."""
    number, name = self.number(3), self.new("v")
    self.names[name] = (number.low, number.high)
    return [f"{name} = {number.text}"]


def _augment(self: Statements, depth: int) -> Lines:
    name, kind = self.variable()
    match self.chance.randrange(3):
        case 0 if kind[0] == "u":
            return [f"{name} {self.chance.choice(['^=', '|=', '&='])} {self.fitted(self.number(), kind).text}"]
        case 1:
            return [f"{name} //= {self.chance.choice([1, 2, 7, 256])}"]
        case _:
            return [f"{name} >>= {self.below(32).text}"]


def _store(self: Statements, depth: int) -> Lines:
    place, kind = self.chance.choice(sorted(FIELDS.items()))
    if self.chance.random() < 0.3 and kind[0] == "u":
        return [f"{place} {self.chance.choice(['^=', '|=', '&='])} {self.fitted(self.number(), kind).text}"]
    if self.chance.random() < 0.2:
        return [f"{place} {self.chance.choice(['//=', '%='])} {self.chance.randint(1, 127)}"]
    return [f"{place} = {self.stored(kind)}"]


def _element(self: Statements, depth: int) -> Lines:
    array, (count, kind) = self.chance.choice(sorted(ARRAYS.items()))
    place = f"{array}[{self.below(count).text}]"
    if self.chance.random() < 0.4 and kind[0] == "u":
        return [f"{place} {self.chance.choice(['^=', '|=', '&='])} {self.fitted(self.number(), kind).text}"]
    return [f"{place} = {self.stored(kind)}"]


def _flag(self: Statements, depth: int) -> Lines:
    return [f"flag = {self.truth(2)}"]


def _atomic(self: Statements, depth: int) -> Lines:
    name, kind = self.chance.choice(sorted(ATOMIC.items()))
    value = self.fitted(self.number(), kind).text
    if self.chance.random() < 0.4:
        return [f'cell.{self.chance.choice(["add_atomic", "and_atomic", "or_atomic", "xor_atomic"])}("{name}", {value})']
    if self.chance.random() < 0.3:
        call = f'cell.compare_exchange("{name}", {self.chance.choice([value, f"cell.{name}"])}, {self.fitted(self.number(), kind).text})'
    else:
        call = f'cell.{self.chance.choice(["fetch_add", "fetch_and", "fetch_or", "fetch_xor", "exchange"])}("{name}", {value})'
    found = self.new("v")
    self.names[found] = RANGES[kind]
    return [f"{found} = {call}"]


def _copy(self: Statements, depth: int) -> Lines:
    return [self.chance.choice(["pair.inner.copy_from(cell.inner)", "cell.inner.copy_from(pair.inner)", "pair.copy_from(cell)", "board.copy_from(item)", "item.copy_from(board)"])]


def _queue(self: Statements, depth: int) -> Lines:
    line = self.chance.choice(["line", "pile"])
    match self.chance.randrange(3):
        case 0 | 1:
            return [f"item.total = {self.stored('s64')}", f"flag = {line}.{self.chance.choice(['push', 'push_over'])}(item)"]
        case _:
            return [f"flag = {line}.{self.chance.choice(['pop', 'peek'])}(item)"]


def _update(self: Statements, depth: int) -> Lines:
    policy = self.chance.choice(["NOEXIST", "EXIST"])
    match self.chance.randrange(6):
        case 0:
            return [f"counts.update({self.below(4).text}, {self.fitted(self.number(), 'u64').text})"]
        case 1:
            return [f"flag = counts.update_if({self.below(4).text}, {self.fitted(self.number(), 'u64').text}, UpdatePolicy.{policy})"]
        case 2:
            return [f"flag = depths.update({self.below(4).text} - 2, {self.fitted(self.number(), 's32').text})"]
        case 3:
            return [f"flag = pairs.update({self.below(4).text}, {self.chance.choice(['cell', 'pair'])}.inner)"]
        case 4:
            return [f"flag = {self.chance.choice(['counts', 'pairs'])}.delete({self.below(4).text})"]
        case _:
            return ["counts.for_each(add_up)"]


def _lookup(self: Statements, depth: int) -> Lines:
    found = self.new("f")
    table, key, place, kind = self.chance.choice([
        ("counts", self.below(4).text, "value", "u64"),
        ("depths", f"{self.below(4).text} - 2", "value", "s32"),
        ("pairs", self.below(4).text, self.chance.choice(["low", "pad"]), "u16"),
    ])  # fmt: skip
    if self.chance.random() < 0.5:
        head = [f"if ({found} := {table}.lookup({key})) is not None:"]
        return [*head, *indented(_of_view(self, f"{found}.{place}", kind)), *(["else:", *indented(self.block(1, 0))] if self.chance.random() < 0.3 else [])]
    return [f"{found} = {table}.lookup({key})", f"if {found} is None:", *indented(self.block(1, 0)), "else:", *indented(_of_view(self, f"{found}.{place}", kind))]


def _header(self: Statements, depth: int) -> Lines:
    name = self.new("h")
    place, kind = self.chance.choice([("first", "u8"), ("second", "u32"), ("third", "s16")])
    head = [f"{name} = packet.header(Head, {self.below(64).text})", f"if {name} is not None:"]
    return [*head, *indented(_of_view(self, f"{name}.{place}", kind))]


def _of_view(self: Statements, place: str, kind: str) -> Lines:
    """A use of a number in a view that is there."""
    name, of = self.variable()
    read = f"{name} = {self.fitted(Number(place, *RANGES[kind]), of).text}"
    write = f"{place} = {self.stored(kind)}"
    return self.chance.choice([[read], [write], [read, write], [write, read]])


def _callback(self: Statements, depth: int) -> Lines:
    return [f"item.total = {self.stored('s64')}", f"repeat({self.below(4).text} + 1, add, item)"]


def _locked(self: Statements, depth: int) -> Lines:
    tokens = self.fitted(Number("bucket.tokens", *RANGES["u64"]), "u32").text
    inside = [f"bucket.level = {tokens}", f"bucket.tokens = wrap(u64, bucket.tokens * {self.chance.randint(0, 99)} + a)"]
    if self.chance.random() < 0.3:
        inside = [f"if bucket.tokens > {self.chance.choice([3, 1 << 40])}:", *indented(["return 17"] if self.chance.random() < 0.3 else ["bucket.level = e"]), *inside]
    return ["with bucket.lock:", *indented(inside)]


def _leave(self: Statements, depth: int) -> Lines:
    """A test after which more is known of a name that is set once."""
    number, name = self.fitted(self.number(), self.chance.choice(["u8", "u32", "u64", "s16", "s64"])), self.new("v")
    bottom = self.chance.choice([0, 0, 1, 5, -3])
    top = bottom + self.chance.choice([1, 3, 7, 15])
    tests = {f"{name} < {bottom} or {name} > {top}", f"not ({bottom} <= {name} <= {top})"} | ({f"{name} > {top}"} if number.low >= bottom else set())
    away = self.chance.choice(["continue", "break"]) if self.loops else "return wrap(u32, b + 3)"
    self.names[name] = (max(number.low, bottom), min(number.high, top)) if number.low <= top and number.high >= bottom else (bottom, top)
    inner = f"cell.bytes_[{name}{f' - {bottom}' if bottom > 0 else f' + {-bottom}' if bottom < 0 else ''}]"
    return [f"{name} = {number.text}", f"if {self.chance.choice(sorted(tests))}:", f"    {away}", f"{inner} = {self.stored('u8')}"]


def _if(self: Statements, depth: int) -> Lines:
    made = [f"if {self.truth(2)}:", *indented(self.block(2, depth) + self.ending())]
    if self.chance.random() < 0.3:
        made += [f"elif {self.truth()}:", *indented(self.block(2, depth))]
    return [*made, "else:", *indented(self.block(2, depth))] if self.chance.random() < 0.5 else made


def _narrow(self: Statements, depth: int) -> Lines:
    """A test, and what is known of a variable where it holds."""
    name, kind = self.variable()
    low, _ = RANGES[kind]
    count = self.chance.choice([1, 8, 16])
    before = dict(self.names)
    test = self.chance.choice([f"0 <= {name} < {count}", f"{name} >= 0 and {name} < {count}", f"not ({name} < 0 or {name} >= {count})"]) if low else f"{name} < {count}"
    self.names[name] = (0, count - 1)
    inside = [f"pair.bytes_[{name}] = {self.stored('u8')}", *_keep(self, 0), f"cell.kappa = {self.stored('s32')}"]
    self.names = before
    return [f"if {test}:", *indented(inside)]


def _match(self: Statements, depth: int) -> Lines:
    name = self.chance.choice(["e", f"{self.number().text} & 7", f"{self.number().text} % 9"])
    first, second, third = self.chance.sample(["0", "1", "3", "4", "Shape.LINE", "Shape.RING", "6", "-1"], 3)
    made = [f"match {name}:", f"    case {first} | {second}:", *indented(indented(self.block(1, 0)))]
    made += [f"    case {third} if {self.truth()}:", *indented(indented(self.block(1, 0)))]
    made += ["    case _:", *indented(indented(self.block(1, 0)))] if self.chance.random() < 0.5 else []
    return made


def _for(self: Statements, depth: int) -> Lines:
    name = self.new("i")
    start, stop, step = self.chance.choice([
        (None, "3", 1), (None, self.below(4).text, 1), (self.below(4).text, "5", 1), (self.below(2).text, self.below(4).text, 1),
        ("-3", f"{self.below(8).text} - 4", 2), ("5", self.below(4).text, -2), (f"{self.below(4).text} - 2", "-3", -1), ("10", "0", -3),
    ])  # fmt: skip
    limits = stop if start is None else f"{start}, {stop}" if step == 1 and self.chance.random() < 0.8 else f"{start}, {stop}, {step}"
    return _looped(self, f"for {name} in range({limits}):", {name: (-3 if start is not None else 0, 10)}, depth)


def _while(self: Statements, depth: int) -> Lines:
    name = self.new("r")
    test = f" and {self.truth()}" if self.chance.random() < 0.8 else ""
    return [f"{name} = Rounds({self.chance.randint(0, 4)})", *_looped(self, f"while {name}.more(){test}:", {}, depth)]


def _looped(self: Statements, head: str, own: dict[str, tuple[int, int]], depth: int) -> Lines:
    if self.loops >= 2:
        return self.statement(0)
    before = dict(self.names)
    self.names |= own
    self.loops += 1
    body = self.block(2, min(depth, 1))
    if self.chance.random() < 0.5:
        body += [f"if {self.truth()}:", *indented(self.chance.choice([["break"], ["continue"], ["return wrap(u32, c)"]])), *self.statement(0)]
    self.loops -= 1
    self.names = before
    return [head, *indented(body)]


_Maker = tuple[Callable[[Statements, int], Lines], int]
_PLAIN: Final[list[_Maker]] = [
    (_assign, 8), (_keep, 6), (_augment, 3), (_store, 7), (_element, 5), (_flag, 2), (_atomic, 2), (_copy, 1), (_queue, 2), (_update, 3),
]  # fmt: skip
_NESTED: Final[list[_Maker]] = [
    (_if, 5), (_narrow, 4), (_leave, 3), (_match, 2), (_for, 4), (_while, 2), (_lookup, 4), (_header, 2), (_callback, 1), (_locked, 1),
]  # fmt: skip
