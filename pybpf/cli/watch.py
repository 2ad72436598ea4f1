"""`pybpf watch`: interfaces of endpoints, attached when they appear."""

from __future__ import annotations

from pathlib import Path

import click

from pybpf.cli.enforcing import attach_option, folder_option, told


@click.command()
@attach_option
@folder_option
def watch(way: str | None, folder: Path) -> None:
    """Attach endpoints whose interfaces appear, and forget those that are gone, until it is stopped.

    One line for each. Policies that are applied meanwhile count from then on.
    """
    from pybpf.cli.stopping import stopping_in_order

    with stopping_in_order(), told():
        from pybpf.enforce.attachments import Way
        from pybpf.enforce.following import follow

        click.echo("watching", err=True)
        for moved in follow(folder, Way(way) if way is not None else None):
            for (namespace, name), interface in moved.attached:
                click.echo(f"endpoint {namespace}/{name} attached: {interface}")
            for namespace, name in moved.detached:
                click.echo(f"endpoint {namespace}/{name} is gone")
            if moved.wrong:
                click.echo(f"pybpf: {moved.wrong}", err=True)
