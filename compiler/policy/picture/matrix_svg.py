"""Cells of a matrix -> SVG: who reaches whom, a table for each port."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from pybpf.compiler.policy.matrix import Cell, Reach
from pybpf.compiler.policy.picture.texts import printable

_CELL: Final = 34
_LINE: Final = 26
_LETTER: Final = 7.3
_MARGIN: Final = 20
# A sign and a colour for each: colour alone would not do.
_SIGNS: Final = {Reach.YES: ("●", "#dafbe1", "#1a7f37"), Reach.REQUESTS: ("◐", "#fff8c5", "#9a6700"), Reach.NO: ("", "#f6f8fa", "#8c959f")}
_LEGEND: Final = "●: connections pass; ◐: requests decide; empty: they do not pass. Rows are sources, columns destinations."


def matrix_svg(cells: Iterable[Cell]) -> str:
    """One SVG with a table for every port, in the order of the cells."""
    listed = list(cells)
    parts: list[str] = []
    top, width = _MARGIN, 2 * _MARGIN + int(len(_LEGEND) * _LETTER)
    for place in dict.fromkeys(each.place for each in listed):
        drawn, top, needed = _table([each for each in listed if each.place == place], top)
        parts += drawn
        width = max(width, needed)
    parts.append(f'<text x="{_MARGIN}" y="{top}">{escape(_LEGEND)}</text>')
    top += _MARGIN
    counts = (f"{sum(each.reach is reach for each in listed)} {reach.value}" for reach in Reach)
    style = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}.t{font-weight:bold;font-size:14px}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}" role="img">'
    told = f"<desc>{escape(_LEGEND)} Of {len(listed)} pairs and ports: {', '.join(counts)}.</desc>"
    rows = [head, "<title>who reaches whom</title>", told, f"<style>{style}</style>", f'<rect width="{width}" height="{top}" fill="#ffffff"/>']
    return "\n".join([*rows, *parts, "</svg>", ""])


def _table(cells: Sequence[Cell], top: int) -> tuple[list[str], int, int]:
    """The elements of one table, where the next begins, and how wide it is."""
    protocol, port = cells[0].place
    names = list(dict.fromkeys(name for cell in cells for name in (cell.source, cell.destination)))
    reach = {(cell.source, cell.destination): cell.reach for cell in cells}
    letters = max(len(printable(name)) for name in names) * _LETTER
    left, head = int(_MARGIN + letters + 12), int(letters * 0.75 + 24)
    parts = [f'<text x="{_MARGIN}" y="{top + 12}" class="t">{protocol.name} {port}</text>']
    for index, name in enumerate(names):
        x = left + index * _CELL + _CELL / 2
        parts.append(f'<text transform="translate({x:g} {top + head - 8}) rotate(-50)">{_shown(name)}</text>')
        parts.append(f'<text x="{_MARGIN}" y="{top + head + index * _LINE + 17}">{_shown(name)}</text>')
    for row, source in enumerate(names):
        for column, destination in enumerate(names):
            if (source, destination) in reach:
                parts.append(_cell(left + column * _CELL, top + head + row * _LINE, reach[source, destination], f"{source} to {destination}"))
    bottom = top + head + len(names) * _LINE + 2 * _MARGIN
    return parts, bottom, left + len(names) * _CELL + int(letters) + _MARGIN


def _cell(x: int, y: int, reach: Reach, what: str) -> str:
    sign, fill, colour = _SIGNS[reach]
    told = f"<title>{_shown(what)}: {reach.value}</title>"
    shape = f'<rect x="{x}" y="{y}" width="{_CELL - 3}" height="{_LINE - 3}" rx="3" fill="{fill}" stroke="{colour}"/>'
    mark = f'<text x="{x + _CELL / 2 - 5:g}" y="{y + 16}" style="fill:{colour}">{sign}</text>' if sign else ""
    return f"<g>{told}{shape}{mark}</g>"


def _shown(text: str) -> str:
    return escape(printable(text))
