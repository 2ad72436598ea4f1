"""Dfa -> the smallest Dfa with the same marks after every byte string: Hopcroft's partition refinement.

Source: J. Hopcroft, "An n log n Algorithm for Minimizing States in a Finite Automaton", 1971. States start out
grouped by their marks; a group whose members lead into and out of some other group (the splitter) on the same class
is divided, and the smaller part becomes a splitter of its own. The dead state is left out: after trimming it equals
no other state, and when every other group has been a splitter, what remains of a group led to the dead state
(Béal and Crochemore, "Minimizing incomplete automata", 2008). So the cost is m log n for m transitions that are
not dead, of which these machines have few.
"""

from __future__ import annotations

from pybpf.compiler.automata.columns import merge_columns
from pybpf.compiler.automata.dfa import DEAD, Dfa, explore
from pybpf.compiler.automata.trim import trim


def minimize(dfa: Dfa) -> Dfa:
    """The minimal machine, in the one form that all machines of the same meaning share: states numbered breadth first
    from the start, classes by their smallest byte."""
    trimmed = trim(dfa)
    groups, group_of = _partition(trimmed)

    def step(group: int) -> list[int | None]:
        row = trimmed.transitions[next(iter(groups[group]))]
        return [group_of[target] if target != DEAD else None for target in row]

    def marks_of(group: int) -> frozenset[int]:
        return trimmed.marks[next(iter(groups[group]))]

    start = group_of[trimmed.start] if trimmed.start != DEAD else None
    return merge_columns(explore(trimmed.classes, start, step, marks_of, max_states=trimmed.state_count))


def _partition(dfa: Dfa) -> tuple[list[set[int]], list[int]]:
    """The groups of equal states, and [state] -> group; the dead state is in group 0, alone."""
    groups, group_of = _grouped_by_marks(dfa)
    sources = _sources(dfa)
    splitters = set(range(1, len(groups)))
    while splitters:
        entering: dict[int, list[int]] = {}  # class -> the states that go into the splitter on it
        for member in groups[splitters.pop()]:
            for column, state in sources[member]:
                entering.setdefault(column, []).append(state)
        for states in entering.values():
            # The new group is always the smaller part. If the divided group still waits, both parts do now;
            # if not, it has been a splitter as a whole, and one part decides for the other.
            splitters.update(_divide(states, groups, group_of))
    return groups, group_of


def _divide(states: list[int], groups: list[set[int]], group_of: list[int]) -> list[int]:
    """Divides each group of which some but not all members are in `states`; returns the new groups."""
    touched: dict[int, set[int]] = {}
    for state in states:
        touched.setdefault(group_of[state], set()).add(state)
    created: list[int] = []
    for group, inside in touched.items():
        if len(inside) == len(groups[group]):
            continue
        smaller = inside if 2 * len(inside) <= len(groups[group]) else groups[group] - inside
        groups[group] -= smaller
        for state in smaller:
            group_of[state] = len(groups)
        created.append(len(groups))
        groups.append(smaller)
    return created


def _grouped_by_marks(dfa: Dfa) -> tuple[list[set[int]], list[int]]:
    groups: list[set[int]] = [{DEAD}]
    group_of = [0] * dfa.state_count
    number_of: dict[frozenset[int], int] = {}
    for state in range(1, dfa.state_count):
        group = number_of.setdefault(dfa.marks[state], len(number_of) + 1)
        if group == len(groups):
            groups.append(set())
        groups[group].add(state)
        group_of[state] = group
    return groups, group_of


def _sources(dfa: Dfa) -> list[list[tuple[int, int]]]:
    """[state] -> the (class, state) pairs from which one byte leads here; not kept for the dead state."""
    sources: list[list[tuple[int, int]]] = [[] for _ in dfa.transitions]
    for state, row in enumerate(dfa.transitions):
        for column, target in enumerate(row):
            if target != DEAD:
                sources[target].append((column, state))
    return sources
