"""`pybpf convert`: policies in another language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.collector import paused
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.cli.outputs import STANDARD_STREAM, write
from pybpf.compiler.diag import CompileError, Diagnostic, Severity

if TYPE_CHECKING:
    from pybpf.compiler.policy.model.inventory import CidrGroup
    from pybpf.compiler.policy.model.policy import Policy


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--to", "target", type=click.Choice(("policy", "cilium")), default="policy", show_default=True, help="The language to write.")
@click.option("-o", "--output", metavar="OUT", default=STANDARD_STREAM, help="Where to write; standard output when not given.")
@click.pass_context
def convert(context: click.Context, paths: tuple[str, ...], target: str, output: str) -> None:
    """Write the policies in FILE... in the policy language, or as CiliumNetworkPolicies, without change of meaning.

    What the target cannot say is told, and a policy that would become weaker is left out. Exit status 1 when one was left out, or
    when FILE... have errors, and then nothing is written.
    """
    from pybpf.compiler.policy.reading import must_read

    inputs = read_inputs(paths)
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        with paused():
            reading = must_read(inputs.sources, imported)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        context.exit(1)
    text, lost = _to_language(reading.policies) if target == "policy" else _to_cilium(reading.policies)
    _tell_of(reading.cidr_groups)
    if lost:
        click.echo(render.diagnostics(lost), err=True)
    write(output, text.encode())
    context.exit(1 if any(each.severity is Severity.ERROR for each in lost) else 0)


def _to_language(policies: Sequence[Policy]) -> tuple[str, tuple[Diagnostic, ...]]:
    """The text of policies, and what could not be written, one by one: a policy does not keep its neighbours back."""
    from pybpf.compiler.policy.language import show, simplified

    texts: list[str] = []
    lost: list[Diagnostic] = []
    for policy in policies:
        try:
            texts.append(show([simplified(policy)]))
        except CompileError as error:
            lost += error.diagnostics
    return "\n".join(texts), tuple(lost)


def _to_cilium(policies: Sequence[Policy]) -> tuple[str, tuple[Diagnostic, ...]]:
    from pybpf.compiler.policy.cilium import to_cilium

    written = to_cilium(policies)
    return written.text, written.lost


def _tell_of(groups: Sequence[CidrGroup]) -> None:
    """Groups of networks are no policies: they stay where they are."""
    if groups:
        click.echo(f"pybpf: needed beside the policies, and not written: CiliumCIDRGroup {', '.join(each.name for each in groups)}", err=True)
