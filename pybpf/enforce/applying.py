"""What a user wants changed -> a plan, and the plan carried out under the folder's lock: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybpf.compiler import Endpoint, Inventory
from pybpf.compiler.policy.model.inventory import CidrGroup
from pybpf.compiler.policy.model.policy import Policy
from pybpf.enforce import request
from pybpf.enforce.attachments import Way
from pybpf.enforce.installation import Installation, compiled, enforced
from pybpf.enforce.presence import Names, places_now
from pybpf.enforce.request import Name, Request, written
from pybpf.enforce.store import State, Unconfirmed
from pybpf.places import Place


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request changes. `groups` are groups of networks that are new, others or gone. `unattached` are endpoints whose interface is not there (yet), NAMESPACE/NAME."""

    created: tuple[Name, ...]
    changed: tuple[Name, ...]
    unchanged: tuple[Name, ...]
    deleted: tuple[Name, ...]
    groups: tuple[str, ...]
    endpoints: int
    unattached: tuple[str, ...]


class Nothing(RuntimeError):
    """What is to be changed is not enforced."""


def current(folder: Path, state: State | None) -> Request | None:
    """What is enforced, whatever was begun and not ended; None: nothing. Raises KernelError."""
    return None if state is None else enforced(folder, state)[0]


def with_policies(before: Request | None, policies: Sequence[Policy], groups: Sequence[CidrGroup], inventory: Inventory | None) -> Request:
    """`policies` and groups of networks beside those that are enforced; those of the same names are replaced. `inventory`, which has the
    groups already, or None: as it was. Raises Nothing."""
    if before is not None:
        who = inventory if inventory is not None else with_groups(before.inventory, groups)
        return request.with_policies(before, policies, who)
    if inventory is None:
        raise Nothing("nothing is enforced yet, and no endpoints were given")
    return request.request(policies, inventory)


def without_policies(before: Request | None, names: Collection[Name], groups: Collection[str]) -> Request:
    """What is enforced without these policies and groups of networks. Raises Nothing, also for a name that is not enforced."""
    if before is None:
        raise Nothing("nothing is enforced")
    known, there = before.by_name(), {each.name for each in before.inventory.cidr_groups}
    missing = [written(name) for name in names if name not in known] + [f"CiliumCIDRGroup {name}" for name in groups if name not in there]
    if missing:
        raise Nothing(f"{missing[0]} is not enforced")
    staying = tuple(each for each in before.inventory.cidr_groups if each.name not in groups)
    left = request.without_policies(before, names)
    return left if not groups else replace(left, inventory=replace(before.inventory, cidr_groups=staying))


def with_groups(inventory: Inventory, groups: Sequence[CidrGroup]) -> Inventory:
    """The inventory with these groups in the place of its own of the same names; itself if that changes nothing."""
    known = {each.name: each for each in inventory.cidr_groups}
    found = tuple((known | {each.name: each for each in groups}).values())
    return inventory if found == inventory.cidr_groups else replace(inventory, cidr_groups=found)


def plan(before: Request | None, after: Request, places: Mapping[Names, Place]) -> Plan:
    """What would change. `places` are where endpoints are now."""
    old = {name: policy for name, (policy, _) in before.by_name().items()} if before is not None else {}
    new = {name: policy for name, (policy, _) in after.by_name().items()}
    return Plan(
        tuple(name for name in new if name not in old),
        tuple(name for name, each in new.items() if name in old and old[name] != each),
        tuple(name for name, each in new.items() if name in old and old[name] == each),
        tuple(name for name in old if name not in new),
        _changed_groups(before, after),
        len(after.inventory.endpoints),
        tuple(f"{each.namespace}/{each.name}" for each in after.inventory.endpoints if _is_here(each) and (each.namespace, each.name) not in places),
    )


def _changed_groups(before: Request | None, after: Request) -> tuple[str, ...]:
    old, new = ({each.name: each for each in request.inventory.cidr_groups} if request is not None else {} for request in (before, after))
    return tuple(name for name in {**old, **new} if old.get(name) != new.get(name))


def _is_here(endpoint: Endpoint) -> bool:
    """Whether the inventory says where on this host it is."""
    return endpoint.interface is not None or endpoint.network_namespace is not None


def carry_out(folder: Path, state: State | None, wanted: Request, way: Way | None = None, unconfirmed: Unconfirmed | None = None) -> None:
    """Enforce what is wanted in place of what `state`, which was read under the folder's lock, says. What is not attached yet will be by
    `way` (None: the best that the kernel has). The state is used up.

    CompileError before anything is changed; PlaceError, TableFull, KernelError: what was enforced still is.
    """
    places = places_now(folder, state, wanted)
    with Installation.opened(folder, state, way) as installation:
        installation.apply(wanted, compiled(wanted), places, unconfirmed)
