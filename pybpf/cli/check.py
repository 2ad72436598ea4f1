"""`pybpf check`: say everything that is wrong with policies."""

from __future__ import annotations

import click

from pybpf.cli import render
from pybpf.cli.collector import paused
from pybpf.cli.inputs import imported, read_inputs
from pybpf.compiler.diag import Severity


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.pass_context
def check(context: click.Context, paths: tuple[str, ...]) -> None:
    """Say everything that is wrong with the policies in FILE...

    A FILE is a file, a folder (every .yaml, .yml and .policy file beneath it) or - for standard input. Exit status 1 when there are
    errors in policies, 2 when something could not be read.
    """
    from pybpf.compiler.policy.reading import read  # not the compiler: checking needs no LLVM

    inputs = read_inputs(paths)
    with paused():
        reading = read(inputs.sources, imported)
    errors = sum(each.severity is Severity.ERROR for each in reading.found)
    warnings = len(reading.found) - errors
    if reading.found:
        click.echo(render.diagnostics(reading.found))
    for line in inputs.unreadable:
        click.echo(f"pybpf: {line}", err=True)
    files, more = render.counted(len(inputs.sources), "file"), f", {render.counted(warnings, 'warning')}" if warnings else ""
    good = f"{render.counted(len(reading.policies), 'policy')}, no errors"
    click.echo(f"{files}: {render.counted(errors, 'error') if errors else good}{more}", err=True)
    context.exit(2 if inputs.unreadable else 1 if errors else 0)
