"""`pybpf demo`: see a policy at work in namespaces of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable, reason
from pybpf.cli.stopping import stopping_in_order
from pybpf.compiler.diag import CompileError, Source

if TYPE_CHECKING:
    from pybpf.demo.flights import Row

SCENARIOS: Final = ("flights",)
SCENARIO_FILE: Final = "requests.yaml"


@click.command()
@click.argument("scenario", type=click.Choice(SCENARIOS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per request.")
@click.pass_context
def demo(context: click.Context, scenario: str, as_json: bool) -> None:
    """Enforce a policy between workloads on this machine and show what became of their requests.

    Everything happens in network namespaces that are made for it and removed afterwards. Exit status 1 when any request
    went otherwise than expected, 2 when the demo could not run. Needs root.
    """
    _require_rights()
    with stopping_in_order():
        rows = _rows(scenario)
    if as_json:
        click.echo("".join(f"{render.row_json(row)}\n" for row in rows), nl=False)
    else:
        _print_table(rows)
    context.exit(0 if all(row.ok for row in rows) else 1)


def _require_rights() -> None:
    """End the command with one line when this process or this kernel cannot do it."""
    from pybpf.features import missing

    if os.geteuid() != 0:
        raise Unable("the demo makes network namespaces and needs root: run it with sudo")
    lacking = missing()
    if lacking:
        raise Unable("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))


def _rows(scenario: str) -> tuple[Row, ...]:
    """Run the scenario of that name."""
    from rich.console import Console  # with what follows, most of a second: only where a demo runs

    from pybpf.demo import SCENARIOS as folder
    from pybpf.demo.enforcing import enforcing
    from pybpf.demo.flights import run
    from pybpf.demo.scenario import read_scenario
    from pybpf.errors import KernelError, ObjectError

    try:
        read = read_scenario(_source(folder / scenario / SCENARIO_FILE))
        policies = [_source(path) for path in sorted((folder / scenario).glob("*.yaml")) if path.name != SCENARIO_FILE]
        with Console(stderr=True).status("starting") as status:
            return run(read, enforcing(read, policies), tell=status.update)
    except CompileError as error:
        raise Unable(f"the demo's own files are wrong\n{render.diagnostics(error.diagnostics)}") from error
    except (ObjectError, KernelError) as error:
        raise Unable(str(error)) from error
    except OSError as error:
        raise Unable(f"{error.filename}: {reason(error)}" if error.filename else reason(error)) from error


def _source(path: Path) -> Source:
    return Source(path.name, path.read_text(encoding="utf-8"))


def _print_table(rows: Sequence[Row]) -> None:
    from rich.console import Console

    Console().print(render.rows_table(rows))
    click.echo(render.rows_summary(rows))
