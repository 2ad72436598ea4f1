"""`pybpf check`: say everything that is wrong with policies, or doubtful."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.collector import paused
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.compiler.diag import CompileError, Diagnostic, Severity

if TYPE_CHECKING:
    from pybpf.compiler.policy.model.inventory import Inventory
    from pybpf.compiler.policy.reading import Reading


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--inventory", "who", metavar="FILE", help="Who exists (docs/policies.md): then it is told, too, what selects nobody.")
@click.option("--strict", is_flag=True, help="Exit status 1 for warnings, too.")
@click.option("--json", "as_json", is_flag=True, help="One object for every finding.")
@click.pass_context
def check(context: click.Context, paths: tuple[str, ...], who: str | None, strict: bool, as_json: bool) -> None:
    """Say everything that is wrong with the policies in FILE..., and what may not mean what it says.

    A FILE is a file, a folder (every .yaml, .yml and .policy file beneath it) or - for standard input. Exit status 1 when there are
    errors in policies, 2 when something could not be read. `pybpf explain CODE` says more of a finding.
    """
    from pybpf.compiler.policy.lint import lint  # not the compiler: checking needs no LLVM
    from pybpf.compiler.policy.reading import read

    inputs = read_inputs(paths)
    with paused():
        reading = read([each for each in inputs.sources if each.name != who], imported)
        inventory = _inventory(who, reading)
        found = (*reading.found, *lint(reading.policies, inventory))
    if as_json:
        click.echo(json.dumps([_row(each) for each in found], indent=2))
    elif found:
        click.echo(render.diagnostics(found))
    for line in inputs.unreadable:
        click.echo(f"pybpf: {line}", err=True)
    errors = sum(each.severity is Severity.ERROR for each in found)
    click.echo(_summary(len(inputs.sources), len(reading.policies), errors, len(found) - errors), err=True)
    context.exit(2 if inputs.unreadable else 1 if errors or (strict and found) else 0)


def _inventory(who: str | None, reading: Reading) -> Inventory | None:
    """The inventory with the groups of networks that were read; ends the command if it has errors."""
    from pybpf.compiler.policy.inventory import merged, read_inventory

    if who is None:
        return None
    inputs = read_inputs([who])
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        return merged(read_inventory(inputs.sources[0]), reading.cidr_groups)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the inventory has errors") from error


def _summary(files: int, policies: int, errors: int, warnings: int) -> str:
    more = f", {render.counted(warnings, 'warning')}" if warnings else ""
    good = f"{render.counted(policies, 'policy')}, no errors"
    return f"{render.counted(files, 'file')}: {render.counted(errors, 'error') if errors else good}{more}"


def _row(found: Diagnostic) -> dict[str, object]:
    """One finding for programs: lines and columns count from 1, the end is exclusive."""
    span = found.span
    return {
        "code": found.code,
        "severity": found.severity.value,
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        "message": found.message,
        "hint": found.hint,
    }
