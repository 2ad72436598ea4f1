"""Every machine of the package behind one face: tree -> (text -> marks). Tests run each case through all of them."""

from __future__ import annotations

from collections.abc import Callable

from pybpf.compiler.automata import (
    Dfa,
    Pattern,
    determinize,
    marked,
    matches,
    minimize,
    pack,
    parse,
    simulate,
    thompson,
    walk,
)

Marks = frozenset[int]
Engine = Callable[[Pattern], Callable[[bytes], Marks]]
ACCEPT = 7


def machine(tree: Pattern) -> Dfa:
    """The minimal machine of a tree."""
    return minimize(determinize(thompson(tree)))


def pattern_machine(text: str) -> Dfa:
    """The minimal machine of a pattern, ACCEPT at its end."""
    return machine(marked(parse(text), ACCEPT))


def reachable(dfa: Dfa, start: int) -> set[int]:
    """The states that some byte string leads to."""
    found = {start}
    waiting = [start]
    while waiting:
        fresh = set(dfa.transitions[waiting.pop()]) - found
        found |= fresh
        waiting.extend(fresh)
    return found


def _nfa(tree: Pattern) -> Callable[[bytes], Marks]:
    nfa = thompson(tree)
    return lambda text: simulate(nfa, text)


def _dfa(tree: Pattern) -> Callable[[bytes], Marks]:
    dfa = determinize(thompson(tree))
    return lambda text: matches(dfa, text)


def _minimal(tree: Pattern) -> Callable[[bytes], Marks]:
    dfa = machine(tree)
    return lambda text: matches(dfa, text)


def _packed(tree: Pattern) -> Callable[[bytes], Marks]:
    dfa = machine(tree)
    special = [state for state, marks in enumerate(dfa.marks) if marks]
    table = pack(dfa, special[::-1])
    marks_at = {table.bases[state]: marks for state, marks in enumerate(dfa.marks)}
    return lambda text: marks_at[walk(table, text)]


ENGINES: dict[str, Engine] = {"nfa": _nfa, "dfa": _dfa, "minimal": _minimal, "packed": _packed}
