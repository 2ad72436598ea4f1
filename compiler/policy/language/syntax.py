"""Text -> trees: the grammar in policy.lark, and what is said when a text does not follow it.

A statement that does not parse takes none of its neighbours along: the text is then read again in pieces, each from a line that
begins with a statement's first word to the next such line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lexer import PatternRE, PatternStr, TerminalDef

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.text.fields import did_you_mean
from pybpf.compiler.policy.text.report import Report

Node: TypeAlias = Tree[Token]

_GRAMMAR: Final = Path(__file__).with_name("policy.lark")
_WORD_ENDS: Final = r"(?![A-Za-z0-9_./-])"
_WORDS: Final = re.compile(r"\(\?:[a-z0-9\\|-]+\)")  # how lark writes a terminal that is one of several words
_STATEMENT: Final = re.compile(r"^(?=(?:policy|cluster|let|import)\b)", re.MULTILINE)
# What a person may see otherwise than it is read, or not at all: a lone carriage return ends no comment here, and does in an editor;
# characters that turn the direction of writing around show rules in another order (Boucher and Anderson, "Trojan Source", 2021).
_HIDING: Final = re.compile(
    "[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\xa0\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\ufe00-\ufe0f\uffa0"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]|\r(?!\n)"
)
# Texts in quotes, comments, and a # that stands right behind a word.
_UNQUOTED: Final = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|(?<![^\s{}(),;:\[\]])#[^\n]*|#")
_WORD: Final = re.compile(r"\$?[A-Za-z0-9_.:/-]+|.", re.DOTALL)
# What people call the terminals that are no words; the others are shown as they are written.
_CALLED: Final = {
    "$END": "the end of the file",
    "IDENTIFIER": "a name",
    "KEY": "a label",
    "BARE_KEY": "a key",
    "VALUE": "a value",
    "NETWORK": "a network",
    "PORT_NUMBER": "a port",
    "PORT_NAME": "the name of a port",
    "ICMP_TYPE": "a type",
    "METHOD_NAME": "a method",
    "PATH": "a path",
    "HEADER_NAME": "the name of a header",
    "KAFKA_KEY": "an API key",
    "NUMBER": "a number",
    "VARIABLE": "$variable",
    "STRING": "a text in quotes",
}
# A word, one that would have fitted there, and what to write instead.
_ADVICE: Final = (
    (re.compile(r"[\w./-]+:"), "a label", "write a label as key=value"),
    (re.compile("[A-Z]+|/.*|get|post|put|delete|query|kafka"), ":", "write a colon between the ports and the requests"),
    (re.compile("get|head|post|put|delete|patch|options"), "a method", "methods are written in capitals, such as GET"),
    (re.compile(r"\*+"), "a path", "write /** for any path, or leave the path out"),
    (re.compile(","), "or", "peers are joined by `or`; a comma joins labels, all of which must be there"),
    (re.compile("to|at|port|ports|proto|icmp"), "on", "write `on` before ports: on port 80"),
    (re.compile("ingress|egress"), "from", "write `from` for those who call the subject, `to` for those whom it calls"),
)
_GROUPS: Final = (
    (frozenset({"allow", "audit", "default", "deny", "description", "label", "log", "pass", "priority", "tier"}), "the next rule or setting"),
    (frozenset({"cluster", "import", "let", "policy"}), "the next statement"),
)
# In place of all the words that a terminal stands for.
_MANY: Final = {"ENTITY": "an entity (world, host, cluster, ...)", "MATCH": "exact, prefix, glob, template or regex"}


def statements(source: Source, report: Report) -> Iterable[Node]:
    """The statements of a text, in its order; those that do not parse are reported and left out. None of a text that may look
    otherwise than it reads."""
    hidden = _HIDING.search(source.text)
    if hidden is not None:
        _refuse_hidden(source, hidden, report)
        return []
    glued = [each for each in _UNQUOTED.finditer(source.text) if each.group() == "#"]
    for each in glued:
        message = "a comment begins behind a blank: here it would cut off what stands before it"
        report.refuse("policy-syntax", _place(source, each.start()), message, "write a blank before #, or put the text into quotes")
    if glued:
        return []
    try:
        return _children(_parser().parse(source.text))
    except UnexpectedInput:
        return [each for first_line, text in _pieces(source.text) for each in _piece(source, first_line, text, report)]


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a text that parses, without comments. Raises UnexpectedInput."""
    running = _parser().parse_interactive(text)
    yield from running.iter_parse()
    running.feed_eof()  # type: ignore[no-untyped-call]


def comments(text: str) -> list[Token]:
    """The comments of a text that parses, in its order."""
    parser, found = _noting()
    found.clear()
    parser.parse(text)
    return list(found)


def _place(source: Source, offset: int) -> Span:
    before = source.text[:offset]
    line, column = before.count("\n") + 1, offset - before.rfind("\n")
    return Span(source, line, column, line, column + 1)


