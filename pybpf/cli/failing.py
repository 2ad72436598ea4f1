"""The end of a command that could not do its work: one line on standard error and exit status 2."""

from __future__ import annotations

import errno
from typing import IO, Any

import click


class Unable(click.ClickException):
    """The command could not do its work; the message is one line and says what is missing."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """The line, on standard error."""
        click.echo(f"pybpf: {self.format_message()}", err=True)


def reason(error: OSError) -> str:
    """The errno's name and what it means: "ENOENT: No such file or directory"."""
    if error.errno is None:
        return str(error)
    return f"{errno.errorcode.get(error.errno, error.errno)}: {error.strerror}"
