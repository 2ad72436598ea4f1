"""Picture -> SVG: callers on the left, the subject in the middle, whom it calls on the right, everything else below.

One file without anything else: no script, no fonts to load, texts as texts, a title and a description for those who do not see it.
What denies is red, dashed and crossed out, so that it does not depend on colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from pybpf.compiler.policy.model.policy import Action
from pybpf.compiler.policy.picture.drawing import Arrow, Half, Picture
from pybpf.compiler.policy.picture.text import shortened, text

_LINE: Final = 16  # the height of a line of text, in pixels
_LETTER: Final = 7.3  # the width of a letter
_BOX: Final = 300
_WAY: Final = 330  # the length of an arrow
_SUBJECT: Final = 220
_GAP: Final = 18
_MARGIN: Final = 20
_WIDTH: Final = 2 * _MARGIN + 2 * _BOX + 2 * _WAY + _SUBJECT
_COLOURS: Final = {Action.ALLOW: "#1a7f37", Action.DENY: "#cf222e", Action.PASS: "#57606a"}
_WORDS: Final = {Action.ALLOW: (), Action.DENY: ("denied",), Action.PASS: ("left to the next tier",)}
_GREY: Final = "#8c959f"
_STYLE: Final = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}.t{font-weight:bold;font-size:14px}.n{fill:#57606a}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One arrow with its box: the lines in the box and those at the arrow."""

    peers: tuple[str, ...]
    said: tuple[str, ...]
    colour: str
    crossed: bool

    @property
    def height(self) -> int:
        return max(len(self.peers), len(self.said) + 1) * _LINE + 14


def svg(pictures: Sequence[Picture]) -> str:
    """One SVG with the pictures one below the other."""
    parts: list[str] = []
    top = _MARGIN
    for each in pictures:
        drawn, top = _picture(each, top)
        parts += drawn
    title = "; ".join(each.title for each in pictures)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" role="img">'
    description = "\n".join(text(each) for each in pictures)
    return "\n".join(
        [
            head,
            f"<title>{escape(_clean(title))}</title>",
            f"<desc>{escape(_clean(description))}</desc>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _picture(picture: Picture, top: int) -> tuple[list[str], int]:
    """The elements of one picture that begins at `top`, and where the next begins."""
    parts = [_text(_MARGIN, top + 12, picture.title, "t")]
    top += 22
    for note in picture.notes:
        parts.append(_text(_MARGIN, top + 10, note, "n"))
        top += _LINE
    left, right = _rows(picture.ingress), _rows(picture.egress)
    height = max(_height(left), _height(right), 60)
    middle = _MARGIN + _BOX + _WAY
    lines = _wrapped(picture.subject, _SUBJECT)
    parts.append(_box(middle, top, _SUBJECT, height - _GAP, "#0969da", "#ddf4ff"))
    parts += _lines(middle + 10, top + height / 2 - len(lines) * _LINE / 2, lines)
    parts += _half(left, _MARGIN, _MARGIN + _BOX, middle, top)
    parts += _half(right, middle + _SUBJECT + _WAY, middle + _SUBJECT, middle + _SUBJECT + _WAY, top)
    return parts, top + height + _MARGIN


def _rows(half: Half) -> list[_Row]:
    """A row for each rule, and one for everything else."""
    if half.rest_passes is None:
        return [_Row(("everything",), ("nothing said",), _GREY, False)]
    rest = ("passes",) if half.rest_passes else ("refused",)
    return [*map(_row, half.arrows), _Row(("everything else",), rest, _GREY if half.rest_passes else _COLOURS[Action.DENY], not half.rest_passes)]


def _row(arrow: Arrow) -> _Row:
    said = [*_WORDS[arrow.action]]
    for lane in arrow.lanes:
        said += [lane.where, *(f"  {each}" for each in shortened(lane.requests))]
    peers = [line for each in shortened(arrow.peers) for line in _wrapped(each, _BOX)]
    lines = [_cut(each, _WAY) for each in (*said, *arrow.notes)]
    return _Row(tuple(peers), tuple(lines), _COLOURS[arrow.action], arrow.action is Action.DENY)


def _height(rows: Iterable[_Row]) -> int:
    return sum(each.height + _GAP for each in rows)


def _half(rows: Sequence[_Row], box: float, start: float, end: float, top: float) -> Iterator[str]:
    """The rows of one direction: boxes at `box`, arrows from `start` to `end`."""
    for row in rows:
        yield _box(box, top, _BOX, row.height, row.colour, "#f6f8fa")
        yield from _lines(box + 10, top + row.height / 2 - len(row.peers) * _LINE / 2, row.peers)
        at = top + row.height - 9
        dash = ' stroke-dasharray="6 4"' if row.crossed else ""
        yield f'<path d="M{start:g} {at:g}H{end - 8:g}" stroke="{row.colour}" stroke-width="2" fill="none"{dash}/>'
        yield f'<path d="M{end - 10:g} {at - 5:g}L{end - 1:g} {at:g}L{end - 10:g} {at + 5:g}Z" fill="{row.colour}"/>'
        if row.crossed:
            middle = (start + end) / 2
            yield f'<path d="M{middle - 7:g} {at - 7:g}l14 14m0 -14l-14 14" stroke="{row.colour}" stroke-width="3"/>'
        yield from _lines(start + 10, top, row.said)
        top += row.height + _GAP


def _box(x: float, y: float, width: float, height: float, colour: str, fill: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill={quoteattr(fill)} stroke={quoteattr(colour)}/>'


def _lines(x: float, y: float, lines: Iterable[str]) -> list[str]:
    return [_text(x, y + 12 + index * _LINE, each, "") for index, each in enumerate(lines)]


def _text(x: float, y: float, said: str, kind: str) -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{of} xml:space="preserve">{escape(_clean(said))}</text>'


def _wrapped(said: str, width: int) -> list[str]:
    """A text over several lines, broken behind commas and blanks where it can be."""
    room = int((width - 20) / _LETTER)
    lines: list[str] = [""]
    for word in said.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip() if lines[-1] else word
    return [_cut(each, width) for each in lines]


def _cut(said: str, width: int) -> str:
    room = int((width - 20) / _LETTER)
    return said if len(said) <= room else said[: room - 1] + "…"


def _clean(said: str) -> str:
    """Without what XML cannot hold, even escaped."""
    return "".join(each if each in "\n\t" or (each.isprintable() and ord(each) < 0x110000) else "\N{REPLACEMENT CHARACTER}" for each in said)
