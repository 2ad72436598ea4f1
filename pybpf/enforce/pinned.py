"""Attachments that outlive their process: their names in a folder, and what has become of them.

A link is pinned under its name. A filter of clsact is no object of its own: for it there is a folder of that name, made before the
filter and removed after it. A name says what should be there; whether it is, only the kernel knows: interfaces go and come again, and
others detach what is not theirs.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from pybpf.enforce.attachments import HOOKS, Filter, Way, before, check_free
from pybpf.errors import KernelError
from pybpf.hooks import TcxOrder, attach_clsact, attach_tcx
from pybpf.links import Link
from pybpf.netlink import Channel
from pybpf.programs import Program

_NAME: Final = re.compile(r"([0-9]+)_(to|from)")
# What the kernel says to taking off what has gone with its interface.
_GONE: Final = (errno.ENODEV, errno.ENOENT, errno.ENOLINK)


class Pinned:
    """Attachments with names in a folder; they go on when nobody has this object."""

    def __init__(self, folder: Path, way: Way) -> None:
        self._folder, self._way = folder, way

    def interfaces(self) -> set[int]:
        """Those that have attachments, or had some when they went."""
        return {_place(path)[0] for path in self._paths()}

    def has_filters(self) -> bool:
        """Whether some are filters, which only a process in their network namespace can see and take off."""
        return any(path.is_dir() for path in self._paths())

    def live(self, programs: Mapping[str, Program]) -> set[int]:
        """The interfaces that have these programs at both hooks."""
        wanted = {name: programs[program].info().id for name, (_, program) in HOOKS.items()}
        right = {place for path in self._paths() if _program_id(path) == wanted[(place := _place(path))[1]]}
        return {index for index, _ in right if all((index, name) in right for name in HOOKS)}

    def before(self, indices: Collection[int]) -> dict[int, list[str]]:
        """What runs before ours at these interfaces, by their numbers: names of programs and filters."""
        found = [(path, *_place(path)) for path in self._paths()]
        return {index: names for path, index, name in found if index in indices and (names := _before(path, index, name))}

    def check(self, indices: Iterable[int]) -> None:
        """Raise Occupied or KernelError where attaching would."""
        channel = Channel() if self._way is Way.CLSACT else None
        with channel or nullcontext():
            for index in indices:
                for name, (hook, _) in HOOKS.items():
                    if not _program_id(self._folder / f"{index}_{name}"):
                        check_free(index, hook, channel)

    def attach(self, index: int, programs: Mapping[str, Program]) -> None:
        """Both hooks of an interface. What is attached already stays, with these programs. Raises KernelError and Occupied; then one may
        be attached."""
        self._folder.mkdir(exist_ok=True)
        for name, (_, program) in HOOKS.items():
            path = self._folder / f"{index}_{name}"
            if not _moved(path, programs[program]):
                self._make(path, programs[program], index, name)

    def keep(self, indices: Collection[int]) -> None:
        """Take the others off, now: a link whose name goes would be taken off by the kernel only a little later. Raises KernelError; what
        could not be taken off keeps its name."""
        for path in self._paths():
            if _place(path)[0] not in indices:
                _take_off(path)

    def move(self, programs: Mapping[str, Program]) -> None:
        """Put these programs in the place of others that are attached; forget what is attached no more."""
        for path in self._paths():
            if not _moved(path, programs[HOOKS[_place(path)[1]][1]]):
                _forget(path)

    def _paths(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
        return []

    def _make(self, path: Path, program: Program, index: int, name: str) -> None:
        hook = HOOKS[name][0]
        match self._way:
            case Way.TCX:
                _forget(path)
                check_free(index, hook, None)
                with attach_tcx(program, index, hook, TcxOrder.FIRST) as link:
                    link.pin(path)
            case Way.CLSACT:
                _forget(path)
                with Channel() as channel:
                    check_free(index, hook, channel)
                    path.mkdir()  # from now on a filter of ours at that hook is this one
                    try:
                        attach_clsact(program, index, hook, channel)
                    except BaseException:
                        path.rmdir()
                        raise


def _moved(path: Path, program: Program) -> bool:
    """Whether something is attached under that name; it has that program now."""
    present = _program_id(path)
    if not present:
        return False
    if present != program.info().id:
        with _opened(path) as held:
            held.update(program)
    return True


def _program_id(path: Path) -> int:
    """Of the program that is attached under that name; 0: nothing is."""
    if not path.exists():
        return 0
    with _opened(path) as held:
        if isinstance(held, Filter):
            return held.program_id()
        info = held.info()
        return info.prog_id if info.ifindex == _place(path)[0] else 0


def _before(path: Path, index: int, name: str) -> list[str]:
    present = _program_id(path)
    if not present:
        return []
    with _opened(path) as held:
        return before(held, index, HOOKS[name][0], present)


def _take_off(path: Path) -> None:
    with _opened(path) as held:
        try:
            held.detach()
        except KernelError as error:
            if error.errno not in _GONE:
                raise
    _forget(path)


@contextmanager
def _opened(path: Path) -> Iterator[Link | Filter]:
    """The attachment of that name."""
    if path.is_dir():
        index, name = _place(path)
        yield Filter(index, HOOKS[name][0])
    else:
        with Link.from_pin(path) as link:
            yield link


def _place(path: Path) -> tuple[int, str]:
    """Interface and hook of a name."""
    index, _, name = path.name.partition("_")
    return int(index), name


def _forget(path: Path) -> None:
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
