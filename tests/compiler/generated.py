"""Small typed kernel programs, made up by hypothesis: expressions, branches, loops, memory of every width.

Two kinds. EXACT ones mask every result that could leave 64 bits, or the field it is stored in, so that CPython's
unbounded numbers agree; WRAPPING ones wrap the results, but store what does not fit, and CPython is left out. Many programs are judged at once, as one
object, for LLVM and the verifier are slow to start; so they are collected first and hypothesis does not shrink.
"""

from __future__ import annotations

import warnings
from enum import Enum, auto

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning

HEADER = '''
class Cell(Struct):
    alpha: u64
    beta: be64
    gamma: u32
    delta: be32
    epsilon: u16
    zeta: be16
    eta: u8
    theta: u8
    inner: Inner
    bytes_: Annotated[Array[u8], Count(16)]
    words: Annotated[Array[be32], Count(4)]
    longs: Annotated[Array[u64], Count(2)]
    tick: u64
    tock: u32
    slow: volatile_u16


cells = ArrayMap(Cell, 1)
data = global_array(u32, 8, ".data.g")


@function
def twist(cell: Cell, x: u64, y: u64) -> u64:
    cell.gamma = (cell.gamma ^ x) & 0xFFFFFFFF
    return x if x > y else y ^ cell.gamma


@function
def both(x: bool, y: u64) -> bool:
    return x and y > 7
'''

# field -> its bits; arrays -> (count, bits)
FIELDS = {
    "alpha": 64, "beta": 64, "gamma": 32, "delta": 32, "epsilon": 16, "zeta": 16, "eta": 8, "theta": 8,
    "inner.low": 32, "inner.high": 16, "tick": 64, "tock": 32, "slow": 16,
}  # fmt: skip
ARRAYS = {"bytes_": (16, 8), "words": (4, 32), "longs": (2, 64)}
ALL = 0xFFFFFFFFFFFFFFFF


class Kind(Enum):
    """How numbers that leave their range are treated."""

    EXACT = auto()
    WRAPPING = auto()


def number(kind: Kind) -> st.SearchStrategy[str]:
    """An expression that is a number."""
    leaves = st.one_of(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([f"cell.{name}" for name in FIELDS] + [f"pair.{name}" for name in ("gamma", "beta", "eta")]),
        st.one_of(st.integers(0, 9), st.integers(0, ALL), st.sampled_from([1 << 31, 1 << 32, 1 << 63, ALL])).map(str),
        st.integers(0, 3).map(lambda index: f"cell.words[{index}]"),
    )

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        masked = "({0}) & 0xFFFFFFFFFFFFFFFF" if kind is Kind.EXACT else "wrap(u64, {0})"
        wrapping = st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda each: f"({masked.format(' '.join(each))})")
        plain = st.tuples(inner, st.sampled_from(["&", "|", "^"]), inner).map(lambda each: f"({' '.join(each)})")
        shifts = st.tuples(inner, st.sampled_from(["<<", ">>"]), inner).map(lambda each: f"({masked.format(f'{each[0]} {each[1]} ({each[2]} & 63)')})")
        fixed_shifts = st.tuples(inner, st.sampled_from(["<<", ">>"]), st.integers(0, 63)).map(lambda each: f"({masked.format(f'{each[0]} {each[1]} {each[2]}')})")
        divisions = st.tuples(inner, st.sampled_from(["//", "%"]), st.integers(1, 300)).map(lambda each: f"({each[0]} {each[1]} {each[2]})")
        return st.one_of(
            wrapping,
            plain,
            shifts,
            fixed_shifts,
            divisions,
            inner.map(lambda each: f"({masked.format(f'~{each}')})"),
            inner.map(lambda each: f"cell.bytes_[{each} & 15]"),
            inner.map(lambda each: f"cell.bytes_.word({each} & 7)"),
            inner.map(lambda each: f"data[{each} & 7]"),
            st.tuples(inner, inner).map(lambda each: f"twist(cell, {each[0]}, {each[1]})"),
            st.tuples(inner, truth(inner), inner).map(lambda each: f"({each[0]} if {each[1]} else {each[2]})"),
        )

    return st.recursive(leaves, larger, max_leaves=5)


