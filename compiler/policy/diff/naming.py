"""Patterns of DNS names -> one name for each way in which they answer."""

from __future__ import annotations

from collections.abc import Iterable

from pybpf.compiler.automata import (
    Dfa,
    choice,
    combine,
    determinize,
    intersect,
    marked,
    minimize,
    thompson,
    witness,
)
from pybpf.compiler.policy.diff.words import ACCEPT, NAMES, machine
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.patterns import dns_pattern


def name_sets(patterns: Iterable[DnsPattern]) -> tuple[str, ...]:
    """A name for every set of patterns that some name matches, and that no other does; none for the names that match nothing."""
    listed = list(dict.fromkeys(patterns))
    if not listed:
        return ()
    patterns_machine = determinize(thompson(choice(*(marked(dns_pattern(each), index) for index, each in enumerate(listed)))))
    machine_of = minimize(intersect(patterns_machine, machine(NAMES), accept=ACCEPT))
    found = {marks for marks in machine_of.marks if marks}
    names = [witness(_exactly(machine_of, marks)) for marks in sorted(found, key=sorted)]
    return tuple(name.decode().removesuffix(".") or "." for name in names if name is not None)


def _exactly(whole: Dfa, wanted: frozenset[int]) -> Dfa:
    """The texts with just these marks."""
    return combine(whole, whole, lambda marks, _: marks if marks == wanted else frozenset())
