"""Paths -> policies and the inventory that they are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.collector import paused
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler.policy.model.inventory import Inventory
    from pybpf.compiler.policy.model.policy import Policy


def known(paths: Sequence[str], who: str) -> tuple[tuple[Policy, ...], Inventory]:
    """The policies and the inventory; ends the command after saying all that is wrong with either."""
    from pybpf.compiler.policy.inventory import merged, read_inventory
    from pybpf.compiler.policy.reading import must_read

    inputs, of_inventory = read_inputs(paths), read_inputs([who])
    if unreadable := inputs.unreadable + of_inventory.unreadable:
        raise Unable("\npybpf: ".join(unreadable))
    try:
        with paused():
            inventory = read_inventory(of_inventory.sources[0])
            reading = must_read([each for each in inputs.sources if each.name != who], imported)
        return reading.policies, merged(inventory, reading.cidr_groups)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the files have errors") from error
