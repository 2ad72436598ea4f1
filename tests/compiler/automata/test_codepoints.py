"""Sets of characters and their UTF-8 encodings."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import Dfa, Literal, marked, matches
from pybpf.compiler.automata.codepoints import LAST, CodePoints, characters, code_points, utf8
from pybpf.compiler.automata.unicode import folded
from tests.compiler.automata.engines import ACCEPT, machine

points = st.integers(0, LAST)
runs = st.lists(st.tuples(points, points).map(lambda two: (min(two), max(two))), max_size=4)
EVERY_CHARACTER = machine(marked(utf8(code_points([(0, LAST)])), ACCEPT))


def accepted_by_length(dfa: Dfa, longest: int) -> list[int]:
    """How many byte strings of each length from 0 on carry a mark, without listing them."""
    ways = {dfa.start: 1}
    counts = []
    for _ in range(longest + 1):
        counts.append(sum(number for state, number in ways.items() if dfa.marks[state]))
        following: dict[int, int] = {}
        for state, number in ways.items():
            for each in dfa.classes:
                target = dfa.transitions[state][each]
                following[target] = following.get(target, 0) + number
        ways = following
    return counts


@given(runs, points)
def test_a_complement_holds_what_the_set_does_not(members: list[tuple[int, int]], point: int) -> None:
    chosen = code_points(members)
    assert (point in ~chosen) != (point in chosen)
    assert ~~chosen == chosen


@given(runs, runs, points)
def test_a_union_holds_what_either_holds(left: list[tuple[int, int]], right: list[tuple[int, int]], point: int) -> None:
    assert (point in (code_points(left) | code_points(right))) == (point in code_points(left) or point in code_points(right))


def test_the_complement_of_nothing_is_everything() -> None:
    assert ~CodePoints(()) == code_points([(0, LAST)])


def test_there_are_as_many_encodings_as_unicode_has_scalar_values() -> None:
    # RFC 3629 section 4: 1, 2, 3 (without 2048 surrogates) and 4 bytes.
    assert accepted_by_length(EVERY_CHARACTER, 5) == [0, 0x80, 0x800 - 0x80, 0x10000 - 0x800 - 0x800, 0x100000, 0]


@given(st.characters(exclude_categories=["Cs"]))
def test_every_character_is_matched_by_its_encoding(character: str) -> None:
    assert matches(EVERY_CHARACTER, character.encode())


@settings(max_examples=150, deadline=None)
@given(runs, st.lists(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10))
def test_a_set_is_matched_by_the_encodings_of_its_members(members: list[tuple[int, int]], subjects: list[str]) -> None:
    chosen = code_points(members)
    dfa = machine(marked(utf8(chosen), ACCEPT))
    edges = [edge for run in members for edge in run if not 0xD800 <= edge <= 0xDFFF]
    for point in [*map(ord, subjects), *edges]:
        assert bool(matches(dfa, chr(point).encode())) == (point in chosen)


@settings(max_examples=50, deadline=None)
@given(runs)
def test_a_set_has_no_encodings_besides_those_of_its_members(members: list[tuple[int, int]]) -> None:
    chosen = code_points(members)
    surrogates = sum(max(0, min(last, 0xDFFF) - max(first, 0xD800) + 1) for first, last in chosen.runs)
    size = sum(last - first + 1 for first, last in chosen.runs)
    assert sum(accepted_by_length(machine(marked(utf8(chosen), ACCEPT)), 5)) == size - surrogates


def test_a_single_character_is_a_literal() -> None:
    assert utf8(characters("é")) == Literal("é".encode())


def test_a_set_of_surrogates_alone_matches_nothing() -> None:
    assert machine(marked(utf8(code_points([(0xD800, 0xDFFF)])), ACCEPT)).state_count == 1


def test_folding_joins_the_kelvin_sign_and_the_long_s() -> None:
    assert folded(characters("Ks-")) == characters("kKsS-\u212a\u017f")
