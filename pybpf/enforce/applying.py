"""What a user wants changed -> a plan, and the plan carried out under the folder's lock: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pybpf.compiler import Endpoint, Inventory
from pybpf.compiler.pipeline import compile_policies
from pybpf.compiler.policy.model.policy import Policy
from pybpf.enforce import store
from pybpf.enforce.attachments import Way
from pybpf.enforce.installation import Installation, places_of
from pybpf.enforce.store import Request, Unconfirmed

Name = tuple[str, str | None, str]


def name_of(policy: Policy) -> Name:
    """By what a policy is known: kind, namespace (None: of the whole cluster), name."""
    return policy.kind.value, policy.namespace, policy.name


def written(name: Name) -> str:
    """As people write it: "CiliumNetworkPolicy shop/api"."""
    kind, namespace, own = name
    return f"{kind} {namespace}/{own}" if namespace is not None else f"{kind} {own}"


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


def current(folder: Path) -> Request | None:
    """What is enforced, or is being put in place; None: nothing."""
    state = store.read(folder) if folder.exists() else None
    return None if state is None else state.pending or state.request


def with_policies(before: Request | None, policies: Sequence[Policy], inventory: Inventory | None) -> Request:
    """`policies` beside those that are enforced; those of the same names are replaced. `inventory` None: as it was. Raises Nothing."""
    known = {name_of(each): each for each in before.policies} if before is not None else {}
    known |= {name_of(each): each for each in policies}
    who = inventory if inventory is not None else before.inventory if before is not None else None
    if who is None:
        raise Nothing("nothing is enforced yet, and no endpoints were given")
    return Request(tuple(known.values()), who)


def without_policies(before: Request | None, names: Collection[Name]) -> Request:
    """What is enforced without these. Raises Nothing, also for a name that is not enforced."""
    if before is None:
        raise Nothing("nothing is enforced")
    known = {name_of(each): each for each in before.policies}
    for name in names:
        if known.pop(name, None) is None:
            raise Nothing(f"{written(name)} is not enforced")
    return Request(tuple(known.values()), before.inventory)


def plan(before: Request | None, request: Request) -> Plan:
    """What would change."""
    old = {name_of(each): each for each in before.policies} if before is not None else {}
    new = {name_of(each): each for each in request.policies}
    places = places_of(request)
    return Plan(
        tuple(name for name in new if name not in old),
        tuple(name for name, each in new.items() if name in old and old[name] != each),
        tuple(name for name, each in new.items() if name in old and old[name] == each),
        tuple(name for name in old if name not in new),
        len(request.inventory.endpoints),
        tuple(f"{each.namespace}/{each.name}" for each in request.inventory.endpoints if _is_here(each) and (each.namespace, each.name) not in places),
    )


def _is_here(endpoint: Endpoint) -> bool:
    """Whether the inventory says where on this host it is."""
    return endpoint.interface is not None or endpoint.network_namespace is not None


def carry_out(folder: Path, request: Request, way: Way | None = None, unconfirmed: Unconfirmed | None = None) -> None:
    """Enforce `request`; what is not attached yet will be by `way` (None: the best that the kernel has). CompileError before anything is changed; PlaceError, TableFull, KernelError: what was enforced still is."""
    compilation = compile_policies(request.policies, request.inventory)
    places = places_of(request)
    with Installation.opened(folder, places, way) as installation:
        installation.apply(request, compilation, places, unconfirmed)

