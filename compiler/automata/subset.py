"""Nfa -> Dfa: the subset construction (Rabin and Scott, "Finite Automata and Their Decision Problems", 1959).

A state of the result is the set of states in which the Nfa may be; its marks are all the marks in that set. The
result can be exponentially larger than the Nfa (`.*a.{20}` needs two million states), hence the limit; for rules
such as `/api/v1/users/[0-9]+/orders` it grows with the length of the rules. Time is states times classes times
the size of the sets.
"""

from __future__ import annotations

from pybpf.compiler.automata.bytesets import byte_classes, class_count, classes_in
from pybpf.compiler.automata.dfa import MAX_DFA_STATES, Dfa, explore
from pybpf.compiler.automata.nfa import Move, Nfa, closure, marks_in


def determinize(nfa: Nfa, max_states: int = MAX_DFA_STATES) -> Dfa:
    """The deterministic machine with the same marks after every byte string; not minimal.

    Raises TooManyStates when it has more than `max_states` states, the dead one included.
    """
    moves = {number: state for number, state in enumerate(nfa.states) if isinstance(state, Move)}
    classes = byte_classes(nfa.sets)
    columns = {members: classes_in(classes, members) for members in nfa.sets}
    reached_by = {target: closure(nfa, [target]) for target in {state.target for state in moves.values()}}
    exits = {number: (columns[state.members], reached_by[state.target]) for number, state in moves.items()}
    count = class_count(classes)

    def step(subset: frozenset[int]) -> list[frozenset[int] | None]:
        reached: list[set[int]] = [set() for _ in range(count)]
        for number in subset & exits.keys():
            for each in exits[number][0]:
                reached[each] |= exits[number][1]
        return [frozenset(each) if each else None for each in reached]

    def marks_of(subset: frozenset[int]) -> frozenset[int]:
        return marks_in(nfa, subset)

    return explore(classes, closure(nfa, [nfa.start]) or None, step, marks_of, max_states=max_states)
