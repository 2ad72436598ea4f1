"""Dfa -> PackedTable: the numbers that a kernel map holds.

    columns       +-----+-----+-- ... --+-----+
      256 x u8    | c00 | c01 |         | cFF |      byte value -> column, 1 to 254
                  +-----+-----+-- ... --+-----+

    transitions   +--------+------------------+
      u32         | column |    next base     |      at base + column: where that state goes on with such a byte
                  +--------+------------------+
                    8 bits       24 bits

A state is the number of a place in the table, its *base*. Rows lie in each other's gaps: an entry at base + column is the state's own if
it has that column, and no two states have one base. What a row does not say, the row that it *falls* to says, whose base stands in its
column FALL; a row that falls to none is dead there. So a step is one dependent load, and two more for each of at most MOST_FALLS falls.
Most states of a rule set are words spelled out, with one entry each, in the gaps of the few rows
that are full; siblings of a pattern such as [^/]+ say only what they have for themselves (Aho and Corasick 1975 have such falls, Ziegler
such gaps: Tarjan and Yao, "Storing a sparse table", 1979).

Special states have the lowest bases, in the caller's order: "has something special just been reached?" is one comparison with
`special_limit`, the dead state, 0, among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pybpf.compiler.automata.columns import merge_columns
from pybpf.compiler.automata.dfa import DEAD, Dfa
from pybpf.compiler.automata.flat import Numbers, numbers

ENTRY_LIMIT = 1 << 22  # 16 MiB of u32
MOST_COLUMNS = 254
FALL = 255  # the column of the row that a row falls to
COLUMN_SHIFT = 24
BASE_MASK = (1 << COLUMN_SHIFT) - 1
ROW_ENTRIES = 256  # behind a base may be so many
MOST_FALLS = 3
MANY = 4  # entries; a row with more of them may fall to another


class TableTooLarge(Exception):
    """A table needs more than `limit` entries for its `states`, or tells bytes apart in more ways than an entry can name."""

    def __init__(self, states: int, limit: int) -> None:
        self.states = states
        self.limit = limit
        super().__init__(f"{states} states need more than {limit} entries")


@dataclass(frozen=True, slots=True)
class PackedTable:
    """A machine as the arrays drawn above.

    bases[state of the Dfa] -> its place; 0 for a state that was left out because it cannot be reached. `start` is one of them. States
    below `special_limit` are special or dead. `state_count` counts those that are in the table, the dead one too.
    """

    columns: bytes
    transitions: Numbers
    start: int
    special_limit: int
    bases: Numbers
    state_count: int


def pack(dfa: Dfa, special: Sequence[int] = (), *, max_entries: int = ENTRY_LIMIT) -> PackedTable:
    """The table of a machine, best a minimal one, in which `special` states have the lowest bases.

    Special states are kept even where the start does not lead to them. Raises ValueError when `special` names a state
    twice, the dead state or none at all; TableTooLarge when there are more than `max_entries` entries.
    """
    check_special(dfa, special)
    merged = merge_columns(dfa)
    order = _order(merged, special)
    if merged.class_count > MOST_COLUMNS:
        raise TableTooLarge(len(order), max_entries)
    rows = _sparse(merged, order)
    bases, special_limit = _placed(rows, order, len(special), merged.state_count, max_entries)
    table = [0] * (max(bases) + ROW_ENTRIES)
    for state, row in rows.items():
        for column, target in row.items():
            table[bases[state] + column] = column << COLUMN_SHIFT | bases[target]
    return PackedTable(columns_of(merged), numbers(table), bases[merged.start], special_limit, numbers(bases), len(order))


def walk(table: PackedTable, text: bytes, base: int | None = None) -> int:
    """The base after `text`, beginning with `base` (None: with the start): what the kernel does, in Python."""
    current = table.start if base is None else base
    for byte in text:
        current = _step(table, current, table.columns[byte])
    return current


def steps_of(table: PackedTable, base: int) -> dict[int, int]:
    """What the row of a state says of its own: column -> base; FALL among the columns if it falls to another."""
    found = {column: table.transitions[base + column] for column in range(1, ROW_ENTRIES)}
    return {column: entry & BASE_MASK for column, entry in found.items() if entry >> COLUMN_SHIFT == column}


def states_in_table(dfa: Dfa, special: Sequence[int]) -> int:
    """How many states a table would have, the dead one among them."""
    return len(_order(dfa, special))


def columns_of(dfa: Dfa) -> bytes:
    """byte -> column."""
    return bytes(each + 1 for each in dfa.classes)


def check_special(dfa: Dfa, special: Sequence[int]) -> None:
    """Raises ValueError unless these are different states, and alive."""
    if len(set(special)) != len(special) or not all(DEAD < state < dfa.state_count for state in special):
        raise ValueError(f"special states are different, alive and below {dfa.state_count}: {list(special)}")


def _step(table: PackedTable, base: int, column: int) -> int:
    for _ in range(1 + MOST_FALLS):
        entry = table.transitions[base + column]
        if entry >> COLUMN_SHIFT == column:
            return entry & BASE_MASK
        fall = table.transitions[base + FALL]
        if fall >> COLUMN_SHIFT != FALL:
            break
        base = fall & BASE_MASK
    return DEAD


def _order(dfa: Dfa, special: Sequence[int]) -> list[int]:
    """Dead, special, then the others breadth first from the start and from the special states."""
    found = dict.fromkeys([dfa.start, *special])
    waiting = list(found)
    for state in waiting:  # grows while it is read
        for target in dfa.transitions[state]:
            if target not in found:
                found[target] = None
                waiting.append(target)
    return list(dict.fromkeys([DEAD, *special, *found]))


def _sparse(dfa: Dfa, order: Sequence[int]) -> dict[int, dict[int, int]]:
    """For each state but the dead one, column -> target of what its row must say, FALL among the columns."""
    full = {state: list(dfa.transitions[state]) for state in order[1:]}
    falls = _falls(full)
    rows = {}
    for state, row in full.items():
        beneath = full[falls[state]] if falls[state] else [DEAD] * len(row)
        rows[state] = {column: target for column, (target, below) in enumerate(zip(row, beneath, strict=True), 1) if target != below}
        if falls[state]:
            rows[state][FALL] = falls[state]
    return rows


def _falls(full: dict[int, list[int]]) -> dict[int, int]:
    """The state whose row each falls to, 0 for none: that where most of its columns lead, or the first or the last before it that
    leads there as much. A row that others fall to already falls no more, so no fall is deeper than MOST_FALLS."""
    falls, depths = dict.fromkeys(full, DEAD), dict.fromkeys(full, 0)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    beneath: set[int] = set()
    for state, row in full.items():
        live = [target for target in row if target]
        if len(live) <= MANY or state in beneath:
            continue
        shares = dict.fromkeys(live, 0)
        for target in live:
            shares[target] += 1
        usual = max(shares, key=shares.__getitem__)
        least = len(live)
        for other in (usual, first.get(usual, DEAD), last.get(usual, DEAD)):
            if other not in (DEAD, state) and depths[other] < MOST_FALLS:
                differing = 1 + sum(mine != theirs for mine, theirs in zip(row, full[other], strict=True))
                if differing < least:
                    least, falls[state] = differing, other
        if falls[state]:
            beneath.add(falls[state])
            depths[state] = depths[falls[state]] + 1
        first.setdefault(usual, state)
        if depths[state] < MOST_FALLS:
            last[usual] = state
    return falls


def _placed(rows: dict[int, dict[int, int]], order: Sequence[int], specials: int, states: int, max_entries: int) -> tuple[list[int], int]:
    """[state] -> base, and the special limit. Special states by first fit, each behind the one before; then the fullest rows first, those of
    one size each behind the one before, so that each size passes the table once."""
    bases, taken, used = [DEAD] * states, bytearray(ROW_ENTRIES), bytearray(b"\1")

    def place(state: int, base: int) -> int:
        while True:
            if base + ROW_ENTRIES > max_entries:
                raise TableTooLarge(len(order), max_entries)
            grown = base + ROW_ENTRIES - len(taken)
            if grown > 0:
                taken.extend(bytes(max(grown, ROW_ENTRIES)))
                used.extend(bytes(len(taken) - len(used)))
            if not used[base] and not any(taken[base + column] for column in rows[state]):
                break
            base += 1
        used[base] = 1
        for column in rows[state]:
            taken[base + column] = 1
        bases[state] = base
        return base

    used.extend(bytes(len(taken) - len(used)))
    at = 0
    for state in order[1 : 1 + specials]:
        at = place(state, at + 1)
    special_limit = at + 1
    for same in _by_size(rows, order[1 + specials :]):
        at = special_limit - 1
        for state in same:
            at = place(state, at + 1)
    return bases, special_limit


def _by_size(rows: dict[int, dict[int, int]], order: Sequence[int]) -> Iterator[list[int]]:
    """States with rows of one size, the largest first."""
    of_size: dict[int, list[int]] = {}
    for state in order:
        of_size.setdefault(len(rows[state]), []).append(state)
    for size in sorted(of_size, reverse=True):
        yield of_size[size]
