"""Where endpoints are, and whether the programs that enforce are there too.

Names lead to places: of interfaces, of network namespaces. A name that leads nowhere does not mean that the endpoint is gone: a
namespace lives on without its name, an interface with another one. So what is enforced at an interface stays there for as long as the
interface itself does and nobody else is found behind it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import ENTRY_PROGRAMS
from pybpf.enforce.pinned import Pinned
from pybpf.enforce.request import Request
from pybpf.enforce.store import State
from pybpf.places import Place, PlaceError, find, own_namespace
from pybpf.programs import Program

Names = tuple[str, str]


class Elsewhere(RuntimeError):
    """What is enforced is so in another network namespace than that of the calling thread."""


def check_here(state: State) -> None:
    """Raise Elsewhere unless it is this network namespace whose interfaces the state is about: here their numbers are those of others."""
    if state.namespace != own_namespace():
        words = "what is enforced from this folder is so in another network namespace"
        remedy = "run this in that one (nsenter --net), or name another folder; where that namespace is gone, remove the folder (rm -r)"
        raise Elsewhere(f"{words}, net:[{state.namespace[1]}]\n  hint: {remedy}")


def recorded(state: State) -> dict[Names, int]:
    """Endpoints by interface, as they were last put in place."""
    names = state.saved.names
    return {names[number]: index for index, (number, *_) in state.saved.column.endpoints.items()}


def live(folder: Path, generation: int) -> set[int]:
    """The interfaces at which the programs of that generation are at work, both of them. Raises KernelError."""
    with ExitStack() as owned:
        programs = {name: owned.enter_context(Program.from_pin(folder / str(generation) / name)) for name in ENTRY_PROGRAMS}
        return Pinned(folder / "links", best_way()).live(programs)


def places_now(folder: Path, state: State | None, request: Request) -> dict[Names, Place]:
    """As places_of, with the endpoints that are attached. Raises Elsewhere too."""
    if state is None:
        return places_of(request)
    check_here(state)
    there = live(folder, state.generation)
    return places_of(request, {name: index for name, index in recorded(state).items() if index in there})


def places_of(request: Request, attached: Mapping[Names, int] = MappingProxyType({})) -> dict[Names, Place]:
    """Where the endpoints are now. Who of `attached` is not found is still at the interface that it was attached to.

    Raises PlaceError, also for two of them at one interface: one would go unenforced.
    """
    found: dict[Names, Place] = {}
    taken: dict[int, str] = {}
    for each in request.inventory.endpoints:
        place = find(each)
        if place is not None:
            name = f"{each.namespace}/{each.name}"
            other = taken.setdefault(place.interface_index, name)
            if other != name:
                raise PlaceError(name, f"it is behind the same interface as endpoint {other}", "an interface has one endpoint: take one of them out")
            found[each.namespace, each.name] = place
    missing = [(each.namespace, each.name) for each in request.inventory.endpoints if (each.namespace, each.name) not in found]
    staying = {name: attached[name] for name in missing if attached.get(name, 0) not in (0, *taken)}
    return found | {name: place for name, index in staying.items() if (place := _place(index)) is not None}


def _place(index: int) -> Place | None:
    try:
        return Place(socket.if_indextoname(index), index)
    except OSError:
        return None
