"""What every generated program may use: the text of a module's head, and tables of what is in it."""

from __future__ import annotations

from typing import Final

HEADER: Final = '''from enum import IntEnum


class Shape(IntEnum):
    POINT = 0
    LINE = 2
    RING = 5


class Record(Struct):
    alpha: u64
    beta: be64
    gamma: u32
    delta: be32
    epsilon: u16
    zeta: be16
    eta: u8
    theta: u8
    inner: Inner
    iota: s64
    kappa: s32
    lamda: s16
    mu: s8
    nu: u8
    bytes_: Annotated[Array[u8], Count(16)]
    words: Annotated[Array[be32], Count(4)]
    longs: Annotated[Array[u64], Count(2)]
    depths: Annotated[Array[s16], Count(8)]
    tick: u64
    tock: u32
    slow: volatile_u16
    pad: u16


class State(Struct):
    total: s64
    seen: u64


class Bucket(Struct):
    lock: SpinLock
    level: u32
    tokens: u64


class Head(Struct, packed=True):
    first: u8
    second: be32
    third: s16


cells = ArrayMap(Record, 1)
counts = HashMap(u32, u64, 4)
depths = HashMap(s16, s32, 4)
pairs = HashMap(u32, Inner, 4)
line = Queue(State, 2)
pile = Stack(State, 2)
buckets = ArrayMap(Bucket, 1)
data = global_array(u32, 8, ".data.g")
octets = global_array(u8, 256, ".rodata.octets")
octets.fill(bytes(each * 7 & 0xFF for each in range(256)))
sum_ = variable(s64)
limit = constant(u32, 7)
board = global_struct(State)


@function
def twist(cell: Record, x: u64, y: u64) -> u64:
    cell.gamma = (cell.gamma ^ x) & 0xFFFFFFFF
    return x if x > y else y ^ cell.gamma


@function
def both(x: bool, y: u64) -> bool:
    return x and y > 7


@function
def digit(x: u64) -> u8:
    return x % 13


@function
def octet(at: u8) -> u8:
    return octets[at]


@subprogram
def scale(x: u32, by: s16) -> s64:
    return x * by if by > -9 else by - x


@subprogram
def rest(x: s64, of: u8) -> u8:
    if of < 3:
        return of
    return x % of


@callback
def add(number: u32, state: State) -> bool:
    state.total = wrap(s64, state.total * 3 - number)
    state.seen = wrap(u64, state.seen + number + 1)
    return state.total % 5 == 3


@callback
def add_up(key: u32, value: Annotated[Cell, u64]) -> bool:
    sum_.value = wrap(s64, sum_.value + wrap(s64, value.value * (key + 1)))
    return False
'''

# what has to be done first, so that nothing of an earlier run is left
PROLOGUE: Final = """
cell = cells.lookup(0)
bucket = buckets.lookup(0)
if cell is None or bucket is None:
    return 0
pair = Record()
pair.gamma = cell.gamma
pair.kappa = cell.kappa
item = State()
for i in range(2):
    line.pop(item)
    pile.pop(item)
item.total = 0
item.seen = 0
for i in range(4):
    counts.delete(i)
    depths.delete(i - 2)
    pairs.delete(i)
sum_.value = 0
board.total = -1
board.seen = 7
bucket.tokens = 3
bucket.level = 0
flag = cell.eta > 99
"""
EPILOGUE: Final = """
cell.alpha = a ^ wrap(u64, sum_.value)
cell.beta = wrap(u64, c ^ wrap(s64, board.total))
cell.gamma = b
cell.kappa = wrap(s32, d * 3 + bucket.level)
cell.tick = wrap(u64, bucket.tokens + board.seen + item.seen)
cell.eta = 1 if flag else 0
return wrap(u32, wrap(s64, a) + pair.kappa + e)
"""

# variables that live through a program: name -> (type, what it starts as)
VARIABLES: Final = {
    "a": ("u64", "cell.alpha"),
    "b": ("u32", "cell.delta ^ data[0]"),
    "c": ("s64", "cell.iota"),
    "d": ("s16", "cell.lamda"),
    "e": ("u8", "cell.bytes_[9]"),
}
RANGES: Final = {f"{sign}{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) if sign == "s" else (0, (1 << bits) - 1) for sign in "us" for bits in (8, 16, 32, 64)}
# fields that can be read and written -> their type
FIELDS: Final = {
    "cell.alpha": "u64", "cell.beta": "u64", "cell.gamma": "u32", "cell.delta": "u32", "cell.epsilon": "u16", "cell.zeta": "u16",
    "cell.eta": "u8", "cell.theta": "u8", "cell.inner.low": "u32", "cell.inner.high": "u16", "cell.tick": "u64", "cell.tock": "u32",
    "cell.slow": "u16", "cell.iota": "s64", "cell.kappa": "s32", "cell.lamda": "s16", "cell.mu": "s8",
    "pair.alpha": "u64", "pair.gamma": "u32", "pair.beta": "u64", "pair.eta": "u8", "pair.kappa": "s32", "pair.mu": "s8",
    "item.total": "s64", "item.seen": "u64", "sum_.value": "s64", "board.total": "s64", "board.seen": "u64",
}  # fmt: skip
CONSTANTS: Final = {"limit.value": "u32", "packet.length": "u32"}
# arrays -> (elements, their type)
ARRAYS: Final = {"cell.bytes_": (16, "u8"), "cell.words": (4, "u32"), "cell.longs": (2, "u64"), "cell.depths": (8, "s16"), "data": (8, "u32"), "pair.bytes_": (16, "u8")}
TABLES: Final = {"octets": (256, "u8")} | ARRAYS
# fields for atomics -> their type
ATOMIC: Final = {"tick": "u64", "tock": "u32", "gamma": "u32", "alpha": "u64"}
