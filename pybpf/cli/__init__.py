"""The command line. Every command is a module here, imported when it is asked for, so that `pybpf --version` is quick.

Exit status of every command: 0 all is well, 1 it found what you asked it to look for, 2 it could not do its work (wrong
usage, unreadable files, missing rights), 128+n stopped by signal n.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from pybpf import __version__

# command -> module:attribute
COMMANDS: Final = {
    "apply": "pybpf.cli.apply:apply",
    "build": "pybpf.cli.build:build_programs",
    "check": "pybpf.cli.check:check",
    "compile": "pybpf.cli.compile:compile_policies",
    "confirm": "pybpf.cli.apply:confirm",
    "convert": "pybpf.cli.convert:convert",
    "delete": "pybpf.cli.apply:delete",
    "demo": "pybpf.cli.demo:demo",
    "detach": "pybpf.cli.apply:detach",
    "diff": "pybpf.cli.diff:diff",
    "endpoints": "pybpf.cli.status:endpoints",
    "explain": "pybpf.cli.explain:explain",
    "fmt": "pybpf.cli.format:format_policies",
    "matrix": "pybpf.cli.matrix:matrix",
    "observe": "pybpf.cli.observe:observe",
    "rates": "pybpf.cli.status:rates",
    "rollback": "pybpf.cli.apply:rollback",
    "rules": "pybpf.cli.status:rules",
    "schema": "pybpf.cli.schema:schema",
    "show": "pybpf.cli.show:show",
    "status": "pybpf.cli.status:status",
    "test": "pybpf.cli.testing:test_policies",
    "watch": "pybpf.cli.watch:watch",
    "why": "pybpf.cli.why:why",
}


class LazyGroup(click.Group):
    """The commands of the table, each imported when it is used or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), command
        return command


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="pybpf", message="%(prog)s %(version)s")
def main() -> None:
    """Network policy compiled to BPF and enforced in the kernel, up to HTTP."""
