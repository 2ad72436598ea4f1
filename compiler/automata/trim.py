"""Dfa -> Dfa without hopeless states: dead means dead early.

A state from which no marked state can be reached is as good as dead; replacing it by the dead state lets a matcher
refuse at the first byte after which no rule can accept any more. States that cannot be reached from the start go
too. Linear in the number of transitions.
"""

from __future__ import annotations

from pybpf.compiler.automata.dfa import DEAD, Dfa, explore


def trim(dfa: Dfa) -> Dfa:
    """The same marks after every byte string, every state reachable, every state but 0 with a mark ahead of it."""
    hopeful = _hopeful(dfa)

    def step(state: int) -> list[int | None]:
        return [target if target in hopeful else None for target in dfa.transitions[state]]

    return explore(
        dfa.classes,
        dfa.start if dfa.start in hopeful else None,
        step,
        lambda state: dfa.marks[state],
        max_states=dfa.state_count + 1,
    )


def _hopeful(dfa: Dfa) -> set[int]:
    """The states from which a marked state can be reached, marked states included."""
    sources: list[set[int]] = [set() for _ in dfa.transitions]
    for state, row in enumerate(dfa.transitions):
        for target in set(row) - {DEAD}:
            sources[target].add(state)
    hopeful = {state for state, marks in enumerate(dfa.marks) if marks}
    waiting = list(hopeful)
    while waiting:
        fresh = sources[waiting.pop()] - hopeful
        hopeful |= fresh
        waiting.extend(fresh)
    return hopeful
