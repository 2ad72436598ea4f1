"""Results -> what is printed: text for people, JSON for programs. Nothing here decides or does anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from pybpf.compiler.diag import Diagnostic, render

if TYPE_CHECKING:
    from rich.table import Table

    from pybpf.demo.flights import Row


def diagnostics(found: Iterable[Diagnostic]) -> str:
    """Every diagnostic with its place, line and hint, an empty line between two."""
    return "\n\n".join(render(each) for each in found)


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 error", "2 errors", "3 policies"."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def row_json(row: Row) -> str:
    """One request and what came of it, as one line of JSON."""
    return json.dumps(
        {
            "phase": row.phase.value,
            "cut": row.cut.value,
            "from": row.request.sender,
            "method": row.request.method,
            "path": row.request.path,
            "expected": row.expected,
            "got": row.got,
            "who_decided": row.who_decided,
            "reached_service": row.reached_service,
            "ok": row.ok,
        }
    )


def rows_table(rows: Sequence[Row]) -> Table:
    """The rows under a heading for each phase and cut; a row that is not as expected stands out."""
    from rich.box import SIMPLE_HEAD  # with what follows 50 ms: only where a table is printed
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(Column("request", no_wrap=True), "expected", "got", Column("who decided", no_wrap=True), box=SIMPLE_HEAD)
    for (phase, cut), group in groupby(rows, key=lambda row: (row.phase, row.cut)):
        table.add_row(Text(f"{phase.value}, {cut.value}", style="bold"))
        for row in group:
            request = f"{row.request.sender} {row.request.method} {row.request.path}"
            got = row.got if row.ok else f"{row.got} ✗{' (reached the service)' if row.reached_service else ''}"
            cells = (request, row.expected, got, row.who_decided)
            table.add_row(*(Text(cell) for cell in cells), style="" if row.ok else "bold red")
        table.add_section()
    return table


def rows_summary(rows: Sequence[Row]) -> str:
    """How many requests went as expected."""
    wrong = sum(not row.ok for row in rows)
    return f"{counted(len(rows), 'request')}, {wrong or 'none'} other than expected"

