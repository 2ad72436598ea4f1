"""`pybpf show`: policies as pictures."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.cli.outputs import STANDARD_STREAM, write
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler.policy.picture import Picture


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--name", "names", metavar="NAME", multiple=True, help="The policies of this name only; may be given several times.")
@click.option("--text", "form", flag_value="text", default="text", help="Lines for a terminal, which is the default.")
@click.option("--svg", "form", flag_value="svg", help="A picture as SVG.")
@click.option("--json", "form", flag_value="json", help="One object for every policy.")
@click.option("-o", "--output", metavar="OUT", default=STANDARD_STREAM, help="Where to write; standard output when not given.")
def show(paths: tuple[str, ...], names: tuple[str, ...], form: str, output: str) -> None:
    """Show the policies in FILE... as pictures: whom each is for, who may do what, and what becomes of everything else."""
    from pybpf.compiler.policy import picture as drawing
    from pybpf.compiler.policy.reading import must_read
    from pybpf.compiler.policy.text.fields import did_you_mean

    inputs = read_inputs(paths)
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        policies = must_read(inputs.sources, imported).policies
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the files have errors") from error
    known = [each.name for each in policies]
    for name in names:
        if name not in known:
            raise Unable(f"there is no policy {name!r}: {did_you_mean(name, known)}")
    pictures = [drawing.picture(each) for each in policies if not names or each.name in names]
    if form == "svg":
        content = drawing.svg(pictures)
    elif form == "json":
        content = json.dumps([_row(each) for each in pictures], indent=2) + "\n"
    else:
        width = shutil.get_terminal_size((drawing.WIDTH, 0)).columns if output == STANDARD_STREAM else drawing.WIDTH
        content = "\n".join(drawing.text(each, width) for each in pictures)
    write(output, content.encode())


def _row(picture: Picture) -> dict[str, object]:
    """One picture for programs."""

    def plain(fields: list[tuple[str, object]]) -> dict[str, object]:
        return {name: value.value if isinstance(value, Enum) else value for name, value in fields}

    return asdict(picture, dict_factory=plain)
