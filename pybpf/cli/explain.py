"""`pybpf explain`: what a code of an error or warning means."""

from __future__ import annotations

import click

from pybpf.cli.failing import Unable


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Say what CODE means, with an example and the remedy, such as policy-unknown-key."""
    from pybpf.compiler.policy.pages import pages, shown
    from pybpf.compiler.policy.text.fields import did_you_mean

    known = pages()
    if code not in known:
        raise Unable(f"there is no code {code!r}: {did_you_mean(code, known)}")
    click.echo(shown(known[code]), nl=False)
