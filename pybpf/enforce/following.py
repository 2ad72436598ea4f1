"""Endpoints whose interfaces come, go and move while policy is enforced: attached when they appear, forgotten when they are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pybpf.enforce import store
from pybpf.enforce.applying import Nothing, carry_out
from pybpf.enforce.attachments import Pinned, Way, best_way
from pybpf.enforce.installation import Names, places_of
from pybpf.enforce.store import Busy, State
from pybpf.places import Place, PlaceError, Watch

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
    """Attach the endpoints that are there and are not attached, and forget those that are gone. Raises Busy, Nothing, and as carry_out."""
    state = _state(folder)
    try:
        if not _differs(folder, state, places_of(state.request)):
            return Moved()
        with store.locked(folder):
            state = _state(folder)
            places, before = places_of(state.request), _attached(state)
            carry_out(folder, state, state.request, way, state.unconfirmed)
    except PlaceError as error:
        return Moved(wrong=str(error))
    now = {name: place.interface_index for name, place in places.items()}
    come = tuple((name, place.interface) for name, place in places.items() if before.get(name) != place.interface_index)
    return Moved(come, tuple(name for name in before if name not in now))


def _state(folder: Path) -> State:
    state = store.read(folder) if folder.exists() else None
    if state is None:
        raise Nothing("nothing is enforced")
    return state


def _attached(state: State) -> dict[Names, int]:
    """Interfaces by endpoint, as enforced now."""
    names = state.saved.names
    return {names[number]: index for index, (number, *_) in state.saved.column.endpoints.items()}


def _differs(folder: Path, state: State, places: Mapping[Names, Place]) -> bool:
    now = {name: place.interface_index for name, place in places.items()}
    return now != _attached(state) or set(now.values()) != Pinned(folder / "links", best_way()).interfaces()