def truth(numbers: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An expression that is a bool."""
    compared = st.tuples(numbers, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), numbers).map(lambda each: f"{each[0]} {each[1]} {each[2]}")
    leaves = st.one_of(compared, st.sampled_from(["flag", "cell.eta > 100", "True"]))

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda each: f"({each[0]} {each[1]} {each[2]})"),
            inner.map(lambda each: f"not ({each})"),
            inner.map(lambda each: f"both({each}, cell.alpha)"),
        )

    return st.recursive(leaves, larger, max_leaves=3)


def simple(kind: Kind) -> st.SearchStrategy[list[str]]:
    """A statement without blocks, as lines."""
    value = number(kind)

    def fitted(text: str, bits: int) -> str:
        return f"({text}) & {(1 << bits) - 1}" if kind is Kind.EXACT and bits < 64 else text

    stores = st.tuples(st.sampled_from(sorted(FIELDS.items())), value).map(lambda each: f"cell.{each[0][0]} = {fitted(each[1], each[0][1])}")
    elements = st.tuples(st.sampled_from(sorted(ARRAYS.items())), value, value).map(
        lambda each: f"cell.{each[0][0]}[{each[1]} & {each[0][1][0] - 1}] = {fitted(each[2], each[0][1][1])}"
    )
    return st.one_of(
        st.tuples(st.sampled_from("abc"), value).map(lambda each: f"{each[0]} = {each[1]}"),
        st.tuples(st.sampled_from("abc"), value).map(lambda each: f"{each[0]} ^= {each[1]}"),
        stores,
        elements,
        st.tuples(value, value).map(lambda each: f"data[{each[0]} & 7] = {fitted(each[1], 32)}"),
        truth(value).map(lambda each: f"flag = {each}"),
        value.map(lambda each: f"pair.beta = {each}"),
        value.map(lambda each: f'cell.add_atomic("tick", {fitted(each, 64)})'),
        st.tuples(value, value).map(lambda each: f'c = cell.compare_exchange("tock", {fitted(each[0], 32)}, {fitted(each[1], 32)})'),
        st.sampled_from(["pair.inner.copy_from(cell.inner)", "cell.inner.copy_from(pair.inner)", "b = cell.slow", "pair.gamma = cell.tock"]),
    ).map(lambda line: [line])


def statements(kind: Kind) -> st.SearchStrategy[list[str]]:
    """A run of statements, as lines; at most one level of loops, at most two of branches."""
    run = st.lists(simple(kind), min_size=1, max_size=3).map(flat)
    tested = truth(number(kind))
    forks = st.tuples(tested, run, run).map(lambda each: [f"if {each[0]}:", *indented(each[1]), "else:", *indented(each[2])])
    inner = st.lists(st.one_of(simple(kind), forks), min_size=1, max_size=3).map(flat)
    nothing: st.SearchStrategy[list[str]] = st.just([])
    ends = st.one_of(nothing, tested.map(lambda test: [f"if {test}:", "    break"]), tested.map(lambda test: [f"if {test}:", "    continue"]), tested.map(lambda test: [f"if {test}:", "    return a & 0xFFFFFFFF"]))
    loops = st.tuples(st.integers(1, 3), inner, ends, run).map(lambda each: [f"for i in range({each[0]}):", "    a = a ^ i", *indented(each[1]), *indented(each[2]), *indented(each[3])])
    return st.lists(st.one_of(simple(kind), forks, loops), min_size=1, max_size=4).map(flat)


def program(kind: Kind) -> st.SearchStrategy[str]:
    """The text of a program, `NAME` standing for its name."""
    return statements(kind).map(
        lambda body: "\n".join(
            [
                '@program("tc")',
                "def NAME(packet: Skb) -> int:",
                *indented(["cell = cells.lookup(0)", "if cell is None:", "    return 0", "pair = Cell()", "pair.gamma = cell.gamma"]),
                *indented(["a = cell.alpha", "b = cell.delta ^ data[0]", "c = packet.length", "flag = a > b", *body]),
                *indented(["cell.alpha = b", "cell.beta = c", "cell.eta = 1 if flag else 0", "return (a ^ pair.beta) & 0xFFFFFFFF"]),
            ]
        )
    )


def programs(kind: Kind, count: int) -> list[str]:
    """The texts of up to `count` programs."""
    found: list[str] = []

    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(program(kind))
    def collect(text: str) -> None:
        found.append(text)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # such large strategies are slow to print, and never are
        collect()
    return list(dict.fromkeys(found))


def module_text(texts: list[str]) -> str:
    """The text of a module of programs, called case_0, case_1, ..."""
    return HEADER + "\n\n".join("\n" + text.replace("NAME", f"case_{index}") for index, text in enumerate(texts)) + "\n"


def flat(parts: list[list[str]]) -> list[str]:
    return [line for part in parts for line in part]


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
