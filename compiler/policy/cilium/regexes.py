"""Conditions on texts -> RE2 expressions for the whole value, which is all that Cilium's HTTP rules have.

What each kind of condition means is said in patterns.py. An expression may match less than its condition, never more: `.` and
[^/] are characters of UTF-8, and `.` is no line feed. No valid method, path or host shows the difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.policy.model.layer7 import MatchKind, TextMatch
from pybpf.compiler.policy.patterns import ANY_QUERY

_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_WILD: Final = re.compile(r"(\*\*|\*)")
_PLACE: Final = re.compile(r"(\{[A-Za-z0-9_]+\})")
_LETTER: Final = re.compile(r"[A-Za-z]")
_HAS_PORT: Final = re.compile(r":[0-9*]+$")
_EMPTY: Final = "()"  # an expression without a character is read as if there were none


def method_regex(match: TextMatch) -> str:
    """The expression for a method."""
    return _METHOD.whole(match) or _EMPTY


def path_regex(match: TextMatch) -> str:
    """The expression for a path with its query."""
    if match.kind in (MatchKind.REGEX, MatchKind.PREFIX) or not match.text.endswith(ANY_QUERY):
        return _PATH.whole(match) or _EMPTY
    return _PATH.whole(TextMatch(match.kind, match.text.removesuffix(ANY_QUERY), match.span)) + r"(\?.*)?"


def host_regex(match: TextMatch) -> str:
    """The expression for a Host header: any case, any port where none is named."""
    if match.kind in (MatchKind.REGEX, MatchKind.PREFIX) or _HAS_PORT.search(match.text) is not None:
        return _HOST.whole(match) or _EMPTY
    return _HOST.whole(match) + "(:[0-9]{1,5})?"


def _escaped(text: str) -> str:
    """The text itself."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _both_cases(text: str) -> str:
    """The text with each letter in both cases; (?i) would match some letters outside ASCII too."""
    return _LETTER.sub(lambda letter: f"[{letter.group().upper()}{letter.group().lower()}]", _escaped(text))


@dataclass(frozen=True, slots=True)
class _Parts:
    """One sort of text: how it is spelled, a character within a part of it, and one within a run of parts."""

    literal: Callable[[str], str]
    part: str
    run: str

    def whole(self, match: TextMatch) -> str:
        """The expression of a condition, as if it stood alone."""
        match match.kind:
            case MatchKind.REGEX:
                return match.text
            case MatchKind.EXACT:
                return self.literal(match.text)
            case MatchKind.PREFIX:
                return self.literal(match.text) + ".*"
            case MatchKind.GLOB:
                return self._replaced(_WILD, match.text, {"*": f"{self.part}*", "**": f"{self.run}*"})
            case MatchKind.TEMPLATE:
                return self._replaced(_PLACE, match.text, {})

    def _replaced(self, marker: re.Pattern[str], text: str, meaning: dict[str, str]) -> str:
        """The text with every marker replaced by its meaning, which is a part that is not empty unless it is told."""
        pieces = marker.split(text)
        return "".join(
            meaning.get(piece, f"{self.part}+") if index % 2 else self.literal(piece) for index, piece in enumerate(pieces)
        )


_METHOD: Final = _Parts(_escaped, ".", ".")
_PATH: Final = _Parts(_escaped, "[^/?]", "[^?]")
_HOST: Final = _Parts(_both_cases, "[^.:]", "[^:]")
