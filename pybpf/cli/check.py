"""`pybpf check`: say everything that is wrong with policies."""

from __future__ import annotations

import click

from pybpf.cli import render
from pybpf.cli.inputs import read_inputs
from pybpf.compiler.diag import CompileError, Diagnostic


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.pass_context
def check(context: click.Context, paths: tuple[str, ...]) -> None:
    """Say everything that is wrong with the policies in FILE...

    A FILE is a file, a folder (every .yaml and .yml file beneath it) or - for standard input. Exit status 1 when there are
    errors in policies, 2 when something could not be read.
    """
    from pybpf.compiler import compile_policy  # half the start-up time of the rest together

    inputs = read_inputs(paths)
    found: list[Diagnostic] = []
    policies = 0
    try:
        policies = len(compile_policy(inputs.sources).policies)
    except CompileError as error:
        found.extend(error.diagnostics)
    if found:
        click.echo(render.diagnostics(found))
    for line in inputs.unreadable:
        click.echo(f"pybpf: {line}", err=True)
    files = render.counted(len(inputs.sources), "file")
    click.echo(f"{files}: {render.counted(len(found), 'error')}" if found else f"{files}: {render.counted(policies, 'policy')}, no errors", err=True)
    context.exit(2 if inputs.unreadable else 1 if found else 0)
