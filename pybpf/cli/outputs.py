"""Where commands write: a file, or standard output."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from pybpf.cli.failing import Unable, reason

STANDARD_STREAM: Final = "-"


def write(output: str, content: bytes) -> None:
    """Write to a file or to standard output. Raises Unable when that fails."""
    if output == STANDARD_STREAM:
        click.echo(content, nl=False)
        return
    try:
        Path(output).write_bytes(content)
    except OSError as error:
        raise Unable(f"{output}: {reason(error)}") from error
