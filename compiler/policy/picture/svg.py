"""Picture -> SVG: callers on the left, the subject in the middle, whom it calls on the right, everything else below.

One file without anything else: no script, no fonts to load, texts as texts, a title and a description for those who do not see it.
What refuses is red, dashed and crossed out, so that it does not depend on colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from pybpf.compiler.policy.picture.drawing import Arrow, Fate, Half, Lane, Picture
from pybpf.compiler.policy.picture.text import text
from pybpf.compiler.policy.picture.texts import lines, printable, shortened

_LINE: Final = 16  # the height of a line of text, in pixels
_LETTER: Final = 7.3  # the width of a letter
_BOX: Final = 300
_WAY: Final = 360  # the length of an arrow
_SUBJECT: Final = 220
_GAP: Final = 18
_PADDING: Final = 10
_MARGIN: Final = 20
_WIDTH: Final = 2 * _MARGIN + 2 * _BOX + 2 * _WAY + _SUBJECT
_COLOURS: Final = {Fate.PASSES: "#1a7f37", Fate.REFUSED: "#cf222e", Fate.TOLD: "#9a6700", Fate.LEFT: "#57606a", Fate.NOTHING: "#8c959f"}
_DASHED: Final = (Fate.REFUSED, Fate.TOLD, Fate.NOTHING)
_NOT_SAID: Final = Arrow(Fate.NOTHING, ("everything",), "this policy says nothing of it", (), ())
_STYLE: Final = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}.t{font-weight:bold;font-size:14px}.n{fill:#57606a}"


@dataclass(frozen=True, slots=True)
class _Row:
    """One arrow with its box: the lines in the box and those at the arrow."""

    peers: tuple[str, ...]
    said: tuple[str, ...]
    fate: Fate

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
    description = "\n".join(map(text, pictures))
    return "\n".join(
        [
            head,
            f"<title>{escape(printable(title))}</title>",
            f"<desc>{escape(description)}</desc>",
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _picture(picture: Picture, top: int) -> tuple[list[str], int]:
    """The elements of one picture that begins at `top`, and where the next begins."""
    parts: list[str] = []
    for kind, said in (("t", picture.title), *(("n", note) for note in picture.notes)):
        # Titles have larger letters: room for four fifths of them.
        for line in lines(said, int(_letters(_WIDTH - 2 * _MARGIN) * 0.8)):
            parts.append(_text(_MARGIN, top + 12, line, kind))
            top += _LINE
    top += 6
    left, right = _rows(picture.ingress), _rows(picture.egress)
    subject = lines(picture.subject, _letters(_SUBJECT))
    height = max(_height(left), _height(right), len(subject) * _LINE + 14 + _GAP)
    middle = _MARGIN + _BOX + _WAY
    parts.append(_box(middle, top, _SUBJECT, height - _GAP, "#0969da", "#ddf4ff"))
    parts += _lines(middle + _PADDING, top + (height - _GAP - len(subject) * _LINE) / 2, subject)
    parts += _half(left, _MARGIN, _MARGIN + _BOX, middle, top)
    parts += _half(right, middle + _SUBJECT + _WAY, middle + _SUBJECT, middle + _SUBJECT + _WAY, top)
    return parts, top + height + _MARGIN


def _rows(half: Half) -> list[_Row]:
    """A row for each rule, and one for everything else."""
    return [*map(_row, half.arrows), _row(half.rest if half.rest is not None else _NOT_SAID)]


def _row(arrow: Arrow) -> _Row:
    room = _letters(_WAY)
    said = [*lines(arrow.said, room)] if arrow.said else []
    said += [line for lane in arrow.lanes for line in _lane(lane, room)]
    said += [line for note in arrow.notes for line in lines(note, room)]
    peers = [line for each in shortened(arrow.peers) for line in lines(each, _letters(_BOX))]
    return _Row(tuple(peers), tuple(said), arrow.fate)


def _lane(lane: Lane, room: int) -> Iterator[str]:
    yield from lines(lane.where, room)
    for each in (*([lane.note] if lane.note else []), *shortened(lane.requests)):
        yield from lines(each, room, "  ")


def _letters(width: float) -> int:
    """How many fit between the paddings."""
    return int((width - 2 * _PADDING) / _LETTER)


def _height(rows: Iterable[_Row]) -> int:
    return sum(each.height + _GAP for each in rows)


def _half(rows: Sequence[_Row], box: float, start: float, end: float, top: float) -> Iterator[str]:
    """The rows of one direction: boxes at `box`, arrows from `start` to `end`."""
    for row in rows:
        colour = _COLOURS[row.fate]
        yield _box(box, top, _BOX, row.height, colour, "#f6f8fa")
        yield from _lines(box + _PADDING, top + (row.height - len(row.peers) * _LINE) / 2, row.peers)
        yield from _way(row.fate, start, end, top + row.height - 9)
        yield from _lines(start + _PADDING, top, row.said)
        top += row.height + _GAP


def _way(fate: Fate, start: float, end: float, at: float) -> Iterator[str]:
    """The line at height `at`: with a head where something arrives, crossed where it is stopped, a mere line where nothing goes."""
    colour = _COLOURS[fate]
    dash = ' stroke-dasharray="6 4"' if fate in _DASHED else ""
    yield f'<path d="M{start:g} {at:g}H{end - 8:g}" stroke="{colour}" stroke-width="2" fill="none"{dash}/>'
    if fate is not Fate.NOTHING:
        yield f'<path d="M{end - 10:g} {at - 5:g}L{end - 1:g} {at:g}L{end - 10:g} {at + 5:g}Z" fill="{colour}"/>'
    if fate is Fate.REFUSED:
        middle = (start + end) / 2
        yield f'<path d="M{middle - 7:g} {at - 7:g}l14 14m0 -14l-14 14" stroke="{colour}" stroke-width="3"/>'


def _box(x: float, y: float, width: float, height: float, colour: str, fill: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill={quoteattr(fill)} stroke={quoteattr(colour)}/>'


def _lines(x: float, y: float, each_line: Iterable[str]) -> list[str]:
    return [_text(x, y + 12 + index * _LINE, each, "") for index, each in enumerate(each_line)]


def _text(x: float, y: float, said: str, kind: str) -> str:
    of = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{of} xml:space="preserve">{escape(said)}</text>'
