"""`pybpf explain`: what a code of a finding means, or a key of a file."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pybpf.cli.failing import Unable


@click.command()
@click.argument("what")
@click.option("--json", "as_json", is_flag=True, help="One object.")
def explain(what: str, as_json: bool) -> None:
    """Say what WHAT means: a code such as policy-unknown-key, or a key such as spec.ingress.toPorts, inventory.nodes or
    NetworkPolicy.spec.podSelector."""
    from pybpf.compiler.policy.pages import pages, shown
    from pybpf.compiler.policy.schema import SHAPES, explained
    from pybpf.compiler.policy.text.fields import did_you_mean

    known = pages()
    if what in known:
        page = known[what]
        click.echo(json.dumps(asdict(page), indent=2) if as_json else shown(page), nl=as_json)
        return
    if "." not in what and what not in SHAPES and what not in ("spec", "specs", "metadata"):
        raise Unable(f"there is no code {what!r}: {did_you_mean(what, known)}")
    try:
        text = explained(what)
    except LookupError as error:
        raise Unable(str(error)) from error
    click.echo(json.dumps({"key": what, "text": text}, indent=2) if as_json else text, nl=as_json)
