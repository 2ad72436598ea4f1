"""A text that a machine accepts: the shortest, of several the one that a person would rather read."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.automata.bytesets import BYTE_VALUES
from pybpf.compiler.automata.dfa import DEAD, Dfa

# Letters before digits before signs before what cannot be printed.
_READABLE: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.=:?&"
_RANK: Final = {byte: rank for rank, byte in enumerate(_READABLE)}


def witness(dfa: Dfa) -> bytes | None:
    """A shortest text with a mark; None if there is none. Breadth first, so linear in the size of the table."""
    if dfa.start == DEAD:
        return None
    came_from: dict[int, tuple[int, int]] = {}  # state -> the state and the byte that first led there
    waiting = [dfa.start]
    seen = {dfa.start}
    best = _best_bytes(dfa.classes, dfa.class_count)
    for state in waiting:  # grows while it is read
        if dfa.marks[state]:
            return _spelled(state, came_from)
        for column in sorted(range(dfa.class_count), key=lambda each: _order(best[each])):
            target = dfa.transitions[state][column]
            if target != DEAD and target not in seen:
                seen.add(target)
                came_from[target] = (state, best[column])
                waiting.append(target)
    return None


def _spelled(state: int, came_from: dict[int, tuple[int, int]]) -> bytes:
    text = bytearray()
    while state in came_from:
        state, byte = came_from[state]
        text.append(byte)
    return bytes(reversed(text))


def _best_bytes(classes: bytes, class_count: int) -> list[int]:
    """[class] -> the byte of it that is read most easily."""
    members: list[list[int]] = [[] for _ in range(class_count)]
    for byte in range(BYTE_VALUES):
        members[classes[byte]].append(byte)
    return [min(each, key=_order) for each in members]


def _order(byte: int) -> tuple[int, int]:
    if byte in _RANK:
        return 0, _RANK[byte]
    return (1 if 0x20 < byte < 0x7F else 2), byte
