"""Dfa -> PackedTable: the numbers that a kernel map holds.

    classes       +-----+-----+-- ... --+-----+
      256 x u8    | c00 | c01 |         | cFF |      byte value -> class
                  +-----+-----+-- ... --+-----+

    transitions   +-------+-------+-- ... --+---------+---+
      u32         | class | class |         |  last   | 0 |   row of state 0, the dead state: all zero
                  |   0   |   1   |         |  class  |   |
                  +-------+-------+-- ... --+---------+---+
                  |       |       |         |         | 0 |   rows of the special states, in the caller's order
                  +-------+-------+-- ... --+---------+---+
                  |       |       |         |         | 0 |   rows of the others, breadth first from the start
                  +-------+-------+-- ... --+---------+---+
                   <--------- 1 << stride_shift --------->

An entry is *premultiplied*: it is the index of the next state's row, `number << stride_shift`, so that a step is
`entry = transitions[entry + classes[byte]]`, one dependent load without a multiplication. The stride is the power of
two at or above the number of classes; the columns between are never read and hold 0, which is dead. Since special
states have the lowest numbers, "has something special just been reached?" is one comparison:
`entry <= len(special) << stride_shift`, the dead state among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybpf.compiler.automata.columns import merge_columns
from pybpf.compiler.automata.dfa import DEAD, Dfa
from pybpf.compiler.automata.flat import Numbers, numbers

ENTRY_LIMIT = 1 << 20  # 4 MiB of u32


class TableTooLarge(Exception):
    """A table has more rows than its entries can tell apart: `states` rows of `stride` entries, `limit` in all."""

    def __init__(self, states: int, stride: int, limit: int) -> None:
        self.states = states
        self.stride = stride
        self.limit = limit
        super().__init__(f"{states} states of {stride} entries are more than {limit} entries")


@dataclass(frozen=True, slots=True)
class PackedTable:
    """A machine as the arrays drawn above.

    number_of[state of the Dfa] -> row number; 0 for a state that was left out because it cannot be reached.
    `start` is premultiplied, as every entry is.
    """

    classes: bytes
    class_count: int
    stride_shift: int
    transitions: Numbers
    start: int
    number_of: Numbers

    @property
    def state_count(self) -> int:
        return len(self.transitions) >> self.stride_shift

    def entry(self, state: int) -> int:
        """The premultiplied number of one of the Dfa's states."""
        return self.number_of[state] << self.stride_shift


def pack(dfa: Dfa, special: Sequence[int] = (), *, max_entries: int = ENTRY_LIMIT) -> PackedTable:
    """The table of a machine, best a minimal one, with the rows of `special` states right behind the dead state's.

    Special states are kept even where the start does not lead to them. Raises ValueError when `special` names a state
    twice, the dead state or none at all; TableTooLarge when there are more than `max_entries` entries.
    """
    check_special(dfa, special)
    merged = merge_columns(dfa)
    order = _order(merged, special)
    shift = stride_shift(merged)
    if len(order) << shift > max_entries:
        raise TableTooLarge(len(order), 1 << shift, max_entries)
    number_of = [DEAD] * merged.state_count
    for number, state in enumerate(order):
        number_of[state] = number
    padding = [DEAD] * ((1 << shift) - merged.class_count)
    rows = ([number_of[target] << shift for target in merged.transitions[state]] + padding for state in order)
    return PackedTable(
        classes=merged.classes,
        class_count=merged.class_count,
        stride_shift=shift,
        transitions=numbers(entry for row in rows for entry in row),
        start=number_of[merged.start] << shift,
        number_of=numbers(number_of),
    )


def walk(table: PackedTable, text: bytes, entry: int | None = None) -> int:
    """The entry after `text`, beginning with `entry` (None: with the start): what the kernel does, in Python."""
    current = table.start if entry is None else entry
    for byte in text:
        current = table.transitions[current + table.classes[byte]]
    return current


def check_special(dfa: Dfa, special: Sequence[int]) -> None:
    """Raises ValueError unless these are different states, and alive."""
    if len(set(special)) != len(special) or not all(DEAD < state < dfa.state_count for state in special):
        raise ValueError(f"special states are different, alive and below {dfa.state_count}: {list(special)}")


def stride_shift(dfa: Dfa) -> int:
    """The logarithm of the stride that holds a row."""
    return (dfa.class_count - 1).bit_length()


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
