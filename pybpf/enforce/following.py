"""Endpoints whose interfaces come, go and move while policy is enforced: attached when they appear, forgotten when they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pybpf.enforce import store
from pybpf.enforce.applying import Nothing, carry_out
from pybpf.enforce.attachments import Occupied, Way, best_way
from pybpf.enforce.installation import enforced
from pybpf.enforce.numbering import TableFull
from pybpf.enforce.pinned import Pinned
from pybpf.enforce.presence import Names, live, places_now, recorded
from pybpf.enforce.store import Busy, State
from pybpf.errors import KernelError
from pybpf.places import PlaceError, Watch

_RETRY_MS: Final = 100
_PERIOD_MS: Final = 2000  # policies may have come that name other endpoints


@dataclass(frozen=True, slots=True)
class Moved:
    """What a look has changed: endpoints by name with their interfaces. `wrong` is what could not be understood; nothing was changed then."""

    attached: tuple[tuple[Names, str], ...] = ()
    detached: tuple[Names, ...] = ()
    wrong: str = ""


def follow(folder: Path, way: Way | None = None) -> Iterator[Moved]:
    """Look whenever something may have changed, without end. What is wrong is told once for as long as it is.

    In the network namespace that the calling thread is in. Raises KernelError, and Nothing once nothing is enforced.
    """
    told = ""
    with Watch() as watch:
        while True:
            try:
                moved = catch_up(folder, way)
            except Busy:
                watch.read(_RETRY_MS)
                continue
            if moved.attached or moved.detached or moved.wrong != told:
                yield moved
            told = moved.wrong
            watch.read(_PERIOD_MS)


def catch_up(folder: Path, way: Way | None = None) -> Moved:
    """Attach the endpoints that are there and are not attached, and forget those that are gone; end what another process has begun and not
    ended. What goes wrong with interfaces, which may go while they are looked at, is in the result. Raises Busy, Nothing, Unreadable."""
    try:
        if not _differs(folder, _state(folder)):
            return Moved()
        with store.locked(folder):
            state = _state(folder)
            wanted = enforced(folder, state)[0]
            places, before = places_now(folder, state, wanted), recorded(state)
            carry_out(folder, state, wanted, way, state.unconfirmed)
    except (PlaceError, KernelError, Occupied, TableFull) as error:
        return Moved(wrong=str(error))
    now = {name: place.interface_index for name, place in places.items()}
    come = tuple((name, place.interface) for name, place in places.items() if before.get(name) != place.interface_index)
    return Moved(come, tuple(name for name in before if name not in now))


def _state(folder: Path) -> State:
    state = store.read(folder) if folder.exists() else None
    if state is None:
        raise Nothing("nothing is enforced")
    return state


def _differs(folder: Path, state: State) -> bool:
    """Whether something is to be done."""
    if state.pending is not None:
        return True
    now = {name: place.interface_index for name, place in places_now(folder, state, state.request).items()}
    if now != recorded(state):
        return True
    return not set(now.values()) == live(folder, state.generation) == Pinned(folder / "links", best_way()).interfaces()
