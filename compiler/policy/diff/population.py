"""Who is to be asked about: subjects whose sides are compared, and every sort of peer that they tell apart.

With an inventory these are the ones that exist. Without one they are made, so that each stands for all that policies cannot tell
from it (imagined.py): then what holds for them holds for every inventory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network

from pybpf.compiler.policy.diff.regions import SYNTHETIC
from pybpf.compiler.policy.model.flow import Party
from pybpf.compiler.policy.model.inventory import Address, CidrGroup, Inventory, PortName
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    SERVICE_ACCOUNT_KEY,
    Label,
)
from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES
from pybpf.compiler.policy.resolve.identities import NAMESPACE_NAME_KEY, Identities, identities
from pybpf.compiler.policy.resolve.resolving import Resolving

_UNUSED = RESERVED_IDENTITIES["world"]  # every outside address is of one family's world
_MADE = (NAMESPACE_LABELS_PREFIX, "io.cilium.")


@dataclass(frozen=True, slots=True)
class Stated:
    """What one side says: its policies, and the groups of networks that came with them."""

    policies: tuple[Policy, ...]
    groups: tuple[CidrGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Endpoints of one identity that have the same names for ports; `names` are theirs, as people know them."""

    number: int
    port_names: tuple[PortName, ...]
    party: Party
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """A peer of one identity, and what people know it by."""

    number: int
    party: Party
    name: str


@dataclass(frozen=True, slots=True)
class Population:
    """Both sides, resolved over the same identities (`known`), and those of them that are asked about: the peers of each direction."""

    old: Resolving
    new: Resolving
    known: Identities
    subjects: tuple[Subject, ...]
    others: Mapping[Direction, tuple[Other, ...]]


def existing(old: Stated, new: Stated, inventory: Inventory) -> Population:
    """Everybody in an inventory, and every network that one of the sides tells apart. Of two groups of one name a side's own counts."""
    before, after = (_with_groups(inventory, stated.groups) for stated in (old, new))
    known = identities((*old.policies, *new.policies), replace(inventory, cidr_groups=(*before.cidr_groups, *after.cidr_groups)))
    subjects: dict[tuple[int, tuple[PortName, ...]], list[tuple[str, str]]] = {}
    for each in inventory.endpoints:
        subjects.setdefault((known.of_endpoint[each.namespace, each.name], each.port_names), []).append((each.namespace, each.name))
    found = [Subject(number, names, Party(endpoint=of[0]), tuple("/".join(each) for each in of)) for (number, names), of in subjects.items()]
    found.append(Subject(RESERVED_IDENTITIES["host"], (), Party(entity="host"), ("host",)))
    sides = Resolving(old.policies, before, known), Resolving(new.policies, after, known)
    return Population(*sides, known, tuple(found), dict.fromkeys(Direction, tuple(_existing_others(found, known, inventory))))


def outside(known: Identities, seen: set[int]) -> Iterator[Other]:
    """One address of each network that is not covered by smaller ones; `seen` are numbers to leave out."""
    for network, number in known.of_network.items():
        address = next(free_addresses(network, known), None)
        if address is not None and number not in seen:
            yield Other(number, Party(address=address), f"{address}" + ("" if network == ip_network(address) else f" ({network})"))


def free_addresses(network: Network, known: Identities) -> Iterator[Address]:
    """The addresses whose longest known network is this one and that nobody in the cluster has, from the lowest on."""
    inner = [each for each in known.of_network if each != network and each.version == network.version and each.subnet_of(network)]  # type: ignore[arg-type]
    taken = {int(each) for each in known.of_address if each.version == network.version}
    at, last = int(network.network_address), int(network.broadcast_address)
    at += 1 if network.num_addresses > 2 else 0
    spans = sorted((int(each.network_address), int(each.broadcast_address)) for each in inner)
    while at <= last:
        hit = next((stop for start, stop in spans if start <= at <= stop), None)
        if hit is None and at not in taken:
            yield type(network.network_address)(at)
        at = at + 1 if hit is None else hit + 1


def label_text(labels: tuple[Label, ...]) -> str:
    """Labels as people know them: `app=web in namespace shop`."""
    own = [_one_text(each) for each in labels if not each.key.startswith(_MADE) and each.key != NAMESPACE_KEY]
    own += [f"service account {each.value}" for each in labels if each.key == SERVICE_ACCOUNT_KEY]
    spaces = [each.value for each in labels if each.source == KUBERNETES and each.key == NAMESPACE_KEY]
    of_space = [(each.key.removeprefix(NAMESPACE_LABELS_PREFIX), each.value) for each in labels if each.key.startswith(NAMESPACE_LABELS_PREFIX)]
    shown = ", ".join(f"{key}={value}" for key, value in of_space if key != NAMESPACE_NAME_KEY)
    where = f" in namespace {spaces[0]}" if spaces else ""
    return (", ".join(own) or "any other endpoint") + where + (f" ({shown})" if shown else "")


def _one_text(label: Label) -> str:
    return label.key if label.source == SYNTHETIC or not label.value else f"{label.key}={label.value}"


def _with_groups(inventory: Inventory, groups: tuple[CidrGroup, ...]) -> Inventory:
    named = {each.name: each for each in (*inventory.cidr_groups, *groups)}
    return replace(inventory, cidr_groups=tuple(named.values()))


def _existing_others(subjects: list[Subject], known: Identities, inventory: Inventory) -> Iterator[Other]:
    seen: set[int] = {_UNUSED}
    for subject in subjects:
        if subject.number not in seen and subject.party.endpoint is not None:
            seen.add(subject.number)
            yield Other(subject.number, subject.party, subject.names[0])
    for node in inventory.nodes:
        if not node.local and node.addresses:
            number = known.of_address[node.addresses[0]]
            seen.add(number)
            yield Other(number, Party(address=node.addresses[0]), f"node {node.name}")
    yield from outside(known, seen)
    names = {number: name for name, number in RESERVED_IDENTITIES.items()}
    for number in sorted(names.keys() - seen - set(known.of_network.values())):
        yield Other(number, Party(entity=names[number]), names[number])
