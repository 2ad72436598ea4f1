"""The arrows of this package at compiled speed; the only door to the extension made of ext/automata.

Each function gives what its namesake in nfa, subset, product, algebra, follow, trim, minimize, columns or pack gives, number for number,
and raises what that one raises. Those are where to read what a machine is; here numbers are handed over and taken back. What one call
holds at a time is limited to MEMORY_LIMIT_BYTES: beyond it, TooMuchMemory. Other threads run while the extension works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from pybpf.compiler.automata.algebra import where_unmarked
from pybpf.compiler.automata.bytesets import byte_classes, class_count, classes_in, common_refinement
from pybpf.compiler.automata.dfa import MAX_DFA_STATES, Dfa
from pybpf.compiler.automata.flat import NO_MARKS, Edges, Marks, Numbers, Rows, numbers, set_words
from pybpf.compiler.automata.nfa import MAX_NFA_STATES, Nfa, TooManyStates, TooMuchMemory
from pybpf.compiler.automata.pack import (
    ENTRY_LIMIT,
    MOST_COLUMNS,
    PackedTable,
    TableTooLarge,
    check_special,
    columns_of,
    states_in_table,
)
from pybpf.compiler.automata.product import Join, where_accepted
from pybpf.compiler.automata.tree import Pattern
from pybpf.compiler.automata.writing import written

try:
    from pybpf.compiler.automata._automata import ffi, lib
except ImportError as error:
    raise ImportError("the extension of pybpf.compiler.automata is not built: run `pip install --editable .` in the source tree") from error

MEMORY_LIMIT_BYTES = 1 << 30
_NO_LIMIT: Final = (1 << 32) - 1


def thompson(tree: Pattern, *, max_states: int = MAX_NFA_STATES) -> Nfa:
    """nfa.thompson."""
    flat = written(tree)
    words, set_of_byte = _pointer(flat.words), _pointer(flat.set_of_byte)
    out = ffi.new("struct nondeterministic *")
    text = ffi.from_buffer("unsigned char[]", flat.text)
    _check(lib.automata_thompson(words, len(flat.words), text, len(flat.text), set_of_byte, max_states, MEMORY_LIMIT_BYTES, out), max_states)
    return Nfa(Rows(_taken(out.states), 3), _taken(out.branches), flat.sets, out.start)


def determinize(nfa: Nfa, max_states: int = MAX_DFA_STATES) -> Dfa:
    """subset.determinize."""
    classes = byte_classes(nfa.sets)
    count = class_count(classes)
    columns = set_words(sum(1 << each for each in classes_in(classes, members)) for members in nfa.sets)
    given = ffi.new("struct nondeterministic *")
    states, branches = _give(given.states, nfa.cells.cells), _give(given.branches, nfa.branches)
    given.start = nfa.start
    out, ends, marks = ffi.new("struct machine *"), ffi.new("struct numbers *"), ffi.new("struct numbers *")
    set_classes = ffi.new("struct numbers *")
    words = _give(set_classes[0], columns)
    _check(lib.automata_determinize(given, set_classes, count, max_states, MEMORY_LIMIT_BYTES, out, ends, marks), max_states)
    del states, branches, words  # they lived until here
    edges, members_of_sets = _taken(ends[0]), _taken(marks[0]).view
    sets = [frozenset(members_of_sets[first:end]) for first, end in zip([0, *edges], edges, strict=False)]
    return Dfa(classes, count, _edges(out), out.start, Marks(tuple(sets), _taken(out.labels)))


def trim(dfa: Dfa) -> Dfa:
    """trim.trim."""
    return _trimmed(dfa.classes, _machine(dfa), dfa.marks.sets)


def minimize(dfa: Dfa) -> Dfa:
    """minimize.minimize."""
    return _minimized(dfa.classes, _machine(dfa), dfa.marks.sets)


def combine(left: Dfa, right: Dfa, join: Join, *, max_states: int = MAX_DFA_STATES) -> Dfa:
    """product.combine. `join` is asked once about each two sets of marks that meet."""
    return _trimmed(*_paired(left, right, join, lib.AUTOMATA_BOTH, b"", max_states))


def intersect(left: Dfa, right: Dfa, *, accept: int, max_states: int = MAX_DFA_STATES) -> Dfa:
    """product.intersect."""
    return combine(left, right, where_accepted(accept), max_states=max_states)


def either(left: Dfa, right: Dfa, *, max_states: int = MAX_DFA_STATES) -> Dfa:
    """algebra.either."""
    return _minimized(*_paired(left, right, frozenset.union, lib.AUTOMATA_EITHER, b"", max_states))


def without(left: Dfa, right: Dfa, *, max_states: int = MAX_DFA_STATES) -> Dfa:
    """algebra.without."""
    return _minimized(*_paired(left, right, where_unmarked, lib.AUTOMATA_LEFT, b"", max_states))


def follow(first: Dfa, second: Dfa, handover: frozenset[int]) -> Dfa:
    """follow.follow."""
    first, second = trim(first), trim(second)
    hands_over = bytes(not marks.isdisjoint(handover) for marks in first.marks.sets)
    return _trimmed(*_paired(first, second, frozenset.union, lib.AUTOMATA_THEN, hands_over, _NO_LIMIT))


def merge_columns(dfa: Dfa) -> Dfa:
    """columns.merge_columns."""
    given = _machine(dfa)
    classes = bytearray(dfa.classes)
    out = ffi.new("struct machine *")
    _check(lib.automata_merge_columns(given.pointer, ffi.from_buffer("unsigned char[]", classes), MEMORY_LIMIT_BYTES, out), _NO_LIMIT)
    return Dfa(bytes(classes), out.width, _edges(out), out.start, Marks(dfa.marks.sets, _taken(out.labels)))


def pack(dfa: Dfa, special: Sequence[int] = (), *, max_entries: int = ENTRY_LIMIT) -> PackedTable:
    """pack.pack."""
    check_special(dfa, special)
    merged = merge_columns(dfa)
    if merged.class_count > MOST_COLUMNS:
        raise TableTooLarge(states_in_table(merged, special), max_entries)
    given, wanted = _machine(merged), numbers(special)
    transitions, bases = ffi.new("struct numbers *"), ffi.new("struct numbers *")
    special_limit, states = ffi.new("uint32_t *"), ffi.new("uint64_t *")
    status = lib.automata_pack(
        given.pointer, _pointer(wanted), len(wanted), max_entries, MEMORY_LIMIT_BYTES, transitions, bases, special_limit, states
    )
    if status == lib.AUTOMATA_TOO_LARGE:
        raise TableTooLarge(states[0], max_entries)
    _check(status, _NO_LIMIT)
    found = _taken(bases[0])
    return PackedTable(columns_of(merged), _taken(transitions[0]), found[merged.start], special_limit[0], found, states[0])


class _Machine:
    """A machine as the extension reads it. Its labels are numbers that `_trimmed` and `_minimized` are told the meaning of."""

    def __init__(self, width: int, start: int, edges: Edges, labels: Numbers) -> None:
        self.pointer = pointer = ffi.new("struct machine *")
        pointer.width, pointer.start = width, start
        places = ((pointer.firsts, edges.firsts), (pointer.edges, edges.pairs), (pointer.sets, edges.sets), (pointer.labels, labels))
        self.parts = [_give(*each) for each in places]  # what is pointed to lives as long as this


def _machine(dfa: Dfa) -> _Machine:
    return _Machine(dfa.class_count, dfa.start, dfa.edges, dfa.marks.labels)


def _edges(made: Any) -> Edges:
    return Edges(_taken(made.firsts), _taken(made.edges), _taken(made.sets))


def _paired(left: Dfa, right: Dfa, join: Join, pairing: int, hands_over: bytes, max_states: int) -> tuple[bytes, _Machine, list[frozenset[int]]]:
    """Classes, pairs, and what marks each label of the pairs means."""
    classes, halves = common_refinement(left.classes, right.classes)
    given = [_machine(each) for each in (left, right)]
    columns = numbers(column for half in halves for column in half)
    flags = ffi.from_buffer("unsigned char[]", hands_over)
    out, pairs = ffi.new("struct machine *"), ffi.new("struct numbers *")
    status = lib.automata_pair(
        given[0].pointer, given[1].pointer, _pointer(columns), len(halves), pairing, flags, len(hands_over), max_states, MEMORY_LIMIT_BYTES, out, pairs
    )
    if status == lib.AUTOMATA_NOT_AT_END:
        raise ValueError("a state that hands over has exits of its own")
    _check(status, max_states)
    met = _taken(pairs[0]).view
    meanings = [join(left.marks.sets[ours], right.marks.sets[theirs]) for ours, theirs in zip(met[::2], met[1::2], strict=True)]
    return classes, _Machine(out.width, out.start, _edges(out), _taken(out.labels)), meanings


def _trimmed(classes: bytes, given: _Machine, meanings: Iterable[frozenset[int]]) -> Dfa:
    return _reduced(classes, given, meanings, lib.automata_trim)


def _minimized(classes: bytes, given: _Machine, meanings: Iterable[frozenset[int]]) -> Dfa:
    changed = bytearray(classes)
    return _reduced(changed, given, meanings, lib.automata_minimize, ffi.from_buffer("unsigned char[]", changed))


def _reduced(classes: bytes | bytearray, given: _Machine, meanings: Iterable[frozenset[int]], reduce: Callable[..., int], *more: Any) -> Dfa:
    """The machine that `reduce` makes of it; labels whose marks are equal become one."""
    number_of: dict[frozenset[int], int] = {NO_MARKS: 0}
    numbered = numbers(number_of.setdefault(marks, len(number_of)) for marks in meanings)
    out, kept = ffi.new("struct machine *"), ffi.new("struct numbers *")
    _check(reduce(given.pointer, _pointer(numbered), len(numbered), MEMORY_LIMIT_BYTES, out, kept, *more), _NO_LIMIT)
    sets = list(number_of)
    marks = Marks(tuple(sets[each] for each in _taken(kept[0])), _taken(out.labels))
    return Dfa(bytes(classes), out.width, _edges(out), out.start, marks)


def _pointer(given: Numbers) -> Any:
    """Where the numbers are; keeps them alive."""
    return ffi.from_buffer("uint32_t[]", given.octets)


def _give(place: Any, given: Numbers) -> Any:
    """Points `place` to the numbers, which live as long as what is returned."""
    pointer = _pointer(given)
    place.items, place.count, place.room = pointer, len(given), len(given)
    return pointer


def _taken(made: Any) -> Numbers:
    """Numbers that the extension has made; they are freed with the last view of them."""
    owned = ffi.gc(made.items, lib.automata_free, made.count * ffi.sizeof("uint32_t"))
    return Numbers(ffi.buffer(owned, made.count * ffi.sizeof("uint32_t")))


def _check(status: int, max_states: int) -> None:
    match status:
        case lib.AUTOMATA_DONE:
            return
        case lib.AUTOMATA_TOO_MANY_STATES:
            raise TooManyStates(max_states)
        case lib.AUTOMATA_TOO_MUCH_MEMORY:
            raise TooMuchMemory(MEMORY_LIMIT_BYTES)
        case lib.AUTOMATA_NO_MEMORY:
            raise MemoryError
        case _:
            raise AssertionError(f"the extension says that a machine is malformed: {status}")
