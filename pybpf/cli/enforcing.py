"""What the commands of enforcement share: the folder, and errors as the command line tells them."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable, reason
from pybpf.compiler.diag import BackendError, CompileError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
F = TypeVar("F", bound=Callable[..., Any])


def folder_option(command: F) -> F:
    """--folder, where everything is pinned."""
    made = click.option(
        "--folder", metavar="DIR", envvar="PYBPF_FOLDER", default="/sys/fs/bpf/pybpf", show_default=True, type=click.Path(path_type=Path),
        help="Where everything is pinned, in a BPF file system.",
    )  # fmt: skip
    return made(command)


def attach_option(command: F) -> F:
    """--attach, how interfaces that are not attached yet will be."""
    words = "How interfaces that are new are attached; the best that the kernel has when not given."
    return click.option("--attach", "way", type=click.Choice(["tcx", "clsact"]), help=words)(command)


def seconds_of(option: str, text: str) -> int:
    """A length of time as people write it: 30s, 5m, 2h."""
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if found is None:
        raise Unable(f"{option} {text}: write 30s, 5m or 2h")
    return int(found[1]) * _UNITS[found[2]]


@contextmanager
def changing() -> Iterator[None]:
    """As `told`, for a command that changes what is enforced: quickly. What it makes it needs to its end, so nothing is collected."""
    gc.disable()
    with told():
        yield


@contextmanager
def told() -> Iterator[None]:
    """Errors of enforcement become one line and exit status 2; errors of files are shown with their places."""
    from pybpf.compiler.policy.model.inventory import InventoryError
    from pybpf.enforce.applying import Nothing
    from pybpf.enforce.attachments import Occupied
    from pybpf.enforce.confirming import Waiting
    from pybpf.enforce.numbering import TableFull
    from pybpf.enforce.presence import Elsewhere
    from pybpf.enforce.store import Busy
    from pybpf.enforce.values import Unreadable
    from pybpf.errors import KernelError, ObjectError
    from pybpf.places import PlaceError

    try:
        yield
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the files have errors") from error
    except (KernelError, ObjectError, PlaceError, Nothing, TableFull, Busy, Waiting, Unreadable, Occupied, Elsewhere, BackendError, InventoryError) as error:
        raise Unable(str(error)) from error
    except BrokenPipeError:
        raise  # click ends quietly when nobody reads on
    except OSError as error:
        raise Unable(f"{error.filename}: {reason(error)}" if error.filename else reason(error)) from error
