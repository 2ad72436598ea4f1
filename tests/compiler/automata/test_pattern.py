"""Patterns: the corpus through every engine, what is refused and where, and Python's re as a second opinion."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybpf.compiler.automata import (
    Empty,
    Literal,
    PatternError,
    Repeat,
    marked,
    matches,
    parse,
    simulate,
    thompson,
)
from pybpf.compiler.automata.pattern import MAX_DEPTH
from tests.compiler.automata.engines import ACCEPT, ENGINES, pattern_machine
from tests.compiler.automata.strategies import pattern_subjects, pattern_texts, re2_texts

CORPUS = Path(__file__).parent / "corpus"


def cases(name: str) -> list[Any]:
    found: list[Any] = tomllib.loads((CORPUS / name).read_text())["case"]
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", cases("patterns.toml"), ids=lambda case: case["pattern"])
def test_a_pattern_matches_what_the_corpus_says(case: dict[str, Any], engine: str) -> None:
    marks = ENGINES[engine](marked(parse(case["pattern"]), ACCEPT))
    assert [text for text in case["matches"] if marks(text.encode()) != {ACCEPT}] == []
    assert [text for text in case["refuses"] if marks(text.encode())] == []


@pytest.mark.parametrize("case", cases("refused_patterns.toml"), ids=lambda case: case["pattern"])
def test_what_is_not_understood_is_refused_at_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(PatternError) as caught:
        parse(case["pattern"])
    assert (caught.value.offset, caught.value.length) == (case["offset"], case["length"])
    assert case["message"] in caught.value.message
    assert caught.value.hint


@settings(max_examples=400, deadline=None)
@given(pattern_texts(), st.lists(pattern_subjects(), min_size=1, max_size=12))
def test_python_agrees_on_what_matches(pattern: str, subjects: list[str]) -> None:
    dfa = pattern_machine(pattern)
    expected = [re.fullmatch(pattern, subject, re.ASCII) is not None for subject in subjects]
    assert [bool(matches(dfa, subject.encode())) for subject in subjects] == expected


@settings(max_examples=1000, deadline=None)
@given(re2_texts(), st.lists(st.text(alphabet="abkKsS9_-/.éÉſ\u212aαΑσςΣ中😀A \n{},3x]*\0", max_size=4), min_size=10, max_size=20))
def test_re2_accepts_and_matches_the_same(pattern: str, subjects: list[str]) -> None:
    re2: Any = pytest.importorskip("re2", reason="google-re2 is not installed")
    quiet = re2.Options()
    quiet.log_errors = False
    try:
        theirs = re2.compile(pattern, quiet)
    except re2.error as refusal:
        if b"pattern too large" in refusal.args[0]:
            return  # our limits are others
        with pytest.raises(PatternError):
            parse(pattern)
        return
    nfa = thompson(marked(parse(pattern), ACCEPT))
    for subject in subjects:
        assert bool(simulate(nfa, subject.encode())) == (theirs.fullmatch(subject) is not None), subject


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab()[]{}*+?|^$\\.-:,0123dwsxé<>PQi=!", max_size=12))
def test_any_text_is_read_or_refused_within_its_bounds(text: str) -> None:
    try:
        parse(text)
    except PatternError as error:
        assert 0 <= error.offset < max(1, len(text))
        assert error.length >= 1 and error.offset + error.length <= max(1, len(text))


@given(st.binary(max_size=5))
@settings(max_examples=500)
def test_a_negated_class_never_matches_half_a_character(text: bytes) -> None:
    dfa = pattern_machine("[^/]+")
    try:
        expected = bool(text) and "/" not in text.decode()
    except UnicodeDecodeError:
        expected = False
    assert bool(matches(dfa, text)) == expected


def test_a_lone_surrogate_in_the_pattern_is_refused() -> None:
    with pytest.raises(PatternError) as caught:
        parse("a\ud800")
    assert caught.value.offset == 1


def test_neighbouring_characters_become_one_literal() -> None:
    assert parse("/users/é") == Literal("/users/é".encode())


def test_the_empty_pattern_is_the_empty_string() -> None:
    assert parse("") == Empty()


def test_laziness_makes_no_difference() -> None:
    assert parse("a*?b{2,3}?") == parse("a*b{2,3}")


def test_groups_make_no_difference_to_the_tree() -> None:
    assert parse("(?P<name>ab)(?:c)") == Literal(b"abc")


def test_a_count_stays_a_count() -> None:
    assert parse("a{2,5}") == Repeat(Literal(b"a"), 2, 5)


def test_groups_may_nest_to_the_limit_and_no_deeper() -> None:
    deepest = "(?:" * MAX_DEPTH + "a" + "|b)*" * MAX_DEPTH
    assert thompson(parse(deepest)).states
    with pytest.raises(PatternError) as caught:
        parse(f"({deepest})")
    assert "deep" in caught.value.message
