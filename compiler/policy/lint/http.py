"""Conditions on requests that match less, or more, than they seem to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from pybpf.compiler.automata import (
    ALPHANUMERIC,
    Literal,
    OneOf,
    Pattern,
    Repeat,
    TooManyStates,
    byte_range,
    bytes_of,
    determinize,
    intersect,
    is_empty,
    marked,
    sequence,
    thompson,
)
from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.layer7 import HttpRule, MatchKind, TextMatch
from pybpf.compiler.policy.patterns import path_pattern, value_pattern
from pybpf.compiler.policy.text.report import Report

# What one condition may grow to. As many states with 16 entries each are as much as the tables of the kernel programs hold, and the
# machine of a rule set is no smaller than that of one condition of it.
MAX_STATES: Final = 1 << 18
_ACCEPT: Final = 1
_VISIBLE: Final = Repeat(OneOf(byte_range(0x21, 0x7E)), 0)
_TARGETS: Final = sequence(Literal(b"/"), _VISIBLE)
_WITH_QUERY: Final = sequence(Literal(b"/"), _VISIBLE, Literal(b"?"), _VISIBLE)
_METHODS: Final = Repeat(OneOf(ALPHANUMERIC | bytes_of(b"!#$%&'*+-.^_`|~")), 1)
# Expressions that are plainly a path without a query, and those that plainly let one follow.
_BARE_PATH: Final = re.compile(r"/(?:[A-Za-z0-9/_:@,;=&%~-]|\\[./-]|\[0-9\][+*]?|\\d[+*]?|\[\^/\?\][+*])*")
_OPEN_END: Final = re.compile(r"/.*(?:\.\*|\(\\\?\.\*\)\?|\?\*)\)?\$?")
_PLAIN_METHODS: Final = re.compile(r"\(?[A-Z]+(?:\|[A-Z]+)*\)?")
_GROWING: Final = re.compile(r"\{\d|[*+].*[*+].*[*+]", re.DOTALL)
_COUNTED: Final = re.compile(r"(\([^()]*\)|\[[^\]]*\]|\\.|.)\{(\d+)(?:,(\d*))?\}")
_CLASSES: Final = re.compile(r"\[[^\]]*\]|\\[A-Za-z]|\(\?[a-z]*:|\\x..")
_LOOSE_DOT: Final = re.compile(r"[A-Za-z0-9](\.)[A-Za-z0-9]")


def check_http(rules: Iterable[HttpRule], report: Report) -> None:
    """Warn of what the rules of one port say and can hardly mean."""
    forgetful: list[TextMatch] = []
    for rule in rules:
        if rule.method is not None:
            _check_method(rule.method, report)
        if rule.host is not None:
            _check_host(rule.host, report)
        for match in (rule.path, rule.host, *(each.match for each in rule.headers)):
            if match is not None and match.kind is MatchKind.REGEX:
                _check_size(match, report)
        if rule.path is not None and not _check_path(rule.path, report) and _asks_for_pages(rule.method) and _forgets_query(rule.path):
            forgetful.append(rule.path)
    if forgetful:
        first = forgetful[0]
        more = f" ({len(forgetful) - 1} more here are like it)" if len(forgetful) > 1 else ""
        ending = r"(\?.*)?" if first.kind is MatchKind.REGEX else "?*"
        message = f"this path matches no request that has a query, such as {_shown(first)}?x=1{more}"
        report.warn("lint-path-query", first.span, message, f"write {ending} at its end if a query may follow")


def _asks_for_pages(method: TextMatch | None) -> bool:
    """Whether a request that has a query as often as not is meant."""
    if method is None or not _PLAIN_METHODS.fullmatch(method.text):
        return True
    return not {"GET", "HEAD"}.isdisjoint(method.text.strip("()").split("|"))


def _shown(match: TextMatch) -> str:
    return match.text if len(match.text) <= 40 else f"{match.text[:40]}..."


def _check_method(match: TextMatch, report: Report) -> None:
    if _PLAIN_METHODS.fullmatch(match.text):
        return
    if match.text.isalpha() and match.text != match.text.upper():
        message = f"methods are matched case and all, and nobody sends {match.text!r}"
        report.warn("lint-method-case", match.span, message, f"write {match.text.upper()}")
    elif _is_impossible("method", match):
        report.warn("lint-never-matches", match.span, "no request has such a method", "write a method such as GET, or several as GET|POST")


def _check_path(match: TextMatch, report: Report) -> bool:
    """Whether a path was told to match nothing."""
    if _BARE_PATH.fullmatch(match.text) or _OPEN_END.fullmatch(match.text):
        return False
    if not _is_impossible("path", match):
        return False
    hint = "begin it with /" if not match.text.startswith("/") else "write characters that a path has: what is no letter or sign of ASCII is sent as %XX"
    report.warn("lint-never-matches", match.span, "no request has such a path", hint)
    return True


def _check_host(match: TextMatch, report: Report) -> None:
    if match.kind is not MatchKind.REGEX:
        return
    literal = _CLASSES.sub("", match.text.replace("(?i)", ""))
    if "(?i" not in match.text and re.search("[A-Za-z]", literal):
        message = "this host is matched case and all, and clients may send it in any case"
        report.warn("lint-host-case", match.span, message, f"write (?i) before it: (?i){match.text}")
    if _LOOSE_DOT.search(literal):
        message = "a dot matches any character, so that this matches other hosts as well"
        report.warn("lint-host-dot", match.span, message, f"write {_LOOSE_DOT.sub(lambda dot: dot.group().replace('.', chr(92) + '.'), match.text)}")


@lru_cache(maxsize=4096)
def _forgets_query(match: TextMatch) -> bool:
    """Whether a path matches requests, and none with a query."""
    if match.kind is MatchKind.PREFIX:
        return False
    if match.kind is MatchKind.REGEX and _BARE_PATH.fullmatch(match.text):
        return True
    if match.kind is MatchKind.REGEX and _OPEN_END.fullmatch(match.text):
        return False
    try:
        return not _meet(path_pattern(match), _WITH_QUERY)
    except TooManyStates:
        return False


@lru_cache(maxsize=4096)
def _is_impossible(part: str, match: TextMatch) -> bool:
    """Whether no method or path is as a condition wants it."""
    try:
        if part == "method":
            return not _meet(value_pattern(match), _METHODS)
        return not _meet(path_pattern(match), _TARGETS) and not _meet(path_pattern(match), Literal(b"*"))
    except TooManyStates:
        return False


def _meet(one: Pattern, other: Pattern) -> bool:
    """Whether some text is in both languages."""
    both = intersect(determinize(thompson(marked(one, _ACCEPT))), determinize(thompson(marked(other, _ACCEPT))), accept=_ACCEPT)
    return not is_empty(both)


def _check_size(match: TextMatch, report: Report) -> None:
    """Warn of an expression that is too large for the kernel by itself, and of the repetition that makes it so."""
    if not _GROWING.search(match.text) or _fits(match):
        return
    worst = _worst(match)
    text, place = (worst.group(), _inside(match, worst)) if worst is not None else (match.text, match.span)
    message = f"this expression needs more than {MAX_STATES} states, which is more than the kernel's tables hold; the worst of it is {text}"
    report.warn("lint-regex-size", place, message, "repeat less often, or without a bound: {0,} and * are cheap, {0,200} behind .* is not")


def _worst(match: TextMatch) -> re.Match[str] | None:
    """The counted repetition without whose bound the expression fits; the largest if none is enough alone."""
    counted = sorted(_COUNTED.finditer(match.text), key=lambda found: -int(found[3] or found[2]))
    for found in counted:
        bare = f"{match.text[: found.start()]}{found[1]}*{match.text[found.end() :]}"
        if _fits(TextMatch(MatchKind.REGEX, bare, match.span)):
            return found
    return counted[0] if counted else None


@lru_cache(maxsize=4096)
def _fits(match: TextMatch) -> bool:
    try:
        determinize(thompson(value_pattern(match)), max_states=MAX_STATES)
    except TooManyStates:
        return False
    return True


def _inside(match: TextMatch, found: re.Match[str]) -> Span:
    """The place of a part of an expression, where the source shows it letter by letter."""
    span = match.span
    at = span.source.line(span.line).find(match.text, span.column - 1)
    if at < 0 or span.line != span.end_line:
        return span
    return Span(span.source, span.line, at + found.start() + 1, span.line, at + found.end() + 1)


