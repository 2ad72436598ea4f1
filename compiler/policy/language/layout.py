"""The same text, well set: one statement, setting or rule a line, long lists one item a line, every comment kept.

No token is added, removed or changed, so a text means what it meant. A list of requests that begins on a line of its own stays one
request a line; blank lines between statements are kept, one of several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from lark import Token
from lark.exceptions import UnexpectedInput

from pybpf.compiler.diag import CompileError, Source
from pybpf.compiler.policy.language.syntax import comments, statements, tokens
from pybpf.compiler.policy.text.report import Report

WIDTH: Final = 110
_INDENT: Final = "  "
# The tokens that begin a line, by how many braces are open: statements, items of a policy, ports of a rule.
_STARTERS: Final = (
    frozenset({"CLUSTER", "POLICY", "LET", "IMPORT"}),
    frozenset({"ACTION", "DESCRIPTION", "AUDIT", "TIER", "PRIORITY", "LOG", "LABEL", "DEFAULT"}),
    frozenset({"ON"}),
)
_TIGHT_BEFORE: Final = frozenset({"COMMA", "COLON", "RPAR", "RSQB", "VBAR"})
_TIGHT_AFTER: Final = frozenset({"LPAR", "LSQB", "BANG", "VBAR"})


def formatted(source: Source) -> str:
    """The text, well set. Raises CompileError if it does not parse."""
    try:
        lines = _lines(_marked(source.text))
    except UnexpectedInput as error:
        report = Report()
        statements(source, report)
        raise CompileError(report.found) from error
    return "".join(_blank(before, line) + _set(line) for before, line in zip([None, *lines], lines, strict=False))


@dataclass(slots=True)
class _Word:
    """A token with the comments that stand on lines of their own before it, empty lines among them, and the one behind it."""

    kind: str
    text: str
    line: int
    end_line: int
    before: list[str] = field(default_factory=list)
    after: str = ""
    first_line: int = 0  # of the comments before it
    last_line: int = 0


@dataclass(slots=True)
class _Line:
    """What belongs on one line, if it is short enough."""

    depth: int
    words: list[_Word]


def _marked(text: str) -> list[_Word]:
    """The tokens of a text, each with its comments; the last is the end."""
    found = [_Word(each.type, str(each), each.line or 1, each.end_line or 1) for each in tokens(text)]
    found.append(_Word("$END", "", text.count("\n") + 2, 0))
    starts = [*((each.line or 1, each.column or 1) for each in tokens(text)), (text.count("\n") + 2, 1)]
    at = 0
    for comment in comments(text):
        place = (comment.line or 1, comment.column or 1)
        while starts[at] < place:
            at += 1
        if at and found[at - 1].end_line == place[0]:
            found[at - 1].after = _tidy(comment)
        else:
            _stand_before(found[at], comment)
    for word in found:
        if word.before and word.kind != "$END" and word.line > word.last_line + 1:
            word.before.append("")
    return found


def _stand_before(word: _Word, comment: Token) -> None:
    """Note a comment that stands on a line of its own, and an empty line before it if there is one among the comments."""
    line = comment.line or 1
    if word.before and line > word.last_line + 1:
        word.before.append("")
    word.before.append(_tidy(comment))
    word.first_line, word.last_line = word.first_line or line, line


def _tidy(comment: Token) -> str:
    inner = comment[1:].strip()
    return f"# {inner}" if inner and not inner.startswith(("!", "#")) else f"#{inner}"


def _lines(words: Sequence[_Word]) -> list[_Line]:
    """The words of each line. A closing brace begins one, an opening brace ends one."""
    lines: list[_Line] = []
    depth, begin = 0, True
    previous = ""
    for word in words:
        starts = word.kind in _STARTERS[min(depth, 2)] and previous != "CLUSTER"
        if word.kind == "RBRACE":
            depth -= 1
            begin = True
        if begin or starts or word.kind == "$END":
            lines.append(_Line(depth, []))
        lines[-1].words.append(word)
        begin = word.kind == "LBRACE"
        depth += word.kind == "LBRACE"
        previous = word.kind
    return lines


def _blank(before: _Line | None, line: _Line) -> str:
    """An empty line where the text had one, and around every policy."""
    first = line.words[0]
    if before is None or before.words[-1].kind == "LBRACE" or (first.kind == "RBRACE" and not first.before):
        return ""
    if first.kind == "$END" and not first.before:
        return ""
    is_apart = line.depth == 0 and first.kind != "RBRACE" and (before.words[0].kind == "RBRACE" or first.kind in ("POLICY", "CLUSTER"))
    had_one = (first.first_line or first.line) > before.words[-1].end_line + 1
    return "\n" if is_apart or had_one else ""


def _set(line: _Line) -> str:
    """One line with its comments, broken where it must be."""
    margin = _INDENT * line.depth
    first, last = line.words[0], line.words[-1]
    inner = _INDENT * (line.depth + (first.kind == "RBRACE"))
    head = "".join(f"{inner if comment else ''}{comment}\n" for comment in first.before)
    if first.kind == "$END":
        return head
    text = "".join(_flowing(line.words))
    whole = margin + text + (f"  {last.after}" if last.after else "")
    is_plain = not any(word.after for word in line.words[:-1]) and not any(word.before for word in line.words[1:])
    if is_plain and len(margin + text) <= WIDTH and not _has_list_of_its_own(line.words):
        return f"{head}{whole}\n"
    return head + _broken(line.words, margin)


def _flowing(words: Sequence[_Word]) -> Iterator[str]:
    """The words with the blanks between them."""
    for index, word in enumerate(words):
        yield ("" if index == 0 else _between(words, index)) + word.text


def _between(words: Sequence[_Word], index: int) -> str:
    """The blank, or nothing, before a word."""
    before, word = words[index - 1], words[index]
    if word.kind in _TIGHT_BEFORE or before.kind in _TIGHT_AFTER or "NOT_EQUAL" in (before.kind, word.kind):
        return ""
    if word.kind == "EQUAL" or before.kind == "EQUAL":
        sign = index if word.kind == "EQUAL" else index - 1
        return " " if _is_spaced(words, sign) else ""
    return " "


def _is_spaced(words: Sequence[_Word], sign: int) -> bool:
    """Whether blanks stand around a sign of equality: in a `let` and in a header, not in labels and attributes."""
    return sign >= 2 and words[sign - 2].kind in ("LET", "HEADER")


def _has_list_of_its_own(words: Sequence[_Word]) -> bool:
    """Whether the requests begin on a line of their own."""
    return any(word.kind == "COLON" and after.line > word.end_line for word, after in pairwise(words))


def _broken(words: Sequence[_Word], margin: str) -> str:
    """A line over several lines: first its requests are set one below the other, then, if need be, its peers and ports."""
    breaks = _breaks_of_requests(words)
    first_stop = min(breaks, default=len(words))
    if len(margin + "".join(_flowing(words[:first_stop]))) > WIDTH:
        breaks |= {index: 2 for index in range(1, first_stop) if words[index].kind in ("OR", "ON")}
    lines = [margin + words[0].text]
    for index in range(1, len(words)):
        word, before = words[index], words[index - 1]
        if before.after:
            lines[-1] += f"  {before.after}"
        if index in breaks or before.after or word.before:
            inner = margin + _INDENT * breaks.get(index, 2)
            lines += [inner + comment for comment in word.before if comment]
            lines.append(inner + word.text)
        else:
            lines[-1] += _between(words, index) + word.text
    if words[-1].after:
        lines[-1] += f"  {words[-1].after}"
    return "".join(f"{each}\n" for each in lines)


def _breaks_of_requests(words: Sequence[_Word]) -> dict[int, int]:
    """Where requests begin, and what stands behind them: index of the word -> how much deeper its line begins."""
    starts = [index for index, word in enumerate(words) if word.kind == "COLON"]
    if not starts:
        starts = [index for index, word in enumerate(words) if word.kind == "REQUESTS"]
    if not starts:
        return {}
    breaks = {starts[0] + 1: 1}
    open_brackets = 0
    for index in range(starts[0] + 1, len(words)):
        open_brackets += (words[index].kind in ("LPAR", "LSQB")) - (words[index].kind in ("RPAR", "RSQB"))
        if open_brackets == 0 and words[index].kind == "COMMA" and index + 1 < len(words):
            breaks[index + 1] = 1
        elif words[index].kind in ("ON", "AUTHENTICATION"):
            breaks[index] = 1
            break
    return breaks
