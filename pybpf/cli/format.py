"""`pybpf fmt`: set .policy files well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import read_inputs
from pybpf.cli.outputs import STANDARD_STREAM, write
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler.diag import Source

_STANDARD_INPUT = "<stdin>"


@click.command("fmt")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; say which files would change. Exit status 1 if any would.")
@click.pass_context
def format_policies(context: click.Context, paths: tuple[str, ...], only_check: bool) -> None:
    """Set the .policy files in FILE... well: layout alone changes, and every comment is kept.

    A FILE is a file, a folder (every .policy file beneath it) or -, which is written to standard output. Exit status 1 when a file
    does not parse, which is then left as it is.
    """
    inputs = read_inputs(paths)
    chosen = [each for each in inputs.sources if each.name.endswith(".policy") or each.name in (*paths, _STANDARD_INPUT)]
    changed = [_formatted(each) for each in chosen]
    for source, text in zip(chosen, changed, strict=True):
        if text is None or (text == source.text and source.name != _STANDARD_INPUT):
            continue
        if only_check:
            click.echo(f"{source.name} would change")
        else:
            write(STANDARD_STREAM if source.name == _STANDARD_INPUT else source.name, text.encode())
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    differs = any(text != source.text for source, text in zip(chosen, changed, strict=True))
    context.exit(1 if None in changed or (only_check and differs) else 0)


def _formatted(source: Source) -> str | None:
    """The text, well set; None after saying why it does not parse."""
    from pybpf.compiler.policy.language import formatted

    try:
        return formatted(source)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        return None
