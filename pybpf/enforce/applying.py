"""What a user wants changed -> a plan, and the plan carried out under the folder's lock: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybpf.compiler import Endpoint, Inventory
from pybpf.compiler.policy.model.policy import Policy
from pybpf.enforce import request
from pybpf.enforce.attachments import Way
from pybpf.enforce.installation import Installation, Names, compiled, places_of
from pybpf.enforce.request import Name, Request, written
from pybpf.enforce.store import State, Unconfirmed
from pybpf.places import Place


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request changes. `unattached` are endpoints whose interface is not there (yet), NAMESPACE/NAME."""

    created: tuple[Name, ...]
    changed: tuple[Name, ...]
    unchanged: tuple[Name, ...]
    deleted: tuple[Name, ...]
    endpoints: int
    unattached: tuple[str, ...]


class Nothing(RuntimeError):
    """What is to be changed is not enforced."""


def current(state: State | None) -> Request | None:
    """What is enforced, or is being put in place; None: nothing."""
    return None if state is None else state.pending or state.request


def with_policies(before: Request | None, policies: Sequence[Policy], inventory: Inventory | None) -> Request:
    """`policies` beside those that are enforced; those of the same names are replaced. `inventory` None: as it was. Raises Nothing."""
    if before is not None:
        return request.with_policies(before, policies, inventory if inventory is not None else before.inventory)
    if inventory is None:
        raise Nothing("nothing is enforced yet, and no endpoints were given")
    return request.request(policies, inventory)


def without_policies(before: Request | None, names: Collection[Name]) -> Request:
    """What is enforced without these. Raises Nothing, also for a name that is not enforced."""
    if before is None:
        raise Nothing("nothing is enforced")
    known = before.by_name()
    for name in names:
        if name not in known:
            raise Nothing(f"{written(name)} is not enforced")
    return request.without_policies(before, names)


def plan(before: Request | None, after: Request, places: Mapping[Names, Place]) -> Plan:
    """What would change. `places` are where endpoints are now."""
    old = {name: policy for name, (policy, _) in before.by_name().items()} if before is not None else {}
    new = {name: policy for name, (policy, _) in after.by_name().items()}
    return Plan(
        tuple(name for name in new if name not in old),
        tuple(name for name, each in new.items() if name in old and old[name] != each),
        tuple(name for name, each in new.items() if name in old and old[name] == each),
        tuple(name for name in old if name not in new),
        len(after.inventory.endpoints),
        tuple(f"{each.namespace}/{each.name}" for each in after.inventory.endpoints if _is_here(each) and (each.namespace, each.name) not in places),
    )


def _is_here(endpoint: Endpoint) -> bool:
    """Whether the inventory says where on this host it is."""
    return endpoint.interface is not None or endpoint.network_namespace is not None


def carry_out(folder: Path, state: State | None, wanted: Request, way: Way | None = None, unconfirmed: Unconfirmed | None = None) -> None:
    """Enforce what is wanted in place of what `state`, which was read under the folder's lock, says. What is not attached yet will be by
    `way` (None: the best that the kernel has). The state is used up.

    CompileError before anything is changed; PlaceError, TableFull, KernelError: what was enforced still is.
    """
    places = places_of(wanted)
    with Installation.opened(folder, state, places, way) as installation:
        installation.apply(wanted, compiled(wanted), places, unconfirmed)
