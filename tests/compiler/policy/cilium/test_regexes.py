"""Conditions on texts as RE2 expressions: the expression matches what the condition does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.automata import Pattern
from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.cilium.regexes import host_regex, method_regex, path_regex
from pybpf.compiler.policy.model.layer7 import MatchKind, TextMatch
from pybpf.compiler.policy.patterns import accepts, host_pattern, path_pattern, value_pattern

HERE = Span(Source("", ""), 1, 1, 1, 1)
SORTS: dict[str, tuple[Callable[[TextMatch], str], Callable[[TextMatch], Pattern]]] = {
    "method": (method_regex, value_pattern),
    "path": (path_regex, path_pattern),
    "host": (host_regex, host_pattern),
}


@pytest.mark.parametrize(
    ("sort", "kind", "text", "regex"),
    [
        ("path", MatchKind.REGEX, "/a(b|c)?", "/a(b|c)?"),
        ("path", MatchKind.EXACT, "/a.b", r"/a\.b"),
        ("path", MatchKind.EXACT, "/a?*", r"/a(\?.*)?"),
        ("path", MatchKind.PREFIX, "/a", "/a.*"),
        ("path", MatchKind.GLOB, "/a/*/b/**", "/a/[^/?]*/b/[^?]*"),
        ("path", MatchKind.TEMPLATE, "/flights/{id}?*", r"/flights/[^/?]+(\?.*)?"),
        ("path", MatchKind.EXACT, "", "()"),
        ("method", MatchKind.EXACT, "GET", "GET"),
        ("method", MatchKind.GLOB, "P*", "P.*"),
        ("host", MatchKind.EXACT, "a.b", r"[Aa]\.[Bb](:[0-9]{1,5})?"),
        ("host", MatchKind.EXACT, "a:80", "[Aa]:80"),
        ("host", MatchKind.GLOB, "*.b", r"[^.:]*\.[Bb](:[0-9]{1,5})?"),
        ("host", MatchKind.PREFIX, "a", "[Aa].*"),
    ],
)
def test_conditions_become_expressions(sort: str, kind: MatchKind, text: str, regex: str) -> None:
    write, _ = SORTS[sort]
    assert write(TextMatch(kind, text, HERE)) == regex


TEXTS = st.text("aK/.?*:{}1(", max_size=8)


@given(st.sampled_from(sorted(SORTS)), st.sampled_from([each for each in MatchKind if each is not MatchKind.REGEX]), TEXTS, TEXTS)
def test_an_expression_matches_what_its_condition_does(sort: str, kind: MatchKind, text: str, value: str) -> None:
    write, meaning = SORTS[sort]
    match = TextMatch(kind, text, HERE)
    expression = TextMatch(MatchKind.REGEX, write(match), HERE)
    for each in (value, text, text.lower(), text + value, text.replace("*", value)):
        assert accepts(meaning, expression, each) == accepts(meaning, match, each)


def test_no_letter_outside_of_ascii_is_taken_for_one_within() -> None:
    regex = TextMatch(MatchKind.REGEX, host_regex(TextMatch(MatchKind.EXACT, "kiosk", HERE)), HERE)
    assert accepts(host_pattern, regex, "KIOSK") and not accepts(host_pattern, regex, "\N{KELVIN SIGN}iosk")
