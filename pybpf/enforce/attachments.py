"""Where the two programs of an endpoint hang: tcx links, or filters of clsact where the kernel has no tcx.

Attachments that outlive their process have their names in a folder: a link is pinned there, and for a filter, which is no object of
its own, there is a folder of that name, made before the filter and removed after it. Interfaces are those of the calling thread's
network namespace unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from pybpf import features
from pybpf.errors import KernelError
from pybpf.hooks import TcxHook, attach_clsact, attach_tcx, clsact_program_id, detach_clsact
from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.netlink import Channel
from pybpf.programs import Program

# What goes to an endpoint leaves the host's end of its interface, and the other way round. "to" first: answers need what was asked.
HOOKS: Final = {"to": (TcxHook.EGRESS, "to_endpoint"), "from": (TcxHook.INGRESS, "from_endpoint")}


class Way(Enum):
    """How programs are attached: by TCX links (6.6) or CLSACT filters (4.5)."""

    TCX = "tcx"
    CLSACT = "clsact"


def best_way() -> Way:
    """The one that this kernel has."""
    return Way.TCX if features.has_link(ProgramType.SCHED_CLS, AttachType.TCX_INGRESS) else Way.CLSACT


@dataclass(frozen=True, slots=True)
class Filter:
    """Our clsact filter at a hook of an interface, of the channel's network namespace or (None) the calling thread's."""

    interface_index: int
    hook: TcxHook
    channel: Channel | None = None

    def update(self, program: Program) -> None:
        """Put `program` in the place of the one that is there; each packet meets one of the two."""
        attach_clsact(program, self.interface_index, self.hook, self.channel)

    def detach(self) -> None:
        """Take it away, if it is there."""
        detach_clsact(self.interface_index, self.hook, self.channel)

    def is_live(self) -> bool:
        """Whether it is there."""
        return clsact_program_id(self.interface_index, self.hook, self.channel) is not None


class Held:
    """Attachments in the network namespace that the calling thread is in, which end with this object."""

    def __init__(self, way: Way) -> None:
        self._channel = Channel() if way is Way.CLSACT else None
        self._held: dict[int, list[Link | Filter]] = {}

    def interfaces(self) -> set[int]:
        """Those that have attachments."""
        return set(self._held)

    def attach(self, index: int, programs: Mapping[str, Program]) -> None:
        """Both hooks of an interface. Raises KernelError; then it has neither, or what it had."""
        if index in self._held:
            return
        with ExitStack() as undoing:
            made: list[Link | Filter] = []
            undoing.callback(_let_go, made)
            for hook, name in HOOKS.values():
                made.append(self._attached(programs[name], index, hook))
            undoing.pop_all()
        self._held[index] = made

    def keep(self, indices: Collection[int]) -> None:
        """Take the others off."""
        for index in self._held.keys() - set(indices):
            _let_go(self._held.pop(index))

    def close(self) -> None:
        """Take all off."""
        self.keep(())
        if self._channel is not None:
            self._channel.close()

    def _attached(self, program: Program, index: int, hook: TcxHook) -> Link | Filter:
        if self._channel is None:
            return attach_tcx(program, index, hook)
        attach_clsact(program, index, hook, self._channel)
        return Filter(index, hook, self._channel)


class Pinned:
    """Attachments with names in a folder; they go on when nobody has this object."""

    def __init__(self, folder: Path, way: Way) -> None:
        self._folder, self._way = folder, way

    def interfaces(self) -> set[int]:
        """Those that have attachments, or had some when they went."""
        return {_place(path)[0] for path in self._paths()}

    def attach(self, index: int, programs: Mapping[str, Program]) -> None:
        """Both hooks of an interface; what is attached already stays as it is. Raises KernelError; then one may be attached."""
        self._folder.mkdir(exist_ok=True)
        for name, (hook, program) in HOOKS.items():
            path = self._folder / f"{index}_{name}"
            if not self._is_live(path):
                _forget(path)
                self._make(path, programs[program], index, hook)

    def keep(self, indices: Collection[int]) -> None:
        """Take the others off, now: a link whose name goes would be taken off by the kernel only a little later."""
        for path in self._paths():
            if _place(path)[0] not in indices:
                with _opened(path) as held, suppress(KernelError):  # an interface that is gone has taken its attachments along
                    held.detach()
                _forget(path)

    def move(self, programs: Mapping[str, Program]) -> None:
        """Put these programs in the place of those that are attached."""
        for path in self._paths():
            if self._is_live(path):
                with _opened(path) as held:
                    held.update(programs[HOOKS[_place(path)[1]][1]])
            else:
                _forget(path)

    def _paths(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(self._folder.iterdir())
        return []

    def _is_live(self, path: Path) -> bool:
        if not path.exists():
            return False
        with _opened(path) as held:
            return bool(held.info().ifindex) if isinstance(held, Link) else held.is_live()

    def _make(self, path: Path, program: Program, index: int, hook: TcxHook) -> None:
        match self._way:
            case Way.TCX:
                with attach_tcx(program, index, hook) as link:
                    link.pin(path)
            case Way.CLSACT:
                path.mkdir()
                attach_clsact(program, index, hook)


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


def _let_go(held: list[Link | Filter]) -> None:
    for each in held:
        with suppress(KernelError):  # an interface that is gone has taken its attachments along
            each.detach()  # closing a link does not end it while a process that was forked has it, too
        if isinstance(each, Link):
            each.close()
