"""Outside addresses by the names that they are known by: one set of names for each way in which entries may cover them.

An entry covers an address if it is about one of the address's names. So what sets of names cover are the unions of what single names
do; names that cover the same, and entries that say the same, count once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

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
from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.diff.words import ACCEPT, NAMES, machine
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.patterns import dns_pattern

MAX_NAMINGS: Final = 1024
Covers: TypeAlias = frozenset[object]


def namings(said: Mapping[DnsPattern, Covers]) -> tuple[tuple[str, ...], ...]:
    """Sets of names, none of them empty, that stand for all there are. `said` is for each pattern what entries with it say.

    Raises Unproven for more than MAX_NAMINGS.
    """
    single: dict[Covers, str] = {}
    for matched, name in _single(tuple(said)):
        single.setdefault(frozenset().union(*(said[pattern] for pattern in matched)), name)
    found: dict[Covers, tuple[str, ...]] = {covers: (name,) for covers, name in single.items()}
    waiting = list(found)
    for covers in waiting:  # grows while it is read: the fewest names first
        for more, name in single.items():
            if covers | more not in found:
                found[covers | more] = (*found[covers], name)
                waiting.append(covers | more)
                if len(found) > MAX_NAMINGS:
                    raise Unproven(f"addresses may be known by more than {MAX_NAMINGS} sets of names", "say the same for more names at once")
    return tuple(found.values())


@lru_cache(maxsize=256)
def _single(patterns: tuple[DnsPattern, ...]) -> tuple[tuple[tuple[DnsPattern, ...], str], ...]:
    """A name for every set of patterns that some name matches and that no other pattern does. Names that match none are left out."""
    if not patterns:
        return ()
    whole = determinize(thompson(choice(*(marked(dns_pattern(each), index) for index, each in enumerate(patterns)))))
    names = minimize(intersect(whole, machine(NAMES), accept=ACCEPT))
    sets = sorted({marks for marks in names.marks if marks}, key=sorted)
    return tuple((tuple(patterns[index] for index in sorted(marks)), _read(witness(_exactly(names, marks)))) for marks in sets)


def _exactly(whole: Dfa, wanted: Iterable[int]) -> Dfa:
    """The texts with just these marks."""
    return combine(whole, whole, lambda marks, _: marks if marks == wanted else frozenset())


def _read(name: bytes | None) -> str:
    assert name is not None, "a state of a minimal machine is reached by some text"
    return name.decode().removesuffix(".") or "."