def _refuse_hidden(source: Source, hidden: re.Match[str], report: Report) -> None:
    code = f"U+{ord(hidden.group()):04X}"
    message = f"the character {code} is not seen, or makes the text look otherwise than it reads"
    report.refuse("policy-syntax", _place(source, hidden.start()), message, "remove it; in a text in double quotes write \\u{" + f"{ord(hidden.group()):x}" + "}")


def _piece(source: Source, first_line: int, text: str, report: Report) -> list[Node]:
    try:
        return [_moved(each, first_line - 1) for each in _children(_parser().parse(text))]
    except UnexpectedInput as error:
        _refuse(source, first_line, text, error, report)
        return []


def _children(tree: Node) -> list[Node]:
    return [each for each in tree.children if isinstance(each, Tree)]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The pieces of a text with the line that each begins at."""
    starts = [0, *(found.start() for found in _STATEMENT.finditer(text) if found.start())]
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        yield text.count("\n", 0, start) + 1, text[start:stop]


def _moved(tree: Node, lines: int) -> Node:
    """A tree with its places moved down; lark gives every node of a text places of its own."""
    for each in tree.iter_subtrees():
        if not each.meta.empty:
            each.meta.line += lines
            each.meta.end_line += lines
        for token in each.children:
            if isinstance(token, Token):
                token.line = (token.line or 1) + lines
                token.end_line = (token.end_line or 1) + lines
    return tree


def _refuse(source: Source, first_line: int, text: str, error: UnexpectedInput, report: Report) -> None:
    """Report the first word that does not fit, and what would have fitted there."""
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        last = text.rstrip()
        line, column, word = last.count("\n") + 1, len(last.rpartition("\n")[2]) + 1, ""
    else:
        line, column = error.line, error.column
        found = _WORD.match(text, error.pos_in_stream or 0)
        word = found.group() if found is not None else ""
    allowed = _allowed(error)
    line += first_line - 1
    span = Span(source, line, max(1, column), line, max(1, column) + max(1, len(word)))
    message = f"{word!r} does not fit here" if word.strip() else "the text ends before its statement does"
    report.refuse("policy-syntax", span, message, _hint(word, allowed))


def _hint(word: str, allowed: list[str]) -> str:
    """What people mean who write this word here; else the nearest of the words that fit, or all of them."""
    if word in ("'", '"'):
        return "close the quote on the same line"
    for meant, fitting, advice in _ADVICE:
        if fitting in allowed and meant.fullmatch(word):
            return advice
    near = did_you_mean(word, [each for each in allowed if each.isalpha()]) if len(word) > 2 else ""
    if near.startswith("did you mean"):
        return near
    return f"expected {_listed(_grouped(allowed))}"


def _grouped(allowed: list[str]) -> list[str]:
    """The words that fit, with one for all that may begin what comes next."""
    rest, more = list(allowed), []
    for group, name in _GROUPS:
        if group <= set(rest):
            rest = [each for each in rest if each not in group]
            more.append(name)
    return [*rest, *more]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _allowed(error: UnexpectedInput) -> list[str]:
    """What fits there, as people write it: punctuation first, then words."""
    names: Iterable[str] = ()
    if isinstance(error, UnexpectedToken):
        names = error.accepts or error.expected
    elif isinstance(error, UnexpectedCharacters):
        names = error.allowed or ()
    written = {word for name in names for word in _shown(name)}
    return sorted(written, key=lambda each: (each[0].isalpha(), each)) or ["nothing"]


def _shown(name: str) -> list[str]:
    if name in _CALLED or name in _MANY:
        return [_CALLED.get(name) or _MANY[name]]
    return list(_words_of_terminals().get(name, (name.lower(),)))


@lru_cache(maxsize=1)
def _words_of_terminals() -> dict[str, tuple[str, ...]]:
    """Terminal -> the words that it stands for."""
    words: dict[str, tuple[str, ...]] = {}
    for terminal in _parser().terminals:
        value = terminal.pattern.value
        if value.endswith(_WORD_ENDS):
            bare = value.removesuffix(_WORD_ENDS).removeprefix("(?:").removesuffix(")")
            words[terminal.name] = tuple(bare.replace("\\", "").split("|"))
        elif isinstance(terminal.pattern, PatternStr):
            words[terminal.name] = (value,)
    return words


def _whole_words(terminal: TerminalDef) -> None:
    """Make a keyword match whole words only, before any terminal that is less particular."""
    value = terminal.pattern.value
    if isinstance(terminal.pattern, PatternStr) and value[0].isalpha():
        terminal.pattern = PatternRE(re.escape(value) + _WORD_ENDS)
    elif isinstance(terminal.pattern, PatternRE) and _WORDS.fullmatch(value):
        terminal.pattern = PatternRE(value + _WORD_ENDS)
    else:
        return
    terminal.priority = 1


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return _made({})


@lru_cache(maxsize=1)
def _noting() -> tuple[Lark, list[Token]]:
    """A parser, and where it notes the comments that it passes over."""
    found: list[Token] = []
    return _made({"COMMENT": found.append}), found


def _made(callbacks: dict[str, Callable[[Token], None]]) -> Lark:
    grammar = _GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True, edit_terminals=_whole_words, lexer_callbacks=callbacks)
