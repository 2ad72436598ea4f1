"""`pybpf explain`: what a code of a finding means, or a key of a file."""

from __future__ import annotations

import click

from pybpf.cli.failing import Unable


@click.command()
@click.argument("what")
def explain(what: str) -> None:
    """Say what WHAT means: a code such as policy-unknown-key, or a key such as spec.ingress.toPorts, inventory.nodes or
    NetworkPolicy.spec.podSelector."""
    from pybpf.compiler.policy.pages import pages, shown
    from pybpf.compiler.policy.schema import SHAPES, explained
    from pybpf.compiler.policy.text.fields import did_you_mean

    known = pages()
    if what in known:
        click.echo(shown(known[what]), nl=False)
        return
    if "." not in what and what not in SHAPES and what not in ("spec", "specs", "metadata"):
        raise Unable(f"there is no code {what!r}: {did_you_mean(what, known)}")
    try:
        click.echo(explained(what), nl=False)
    except LookupError as error:
        raise Unable(str(error)) from error
