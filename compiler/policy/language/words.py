"""Tokens and trees -> texts with places; quotes and escapes.

    'single quotes'    everything between them, as it stands: for regular expressions
    "double quotes"    \\" \\\\ \\n \\r \\t and \\u{hex} are escapes; any other is refused
"""

from __future__ import annotations

import re
from typing import Final

from lark import Token, Tree

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.text.fields import Text
from pybpf.compiler.policy.text.report import Report

_ESCAPE: Final = re.compile(r"\\(u\{([0-9A-Fa-f]{1,6})\}|.)", re.DOTALL)
_ESCAPES: Final = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
_NAMES: Final = {value: f"\\{name}" for name, value in _ESCAPES.items()}


def span_of(node: Token | Tree[Token], source: Source) -> Span:
    """Where a token or a tree stands."""
    place = node if isinstance(node, Token) else node.meta
    line, column = place.line or 1, place.column or 1
    return Span(source, line, column, place.end_line or line, place.end_column or column + 1)


def word(node: Token | Tree[Token], source: Source, report: Report) -> Text:
    """What a token says: a quoted one without its quotes and with its escapes read."""
    assert isinstance(node, Token), node
    span = span_of(node, source)
    if node.type != "STRING":
        return Text(str(node), span)
    inner = str(node)[1:-1]
    return Text(_unescaped(inner, span, report) if node.startswith('"') else inner, span)


def quoted(text: str) -> str:
    """A text in quotes: single ones where that spares escapes."""
    if '"' not in text and "\\" not in text and text.isprintable():
        return f'"{text}"'
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + "".join(_NAMES.get(each) or (each if each.isprintable() else f"\\u{{{ord(each):x}}}") for each in text) + '"'


def _unescaped(text: str, span: Span, report: Report) -> str:
    def meaning(found: re.Match[str]) -> str:
        if found[2] is not None:
            number = int(found[2], 16)
            if number < 0x110000 and not 0xD800 <= number < 0xE000:
                return chr(number)
        elif found[1] in _ESCAPES:
            return _ESCAPES[found[1]]
        hint = "write the text in single quotes, where a backslash is a backslash, or \\\\ for one"
        report.refuse("policy-escape", span, f"{found.group()} is no escape", hint)
        return ""

    return _ESCAPE.sub(meaning, text) if "\\" in text else text
