"""HTTP rules: regular expressions for methods, paths and hosts, and conditions on headers."""

from __future__ import annotations

import re
from typing import Final

from pybpf.compiler.automata import PatternError, parse
from pybpf.compiler.diag import Span
from pybpf.compiler.policy.cilium.envoy import secret
from pybpf.compiler.policy.cilium.port_shapes import HEADER_MATCH, HTTP
from pybpf.compiler.policy.cilium.texts import filled, string
from pybpf.compiler.policy.model.layer7 import HeaderMatch, HttpRule, MatchKind, Mismatch, TextMatch
from pybpf.compiler.policy.text.fields import Text, choice, fields, items
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

# RFC 9110, 5.6.2: a header's name is a token. A value of a header has no control characters (5.5).
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Letters, digits, dots and other characters that stand for themselves, each perhaps repeated, and groups of them one deep: no
# such text is a bad expression, and most are of this sort. To find that out by this one is ten times as fast as to parse them.
_ATOM: Final = r"(?:[A-Za-z0-9/_.:@,;=&%~ -][*+?]?|\|)"
_PLAIN: Final = re.compile(rf"(?:{_ATOM}|\({_ATOM}*\)[*+?]?)*")
_STAR_HINT: Final = r"a star repeats what stands before it: write .* for any text, \* for a star"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def http_rule(node: Node, namespace: str | None, report: Report) -> HttpRule:
    """An item of http."""
    found = fields(node, HTTP, report)
    written = [filled(found.get(key), report) for key in ("method", "path", "host")]
    method, path, host = (regex(each, report) if each is not None else None for each in written)
    headers = [_header(each, report) for each in items(found["headers"].value, report)] if "headers" in found else []
    listed = items(found["headerMatches"].value, report) if "headerMatches" in found else ()
    headers += [_header_match(each, namespace, report) for each in listed]
    return HttpRule(method, path, host, tuple(each for each in headers if each is not None), node.span)


def regex(written: Text, report: Report) -> TextMatch | None:
    """A regular expression; None after a report, which points at what is wrong in it."""
    try:
        if not _PLAIN.fullmatch(written.value):
            parse(written.value)
    except PatternError as error:
        place = _inside(written, error.offset, error.length)
        hint = _STAR_HINT if written.value[error.offset : error.offset + 1] == "*" else error.hint
        report.refuse("policy-pattern", place, f"this is no regular expression: {error.message}", hint)
        return None
    return TextMatch(MatchKind.REGEX, written.value, written.span)


def _inside(written: Text, offset: int, length: int) -> Span:
    """The place of a part of a text, when the source shows it letter by letter; else of all of it."""
    span = written.span
    at = span.source.line(span.line).find(written.value, span.column - 1)
    if span.line != span.end_line or at < 0:
        return span
    start = at + offset + 1
    return Span(span.source, span.line, start, span.line, start + max(1, length))


def _header(node: Node, report: Report) -> HeaderMatch | None:
    """An item of headers: the name, a colon or none, and after the first space the value."""
    written = string(node, report)
    if written is None:
        return None
    name, space, value = written.value.partition(" ")
    name = name.rstrip(":")
    check_header_name(Text(name, written.span), report)
    if space and not value:
        report.refuse("policy-empty", written.span, f"the header {name!r} has no value", "write the value behind the space, or remove the space if any value will do")
        return None
    match = exact_value(Text(value, written.span), report) if space else None
    return HeaderMatch(name, match, Mismatch.REFUSE, None, written.span)


def _header_match(node: Node, namespace: str | None, report: Report) -> HeaderMatch | None:
    """An item of headerMatches; None after a report."""
    already = report.errors
    found = fields(node, HEADER_MATCH, report)
    name, value = filled(found.get("name"), report), filled(found.get("value"), report)
    mismatch = choice(found["mismatch"].value, [each.value for each in Mismatch], report) if "mismatch" in found else None
    holder = secret(found["secret"].value, namespace, report) if "secret" in found else None
    if name is not None:
        check_header_name(name, report)
    match = exact_value(value, report) if value is not None else None
    if name is None or report.errors > already:
        return None
    return HeaderMatch(name.value, match, Mismatch(mismatch.value if mismatch else ""), holder, node.span)


def check_header_name(name: Text, report: Report) -> None:
    """Report a name that no header can have."""
    if not _TOKEN.fullmatch(name.value):
        report.refuse("policy-header", name.span, f"no header has the name {name.value!r}", "write `Name: value`, with a space behind the colon, or `Name`")


def exact_value(value: Text, report: Report) -> TextMatch:
    """The value of a header; reports one that no header can have."""
    if _CONTROL.search(value.value) or value.value != value.value.strip(" \t"):
        message = "no header has a value with control characters, or with blanks at its ends"
        report.refuse("policy-header", value.span, message, "write the value without them")
    return TextMatch(MatchKind.EXACT, value.value, value.span)
