"""`pybpf matrix`: who reaches whom."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pybpf.cli.failing import Unable
from pybpf.cli.knowing import known

if TYPE_CHECKING:
    from pybpf.compiler.policy.matrix import Cell

_SIGNS = {"yes": "yes", "requests decide": "req", "no": "-"}


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--inventory", "who", metavar="FILE", required=True, help="Who exists (docs/policies.md).")
@click.option("--port", "ports", metavar="PORT[/PROTOCOL]", multiple=True, help="A port to ask about; all that policies name when none is given.")
@click.option("--csv", "form", flag_value="csv", help="One line for every pair and port.")
@click.option("--svg", "form", flag_value="svg", help="A picture: a table for every port.")
@click.option("--json", "form", flag_value="json", help="One object for every pair and port.")
def matrix(paths: tuple[str, ...], who: str, ports: tuple[str, ...], form: str | None) -> None:
    """Say who reaches whom under the policies in FILE..., port by port, each flow judged at both ends.

    yes: connections pass; req: requests decide; -: they do not pass.
    """
    from pybpf.cli.asking import NotUnderstood, place
    from pybpf.compiler.policy import matrix as making
    from pybpf.compiler.policy.resolve import resolve

    policies, inventory = known(paths, who)
    resolved = resolve(policies, inventory)
    try:
        places = tuple(place(each) for each in ports) or making.places_of(resolved)
    except NotUnderstood as error:
        raise Unable(str(error)) from error
    cells = list(making.matrix(resolved, places))
    if form == "csv":
        click.echo(_csv(cells), nl=False)
    elif form == "svg":
        from pybpf.compiler.policy.picture import matrix_svg

        click.echo(matrix_svg(cells), nl=False)
    elif form == "json":
        click.echo(json.dumps([_row(cell) for cell in cells], indent=2))
    else:
        click.echo("\n".join(_table(cells, each) for each in dict.fromkeys(cell.place for cell in cells)))


def _row(cell: Cell) -> dict[str, object]:
    protocol, port = cell.place
    return {"from": cell.source, "to": cell.destination, "protocol": protocol.name, "port": port, "reaches": cell.reach.value}


def _csv(cells: Sequence[Cell]) -> str:
    written = io.StringIO()
    rows = csv.DictWriter(written, ["from", "to", "protocol", "port", "reaches"], lineterminator="\n")
    rows.writeheader()
    rows.writerows(_row(cell) for cell in cells)
    return written.getvalue()


def _table(cells: Sequence[Cell], place: object) -> str:
    """One port as a table: sources down, destinations across, their names below it by number."""
    here = {(cell.source, cell.destination): cell.reach for cell in cells if cell.place == place}
    names = list(dict.fromkeys(name for pair in here for name in pair))
    width = max(map(len, names))
    head = next(f"{cell.place[0].name} {cell.place[1]}" for cell in cells if cell.place == place)
    lines = [head, " " * (width + 4) + "".join(f"{number:>5}" for number in range(1, len(names) + 1))]
    for number, source in enumerate(names, 1):
        row = [_SIGNS[here[source, each].value] if (source, each) in here else "" for each in names]
        lines.append(f"{number:>3} {source:<{width}}" + "".join(f"{sign:>5}" for sign in row))
    return "\n".join(line.rstrip() for line in lines) + "\n"
