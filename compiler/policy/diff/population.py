"""Who is to be asked about: subjects whose sides are compared, and every sort of peer that they tell apart.

With an inventory these are the ones that exist. Without one they are made, so that each stands for all that policies cannot tell
from it (regions.py): then what holds for them holds for every inventory. What no label tells is made a fact of its own, which each
sort may or may not be: to stand behind a service, to be in a group of networks that no file defines. Where that would be too much,
or names of ports would have to be guessed, Unproven says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from pybpf.compiler.policy.model.flow import Party
from pybpf.compiler.policy.model.inventory import Address, Inventory, PortName
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    SERVICE_ACCOUNT_KEY,
    Label,
)
from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES, Identity
from pybpf.compiler.policy.resolve.identities import Identities, identities

_UNUSED = RESERVED_IDENTITIES["world"]  # every outside address is of one family's world
_MADE = (NAMESPACE_LABELS_PREFIX, "io.cilium.")


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
    """Identities that two sets of policies share, and those of them that are asked about."""

    inventory: Inventory
    known: Identities
    subjects: tuple[Subject, ...]
    others: tuple[Other, ...]


def existing(policies: tuple[Policy, ...], inventory: Inventory) -> Population:
    """Everybody in an inventory, and every network that some policy tells apart."""
    known = identities(policies, inventory)
    subjects: dict[tuple[int, tuple[PortName, ...]], list[tuple[str, str]]] = {}
    for each in inventory.endpoints:
        subjects.setdefault((known.of_endpoint[each.namespace, each.name], each.port_names), []).append((each.namespace, each.name))
    found = [Subject(number, names, Party(endpoint=of[0]), tuple("/".join(each) for each in of)) for (number, names), of in subjects.items()]
    host = RESERVED_IDENTITIES["host"]
    found.append(Subject(host, (), Party(entity="host"), ("host",)))
    return Population(inventory, known, tuple(found), tuple(_existing_others(found, known, inventory)))


def outside_address(network: Network, known: Identities) -> Address | None:
    """An address whose longest known network is this one and that nobody in the cluster has; None if there is none."""
    inner = [each for each in known.of_network if each != network and each.version == network.version and each.subnet_of(network)]  # type: ignore[arg-type]
    taken = {int(each) for each in known.of_address if each.version == network.version}
    at, last = int(network.network_address), int(network.broadcast_address)
    at += 1 if network.num_addresses > 2 else 0
    spans = sorted((int(each.network_address), int(each.broadcast_address)) for each in inner)
    while at <= last:
        hit = next((stop for start, stop in spans if start <= at <= stop), None)
        if hit is None and at not in taken:
            return type(network.network_address)(at)
        at = at + 1 if hit is None else hit + 1
    return None


def label_text(labels: tuple[Label, ...]) -> str:
    """Labels as people know them: `app=web in namespace shop`."""
    own = [f"{each.key}={each.value}" if each.value else each.key for each in labels if not each.key.startswith(_MADE) and each.key != NAMESPACE_KEY]
    own += [f"service account {each.value}" for each in labels if each.key == SERVICE_ACCOUNT_KEY]
    spaces = [each.value for each in labels if each.source == KUBERNETES and each.key == NAMESPACE_KEY]
    of_space = [f"{each.key.removeprefix(NAMESPACE_LABELS_PREFIX)}={each.value}" for each in labels if each.key.startswith(NAMESPACE_LABELS_PREFIX)]
    text = ", ".join(own) or "any other endpoint"
    where = f" in namespace {spaces[0]}" if spaces else ""
    return text + where + (f" ({', '.join(of_space)})" if of_space else "")


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


def outside(known: Identities, seen: set[int]) -> Iterator[Other]:
    """One address of each network that is not covered by smaller ones."""
    for network, number in known.of_network.items():
        address = outside_address(network, known)
        if address is not None and number not in seen:
            yield Other(number, Party(address=address), f"{address}" + ("" if network == ip_network(address) else f" ({network})"))


def identity_of(other: Other, known: Identities) -> Identity:
    """The identity of a peer."""
    return known.by_number[other.number]
