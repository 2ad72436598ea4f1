"""`pybpf compile`: policies -> one BPF object, or any stage on the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.cli.outputs import STANDARD_STREAM, write
from pybpf.cli.stages import STAGES
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler import Compilation


@click.command("compile")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", help="Where to write; - for standard output. Needed for an object.")
@click.option("--emit", type=click.Choice(sorted(STAGES)), help="Write this stage as text in place of the object.")
@click.pass_context
def compile_policies(context: click.Context, paths: tuple[str, ...], output: str | None, emit: str | None) -> None:
    """Compile the policies in FILE... to one BPF object, or show a stage on the way.

    FILE is as for `pybpf check`. Nothing is written when anything is wrong; exit status 1 when a policy is, 2 when something
    could not be read or written.
    """
    if output is None and emit is None:
        raise click.UsageError("an object needs a place: give -o OUT.o, or --emit to see a stage as text")
    compilation = _compile(context, paths)
    content = STAGES[emit](compilation).encode() if emit is not None else compilation.whole().elf
    write(output or STANDARD_STREAM, content)


def _compile(context: click.Context, paths: tuple[str, ...]) -> Compilation:
    """The policies compiled; ends the command after saying all that is wrong."""
    from pybpf.compiler import compile_policy  # half the start-up time of the rest together

    inputs = read_inputs(paths)
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        return compile_policy(inputs.sources, load=imported)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        context.exit(1)
