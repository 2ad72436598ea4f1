"""Conditions on a place (`^`, `$`, `\\A`, `\\z`, `\\b`, `\\B`) taken out of a tree, so that machines need not know them.

Where a condition stands at the edge of the pattern it holds or it does not. Any other is decided by the bytes around it:
the tree becomes a machine whose states also know what kind of byte was last, and whose steps are cut down to the kinds of
byte that the conditions passed on the way allow next (the look-behind and look-ahead of one byte that RE2's own DFA
keeps as flags: Russ Cox, "Regular Expression Matching in the Wild", 2010). That machine is a leaf of the tree: Graph.
"""

from __future__ import annotations

from enum import IntEnum
from typing import assert_never

from pybpf.compiler.automata.bytesets import ALPHANUMERIC, ANY_BYTE, ByteSet, bytes_of
from pybpf.compiler.automata.nfa import Marked, Move, Nfa, Split, thompson
from pybpf.compiler.automata.tree import (
    Alternate,
    Boundary,
    Concat,
    Empty,
    Graph,
    Literal,
    Look,
    Mark,
    OneOf,
    Pattern,
    Repeat,
    choice,
    sequence,
)


class _Near(IntEnum):
    """What lies next to a place, on either side; EDGE is the beginning or end of the text."""

    EDGE = 0
    NEWLINE = 1
    WORD = 2
    OTHER = 3


_NEWLINE_BYTES = bytes_of(b"\n")
_WORD_BYTES = ALPHANUMERIC | bytes_of(b"_")
_BYTES_OF: dict[_Near, ByteSet] = {
    _Near.NEWLINE: _NEWLINE_BYTES,
    _Near.WORD: _WORD_BYTES,
    _Near.OTHER: ANY_BYTE - _NEWLINE_BYTES - _WORD_BYTES,
}
_ALL: frozenset[_Near] = frozenset(_Near)
_LINE_EDGES: frozenset[_Near] = frozenset((_Near.EDGE, _Near.NEWLINE))
_STARTS = (Boundary.TEXT_START, Boundary.LINE_START)
_ENDS = (Boundary.TEXT_END, Boundary.LINE_END)
_END_STATE = 0  # thompson adds the end first

# A place in the machine: a state, and what was before it.
_Place = tuple[int, _Near]


def without_boundaries(tree: Pattern) -> Pattern:
    """The same language of whole texts, without Look. A tree that had none, or only at its edges, stays a tree."""
    settled = _settled(tree, at_start=True, at_end=True)
    return _graph(thompson(_as_marks(settled))) if _has_look(settled) else settled


def _settled(tree: Pattern, *, at_start: bool, at_end: bool) -> Pattern:
    """Conditions at the edges of the text taken out."""
    match tree:
        case Look(boundary) if (at_start and boundary in _STARTS) or (at_end and boundary in _ENDS):
            return Empty()
        case Alternate(choices):
            return choice(*(_settled(each, at_start=at_start, at_end=at_end) for each in choices))
        case Concat(parts):
            return _settled_row(parts, at_start, at_end)
        case _:
            return tree


def _settled_row(parts: tuple[Pattern, ...], at_start: bool, at_end: bool) -> Pattern:
    """From both ends inwards, as long as nothing in between may consume."""
    row = list(parts)
    for index, part in enumerate(row):
        row[index] = _settled(part, at_start=at_start, at_end=False)
        at_start = at_start and row[index] == Empty()
    for index in range(len(row) - 1, -1, -1):
        row[index] = _settled(row[index], at_start=False, at_end=at_end)
        at_end = at_end and row[index] == Empty()
    return sequence(*row)


def _has_look(tree: Pattern) -> bool:
    match tree:
        case Look():
            return True
        case Concat(parts) | Alternate(parts):
            return any(_has_look(each) for each in parts)
        case Repeat(inner):
            return _has_look(inner)
        case _:
            return False


def _as_marks(tree: Pattern) -> Pattern:
    """Conditions as marks, which a pattern that was just read has none of."""
    match tree:
        case Look(boundary):
            return Mark(boundary.value)
        case Concat(parts):
            return Concat(tuple(map(_as_marks, parts)))
        case Alternate(choices):
            return Alternate(tuple(map(_as_marks, choices)))
        case Repeat(inner, minimum, maximum):
            return Repeat(_as_marks(inner), minimum, maximum)
        case Empty() | Literal() | OneOf() | Graph():
            return tree
        case Mark():
            raise AssertionError("a pattern that was just read has no marks")
    assert_never(tree)


def _graph(nfa: Nfa) -> Graph:
    """The machine with what was last in its states; numbered as found from the start."""
    numbers: dict[_Place, int] = {(nfa.start, _Near.EDGE): 0}
    waiting: list[_Place] = [*numbers]
    moves: list[tuple[tuple[ByteSet, int], ...]] = []
    finals: set[int] = set()
    for place in waiting:  # grows while it is read
        row: list[tuple[ByteSet, int]] = []
        for state, allowed in _reached(nfa, place):
            found = nfa.states[state]
            if state == _END_STATE and _Near.EDGE in allowed:
                finals.add(numbers[place])
            if not isinstance(found, Move):
                continue
            for near in sorted(allowed - {_Near.EDGE}):
                members = found.members & _BYTES_OF[near]
                following = (found.target, near)
                if members.mask and following not in numbers:
                    numbers[following] = len(numbers)
                    waiting.append(following)
                if members.mask:
                    row.append((members, numbers[following]))
        moves.append(tuple(row))
    return Graph(tuple(moves), frozenset(finals))


def _reached(nfa: Nfa, place: _Place) -> list[tuple[int, frozenset[_Near]]]:
    """The states reached from a place without consuming a byte, each with what may come next there."""
    start, before = place
    first = (start, _ALL)
    seen = {first}
    waiting = [first]
    for state, allowed in waiting:  # grows while it is read
        match nfa.states[state]:
            case Split(targets):
                steps = [(target, allowed) for target in targets]
            case Marked(number, target):
                steps = [(target, allowed & _after(Boundary(number), before))]
            case Move():
                steps = []
        for step in steps:
            if step[1] and step not in seen:
                seen.add(step)
                waiting.append(step)
    return waiting


def _after(boundary: Boundary, before: _Near) -> frozenset[_Near]:
    """What may come next where a condition holds and this came before."""
    match boundary:
        case Boundary.TEXT_START:
            return _ALL if before is _Near.EDGE else frozenset()
        case Boundary.LINE_START:
            return _ALL if before in _LINE_EDGES else frozenset()
        case Boundary.TEXT_END:
            return frozenset((_Near.EDGE,))
        case Boundary.LINE_END:
            return _LINE_EDGES
        case Boundary.WORD:
            return _ALL - {_Near.WORD} if before is _Near.WORD else frozenset((_Near.WORD,))
        case Boundary.NOT_WORD:
            return frozenset((_Near.WORD,)) if before is _Near.WORD else _ALL - {_Near.WORD}
    assert_never(boundary)
