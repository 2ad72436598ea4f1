"""`pybpf schema`: the JSON Schema of a file, for editors."""

from __future__ import annotations

import json

import click

from pybpf.cli.failing import Unable


@click.command()
@click.argument("kind")
def schema(kind: str) -> None:
    """Print the JSON Schema of KIND: CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, CiliumCIDRGroup, NetworkPolicy or inventory."""
    from pybpf.compiler.policy.schema import SHAPES, json_schema
    from pybpf.compiler.policy.text.fields import did_you_mean

    if kind not in SHAPES:
        raise Unable(f"there is no schema of {kind!r}: {did_you_mean(kind, SHAPES)}")
    click.echo(json.dumps(json_schema(SHAPES[kind]), indent=2))
