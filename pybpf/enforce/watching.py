"""The flows of an installation, as they come: records of its log with the names that its state knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from pybpf.compiler.lower import Origin
from pybpf.enforce import store
from pybpf.enforce.applying import Nothing
from pybpf.enforce.store import State
from pybpf.eventlog import MAPS, LogReader
from pybpf.maps import Map
from pybpf.observe import Flow, flow_of

PATIENCE_MS: Final = 1000  # for a reply


class FlowReader:
    """Reads the log; names are those of the state, read again once it has changed."""

    def __init__(self, folder: Path, state: State, reader: LogReader) -> None:
        self._folder, self._reader = folder, reader
        self._know(state)
        self._known_of = 0

    @property
    def lost(self) -> int:
        """Records that were overwritten before they were read."""
        return self._reader.lost

    def read(self, timeout_ms: int) -> list[Flow]:
        """The flows since the last call; waits up to `timeout_ms` for the first, and up to a second for the reply to a request."""
        records = self._reader.read(timeout_ms, patience_ms=PATIENCE_MS if timeout_ms else 0)
        now = store.mark(self._folder)
        if records and now != self._known_of and (state := store.read(self._folder)) is not None:
            self._know(state)
            self._known_of = now  # or something newer, which is then read once more
        return [flow_of(record, self._origins, self._endpoints, self._owners) for record in records]

    def _know(self, state: State) -> None:
        self._origins: dict[int, Origin] = {number: origin for origin, number in state.saved.numbers.rules.numbers.items()}
        self._endpoints = {number: "/".join(name) for number, name in state.saved.names.items()}
        self._owners = {str(address): f"{each.namespace}/{each.name}" for each in state.request.inventory.endpoints for address in each.addresses}


@contextmanager
def flows(folder: Path, *, from_start: bool) -> Iterator[FlowReader]:
    """A reader from now on, or of all that the log still has. Raises Nothing when nothing is enforced."""
    state = store.read(folder) if folder.exists() else None
    if state is None:
        raise Nothing("nothing is enforced")
    with ExitStack() as owned:
        maps = {name: owned.enter_context(Map.from_pin(store.lasting(folder, state.layout) / name)) for name in MAPS}
        yield FlowReader(folder, state, owned.enter_context(LogReader(maps, from_start=from_start)))
