"""Random trees, texts and patterns over a small alphabet, so that they meet often."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pybpf.compiler.automata import Alternate, Concat, Empty, Literal, Mark, OneOf, Pattern, Repeat, bytes_of

ALPHABET = b"ab\xff"

# Everything that RE2's syntax page lists, and a few things that it does not.
RE2_PIECES = [
    "a", "b", "k", "S", "9", "_", "-", "/", ".", "é", "ſ", "K", "中", "😀", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S",
    r"\.", r"\/", r"\n", r"\v", r"\x41", r"\x{e9}", r"\x{10FFFF}", r"\_", r"\-", "]", "}", "{", "^", "$", r"\A",
    r"\z", r"\b", r"\B", r"\pL", r"\PL", r"\p{Greek}", r"\P{^Lu}", r"\p{Foo}", r"[\pN-]", r"\C", r"\1", r"\12", r"\0", r"\377", r"\8",
    r"\Q", r"\Qa*b\E", r"\E", "(?m)", "(?U)", "(?m:", "(?im-sU:", "(?)", "(?-)", "(?<é1>", "(?P<a-b>", r"[^\x00-\x{10FFFF}]", r"\x{D800}",
    "α", "Σ", "[à-ý]", "(", ")", "|", "[a-c]", "[^/]", "[^a-z]", "[]a]", "[^]a]", "[-a]", "[a-]",
    r"[\d-z]", "[[:alpha:]_]", "[[:^alpha:]]", r"[^\w]", r"[\W]", "[[:space:]]", "[[:word:]]", "[é-ü]", "[^é]", "[",
    "[z-a]", "[[:foo:]]", "[[:a]", "[+--]", "(?i)", "(?s)", "(?-i)", "(?s-i)", "(?:", "(?i:", "(?-i:", "(?s:",
    "(?i-s:", "(?P<n>", "(?<m>", "(?=", "()", "x{,3}", "a{01}", "*", "+", "?", "{2}", "{1,2}", "{0}", "{0,}", "{2,}",
    "*?", "??", "**", "{1001}", "{2,1}",
    " ", "\n",
]


def texts() -> SearchStrategy[bytes]:
    return st.lists(st.sampled_from([*ALPHABET, ord("c")]), max_size=8).map(bytes)


def trees() -> SearchStrategy[Pattern]:
    """Trees of every node, marks anywhere, the empty class and the empty choice among them."""
    leaves: SearchStrategy[Pattern] = st.one_of(
        st.just(Empty()),
        st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=3).map(lambda each: Literal(bytes(each))),
        st.lists(st.sampled_from(ALPHABET), max_size=3).map(lambda each: OneOf(bytes_of(bytes(each)))),
        st.integers(0, 3).map(Mark),
    )
    return st.recursive(leaves, _larger, max_leaves=12)


def _larger(inner: SearchStrategy[Pattern]) -> SearchStrategy[Pattern]:
    several = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(several.map(Concat), several.map(Alternate), _repeats(inner))


def _repeats(inner: SearchStrategy[Pattern]) -> SearchStrategy[Pattern]:
    bounds = st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 2)))
    return st.builds(lambda each, two: Repeat(each, two[0], None if two[1] is None else two[0] + two[1]), inner, bounds)


def pattern_texts() -> SearchStrategy[str]:
    """Patterns that RE2 and Python's re (with re.ASCII) read alike: no `(?i)`, whose foldings differ, and no `\\s`."""
    atoms = ["a", "b", "é", "中", "/", r"\.", ".", r"\d", r"\D", r"\w", r"\W", "[ab]", "[^/]", "[^aé]", "[a-é]", "[]b]", "[-a]"]
    return st.recursive(st.sampled_from([*atoms, "", r"[\d/]", r"[^\w]", r"\x61", r"\n"]), _larger_texts, max_leaves=8)


def _larger_texts(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    groups = st.sampled_from(["({})", "(?:{})", "(?s:{})"])
    grouped = st.builds(lambda shape, text: shape.format(text), groups, inner)
    operators = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}", "*?", "??"])
    return st.one_of(
        grouped,
        st.builds(lambda text, operator: f"(?:{text}){operator}", inner, operators),
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join).map("(?:{})".format),
    )


def pattern_subjects() -> SearchStrategy[str]:
    return st.text(alphabet="ab1_/.-é中\n😀", max_size=6)


def re2_texts() -> SearchStrategy[str]:
    """Rough patterns, often wrong ones."""
    return st.lists(st.sampled_from(RE2_PIECES), max_size=7).map(_closed)


def _closed(pieces: list[str]) -> str:
    text = "".join(pieces)
    return text + ")" * (text.count("(") - text.count(")"))
