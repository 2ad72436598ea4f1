"""Trees of conditions on texts -> TextMatch: of a path, a host, a method, a header's value.

A text that does not say how it is matched is a template if it has a `{name}`, a glob if it has a star, and else exact.
"""

from __future__ import annotations

import re
from typing import Final

from lark import Token, Tree

from pybpf.compiler.policy.cilium.http import regex
from pybpf.compiler.policy.language.context import Context, plain, variable
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.layer7 import MatchKind, TextMatch
from pybpf.compiler.policy.patterns import ANY_QUERY
from pybpf.compiler.policy.text.fields import Text

_PLACE: Final = re.compile(r"\{[A-Za-z0-9_]+\}")


def condition(node: Token | Node, context: Context) -> TextMatch | None:
    """A text, or one with the kind of its condition before it; None after a report."""
    if isinstance(node, Tree) and node.data == "kind_text":
        kind, inner = node.children
        written = plain(inner, context)
        return _checked(MatchKind(str(kind)), written, context) if written is not None else None
    inner = node.children[0] if isinstance(node, Tree) and node.data == "text" else node
    if isinstance(inner, Tree) and inner.data == "variable":
        found = variable(inner, ("text",), context)
        return condition(found.value, context.inside(found)) if found is not None else None
    written = plain(inner, context)
    kind_meant = kind_of(written.value) if written is not None else None
    if written is None:
        return None
    if kind_meant is None:
        hint = "say which: template, glob, exact, prefix or regex before the text in quotes"
        context.report.refuse("policy-condition", written.span, "this is a template by its braces and a glob by its stars", hint)
        return None
    return _checked(kind_meant, written, context)


def exactly(node: Token | Node, context: Context) -> TextMatch | None:
    """A text that is meant as it stands; None after a report."""
    written = plain(node, context)
    return TextMatch(MatchKind.EXACT, written.value, written.span) if written is not None else None


def kind_of(text: str) -> MatchKind | None:
    """How a text is matched that does not say; None where it could be two."""
    has_star, has_place = "*" in text, "{" in text or "}" in text
    if has_place:
        has_other_stars = has_star and (text.count("*") > 1 or not text.endswith(ANY_QUERY))
        return None if has_other_stars else MatchKind.TEMPLATE
    return MatchKind.GLOB if has_star else MatchKind.EXACT


def _checked(kind: MatchKind, written: Text, context: Context) -> TextMatch | None:
    if kind is MatchKind.REGEX:
        if not written.value:
            hint = "leave the condition out if any text will do, or write exact ''"
            context.report.refuse("policy-empty", written.span, "this regular expression is empty", hint)
            return None
        return regex(written, context.report)
    if kind is MatchKind.TEMPLATE and set("{}") & set(_PLACE.sub("", written.value)):
        message = "a template has names in its braces, of letters, digits and '_'"
        context.report.refuse("policy-condition", written.span, message, "write {name}, or exact before the text in quotes")
        return None
    return TextMatch(kind, written.value, written.span)

