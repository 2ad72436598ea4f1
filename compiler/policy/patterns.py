"""What the conditions on texts mean: each as a language of byte strings.

    REGEX      RE2, the whole value, case and all
    EXACT      the value itself
    PREFIX     the value, and anything behind it
    GLOB       `*` stands for any run of characters within a part, `**` for any run across parts
    TEMPLATE   `{name}` stands for one part, which is not empty

Parts are the segments of a path (ended by `/` and `?`), the labels of a host (ended by `.` and `:`); methods and header
values have no parts. A path is matched with its query, so GLOB and TEMPLATE and EXACT paths end at a `?`: one that allows
any query, or none, ends in `?*`. Hosts other than REGEX are matched in any case, and with any port unless they name one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from pybpf.compiler.automata import (
    ALPHA,
    ANY_BYTE,
    DIGIT,
    ByteSet,
    Concat,
    Literal,
    Nfa,
    OneOf,
    Pattern,
    Repeat,
    bytes_of,
    choice,
    marked,
    optional,
    parse,
    sequence,
    simulate,
    thompson,
)
from pybpf.compiler.policy.model.layer7 import MatchKind, TextMatch
from pybpf.compiler.policy.model.peers import DnsPattern

ANY_QUERY: Final = "?*"
_ANYTHING: Final = Repeat(OneOf(ANY_BYTE), 0)
_PORT: Final = sequence(Literal(b":"), Repeat(OneOf(DIGIT), 1, 5))
_LOWER: Final = ByteSet(sum(1 << byte for byte in range(ord("a"), ord("z") + 1)))
_NAME_BYTES: Final = _LOWER | DIGIT | bytes_of(b"-_")
_LABEL: Final = Repeat(OneOf(_NAME_BYTES), 1)
_WILD: Final = re.compile(r"\*\*|\*")
_PLACE: Final = re.compile(r"\{[A-Za-z0-9_]+\}")
_ACCEPT: Final = 1


def path_pattern(match: TextMatch) -> Pattern:
    """Request targets, the query included. Raises PatternError for a REGEX that is none."""
    return _with_query(match, bytes_of(b"/?"), bytes_of(b"?"))


def host_pattern(match: TextMatch) -> Pattern:
    """Host headers as sent. Raises PatternError for a REGEX that is none."""
    if match.kind is MatchKind.REGEX:
        return parse(match.text)
    tree = _pieces(match, bytes_of(b".:"), bytes_of(b":"))
    named = match.kind is MatchKind.PREFIX or re.search(r":[0-9*]+$", match.text) is not None
    return _any_case(tree if named else sequence(tree, optional(_PORT)))


def value_pattern(match: TextMatch) -> Pattern:
    """Methods and header values. Raises PatternError for a REGEX that is none."""
    return _pieces(match, ByteSet(0), ByteSet(0))


def dns_pattern(pattern: DnsPattern) -> Pattern:
    """Names in lower case that end in a dot, as a query's are taken.

    Cilium's notation: a star is any run of letters, digits, `-` and `_`; `**.` at the beginning is one label or more;
    stars alone are every name, the root's `.` too. (pkg/fqdn/matchpattern of Cilium 1.20)
    """
    text = pattern.text.lower()
    if not text.removesuffix(".").strip("*"):
        return choice(Repeat(sequence(_LABEL, Literal(b".")), 1), Literal(b".")) if "*" in text else Literal(text.encode() or b".")
    parts: list[Pattern] = []
    multi = re.match(r"\*{2,}\.", text)
    if multi is not None:
        parts.append(sequence(_LABEL, Repeat(sequence(Literal(b"."), _LABEL), 0), Literal(b".")))
        text = text[multi.end() :]
    return sequence(*parts, *_starred(text.removesuffix(".") + "."))


def server_name_pattern(pattern: DnsPattern) -> Pattern:
    """TLS server names in lower case, without a dot at the end.

    `*` alone is any name of one label or more; else `**` is any run of labels and `*` a run within one.
    (cilium/proxy SniPattern)
    """
    text = pattern.text.lower().removesuffix(".")
    many = sequence(_LABEL, Repeat(sequence(Literal(b"."), _LABEL), 0))
    if text in ("*", "**"):
        return many
    parts: list[Pattern] = []
    for index, piece in enumerate(text.split("**")):
        parts += [many] if index else []
        parts += _starred(piece)
    return sequence(*parts)


def accepts(meaning: Callable[[TextMatch], Pattern], match: TextMatch, value: str) -> bool:
    """Whether a text meets a condition, by walking the nondeterministic machine: slow and obviously right."""
    return _ACCEPT in simulate(_machine(meaning, match), value.encode("utf-8", "surrogateescape"))


def accepts_name(meaning: Callable[[DnsPattern], Pattern], pattern: DnsPattern, name: str) -> bool:
    """The same for a name, which the caller has brought to the form that `meaning` is about."""
    return _ACCEPT in simulate(_name_machine(meaning, pattern), name.encode("utf-8", "surrogateescape"))


@lru_cache(maxsize=4096)
def _machine(meaning: Callable[[TextMatch], Pattern], match: TextMatch) -> Nfa:
    return thompson(marked(meaning(match), _ACCEPT))


@lru_cache(maxsize=4096)
def _name_machine(meaning: Callable[[DnsPattern], Pattern], pattern: DnsPattern) -> Nfa:
    return thompson(marked(meaning(pattern), _ACCEPT))


def _with_query(match: TextMatch, ends_part: ByteSet, ends_all: ByteSet) -> Pattern:
    """A `?*` at the end of anything but a REGEX or PREFIX stands for any query, or none."""
    if match.kind in (MatchKind.REGEX, MatchKind.PREFIX) or not match.text.endswith(ANY_QUERY):
        return _pieces(match, ends_part, ends_all)
    bare = TextMatch(match.kind, match.text.removesuffix(ANY_QUERY), match.span)
    return sequence(_pieces(bare, ends_part, ends_all), optional(sequence(Literal(b"?"), _ANYTHING)))


def _pieces(match: TextMatch, ends_part: ByteSet, ends_all: ByteSet) -> Pattern:
    """`ends_part` are the bytes that no wild part holds, `ends_all` those that no run of parts holds."""
    part = Repeat(OneOf(ANY_BYTE - ends_part), 0)
    run = Repeat(OneOf(ANY_BYTE - ends_all), 0)
    match match.kind:
        case MatchKind.REGEX:
            return parse(match.text)
        case MatchKind.EXACT:
            return _literal(match.text)
        case MatchKind.PREFIX:
            return sequence(_literal(match.text), _ANYTHING)
        case MatchKind.GLOB:
            return _replaced(_WILD, match.text, lambda wild: run if wild == "**" else part)
        case MatchKind.TEMPLATE:
            return _replaced(_PLACE, match.text, lambda _: Repeat(OneOf(ANY_BYTE - ends_part), 1))


def _replaced(marker: re.Pattern[str], text: str, meaning: Callable[[str], Pattern]) -> Pattern:
    """The text with every marker in it replaced."""
    parts: list[Pattern] = []
    at = 0
    for found in marker.finditer(text):
        parts += [_literal(text[at : found.start()]), meaning(found.group())]
        at = found.end()
    return sequence(*parts, _literal(text[at:]))


def _starred(text: str) -> list[Pattern]:
    """A name in which runs of stars stand for any run of a label's characters."""
    parts: list[Pattern] = []
    for index, piece in enumerate(re.split(r"\*+", text)):
        parts += [Repeat(OneOf(_NAME_BYTES), 0)] if index else []
        parts += [_literal(piece)]
    return parts


def _literal(text: str) -> Pattern:
    return sequence(Literal(text.encode())) if text else sequence()


def _any_case(tree: Pattern) -> Pattern:
    """The same language with ASCII letters in either case."""
    match tree:
        case Literal(text):
            return sequence(*(OneOf(_folded(byte)) for byte in text))
        case Concat(parts):
            return sequence(*map(_any_case, parts))
        case _:
            return tree


def _folded(byte: int) -> ByteSet:
    letter = bytes([byte])
    return bytes_of(letter.lower() + letter.upper()) if byte in ALPHA else bytes_of(letter)
