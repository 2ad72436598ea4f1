"""Resolved, kept up to date: when an endpoint comes, goes or changes, only what depends on it is made again, and only when it is asked
for.

An identity keeps its number as long as it lives, and no later one gets it: what was programmed with a number stays true. Changes of
anything but endpoints and the labels of their namespaces are rare and start anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pybpf.compiler.policy.model.inventory import Address, Endpoint, Inventory, InventoryError, Namespace
from pybpf.compiler.policy.model.labels import Label
from pybpf.compiler.policy.model.peers import Endpoints
from pybpf.compiler.policy.model.policy import Action, Policy
from pybpf.compiler.policy.model.resolved import LAST_IDENTITY, Identity, Resolved, ResolvedEndpoint
from pybpf.compiler.policy.resolve.checks import check_endpoint, check_inventory
from pybpf.compiler.policy.resolve.identities import Identities, labels_of, made_labels, networks_of
from pybpf.compiler.policy.resolve.parties import HOST
from pybpf.compiler.policy.resolve.ports import renamed
from pybpf.compiler.policy.resolve.resolving import Resolving
from pybpf.compiler.policy.resolve.selecting import Selecting

_Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """What a change did: identities that are new, and those that nobody has any more."""

    come: tuple[Identity, ...]
    gone: tuple[Identity, ...]


class Resolver:
    """Policies and an inventory that changes. `resolved` is of the moment, and stays as it is when the next change comes."""

    _now: Resolving
    _by_subject: dict[object, list[tuple[int, Policy]]]  # empty: not looked at yet

    def __init__(self, policies: Sequence[Policy], inventory: Inventory) -> None:
        check_inventory(inventory)
        self._policies = tuple(policies)
        self._start(inventory)

    @property
    def resolved(self) -> Resolved:
        """What policies mean now. Sides are made when they are looked at."""
        now = self._now
        known = now.known
        return Resolved(now.policies, now.inventory, known.by_number, known.of_address, known.of_network, _Endpoints(self._endpoints, now))

    def put(self, endpoint: Endpoint) -> Change:
        """An endpoint that is new, or as it is now. InventoryError for one that cannot be, and then nothing has changed."""
        check_endpoint(endpoint)
        name = endpoint.namespace, endpoint.name
        for address in endpoint.addresses:
            owner = self._owners.get(address, name)
            if owner != name:
                raise InventoryError(f"address {address} is that of {'/'.join(filter(None, owner))} already")
        return self._exchange(self._endpoints.get(name), endpoint)

    def remove(self, namespace: str, name: str) -> Change:
        """An endpoint that is gone. LookupError if there is none of this name."""
        before = self._endpoints.get((namespace, name))
        if before is None:
            raise LookupError(f"there is no endpoint {namespace}/{name}")
        return self._exchange(before, None)

    def put_namespace(self, namespace: Namespace) -> Change:
        """A namespace with other labels: every endpoint in it changes."""
        inventory = self._now.inventory
        others = tuple(each for each in inventory.namespaces if each.name != namespace.name)
        self._now = self._moved(replace(inventory, namespaces=(*others, namespace)))
        self._namespaces[namespace.name] = namespace.labels
        changes = [self._exchange(each, each) for each in list(self._endpoints.values()) if each.namespace == namespace.name]
        come = {identity.number: identity for change in changes for identity in change.come}
        gone = {identity.number: identity for change in changes for identity in change.gone}
        passing = come.keys() & gone.keys()
        return Change(tuple(come[each] for each in come if each not in passing), tuple(gone[each] for each in gone if each not in passing))

    def put_policies(self, policies: Sequence[Policy]) -> None:
        """Other policies. Identities keep their numbers if the policies tell apart the same networks; else all are made anew."""
        before, after = ({id(policy): policy for policy in each} for each in (self._policies, policies))
        gone, come = (networks_of((one[each] for each in one.keys() - other.keys()), self._now.inventory) for one, other in ((before, after), (after, before)))
        if gone != come and networks_of(policies, self._now.inventory) != list(self._now.known.of_network):
            self.replace(policies)
            return
        self._policies = tuple(policies)
        self._now = self._now.with_policies(self._policies)
        self._by_subject = {}

    def replace(self, policies: Sequence[Policy] | None = None, inventory: Inventory | None = None) -> None:
        """Other policies, or another inventory: everything is made anew, and identities may have other numbers."""
        inventory = inventory if inventory is not None else self._now.inventory
        check_inventory(inventory)
        self._policies = tuple(policies) if policies is not None else self._policies
        self._start(inventory)

    def _start(self, inventory: Inventory) -> None:
        self._now = Resolving(self._policies, inventory)
        known = self._now.known
        self._endpoints: dict[_Name, Endpoint] = {(each.namespace, each.name): each for each in inventory.endpoints}
        self._namespaces: dict[str, tuple[Label, ...]] = {each.name: each.labels for each in inventory.namespaces}
        self._number_of = {known.by_number[number].labels: number for number in known.of_endpoint.values()}
        self._members: dict[int, set[_Name]] = defaultdict(set)
        for name, number in known.of_endpoint.items():
            self._members[number].add(name)
        self._owners: dict[Address, _Name] = {address: name for name, each in self._endpoints.items() for address in each.addresses}
        self._owners |= {address: ("", f"node {node.name}") for node in inventory.nodes for address in node.addresses}
        self._next = max(self._number_of.values(), default=255) + 1
        self._by_subject = {}

    def _choosing(self, identity: Identity, selecting: Selecting) -> list[Policy]:
        """The policies that select an identity, in their order."""
        if not self._by_subject:
            for rank, policy in enumerate(self._policies):
                self._by_subject.setdefault((type(policy.subject), policy.subject.selector), []).append((rank, policy))
        chosen = [each for selector in selecting.choosing(identity) for each in self._by_subject.get((Endpoints, selector), ())]
        return [policy for _, policy in sorted(chosen, key=lambda each: each[0])]

    def _exchange(self, before: Endpoint | None, after: Endpoint | None) -> Change:
        """One endpoint for another of the same name."""
        known: Identities = self._now.known
        if after is not None and self._next > LAST_IDENTITY and self._labels(after) not in self._number_of:
            raise InventoryError("there are no numbers left for identities that are new: start anew with replace()")
        name = (before.namespace, before.name) if before is not None else (after.namespace, after.name) if after is not None else HOST
        touched: set[int] = set()
        staying = self._labels(after) if after is not None else None
        gone = self._leave(name, before, staying, touched) if before is not None else None
        come = self._enter(name, after, touched) if after is not None else None
        if after is None:
            del self._endpoints[name]
        inventory = replace(self._now.inventory, endpoints=tuple(self._endpoints.values()))
        self._now = self._moved(inventory, self._known(known, name, before, after, gone, come), gone, come, touched)
        return Change((come,) if come is not None else (), (gone,) if gone is not None else ())

    def _leave(self, name: _Name, before: Endpoint, staying: tuple[Label, ...] | None, touched: set[int]) -> Identity | None:
        """Take an endpoint out; its identity, if nobody has it any more and it is not the one that it comes back with."""
        number = self._now.known.of_endpoint[name]
        touched.add(number)
        self._members[number].discard(name)
        for address in before.addresses:
            self._owners.pop(address, None)  # one that stands twice is gone already
        identity = self._now.known.by_number[number]
        if self._members[number] or identity.labels == staying:
            return None
        del self._members[number], self._number_of[identity.labels]
        return identity

    def _enter(self, name: _Name, after: Endpoint, touched: set[int]) -> Identity | None:
        """Put an endpoint in; its identity, if nobody had it before."""
        labels = self._labels(after)
        number = self._number_of.get(labels)
        is_new = number is None
        if number is None:
            number, self._next = self._next, self._next + 1
            self._number_of[labels] = number
        touched.add(number)
        self._members[number].add(name)
        self._endpoints[name] = after
        self._owners |= dict.fromkeys(after.addresses, name)
        return Identity(number, labels) if is_new else None

    def _labels(self, endpoint: Endpoint) -> tuple[Label, ...]:
        return labels_of(endpoint, made_labels(endpoint.namespace, self._namespaces, self._now.inventory.cluster))

    def _known(
        self, known: Identities, name: _Name, before: Endpoint | None, after: Endpoint | None, gone: Identity | None, come: Identity | None
    ) -> Identities:
        """The identities of the next moment."""
        by_number, of_endpoint, of_address = dict(known.by_number), dict(known.of_endpoint), dict(known.of_address)
        if gone is not None:
            del by_number[gone.number]
        if come is not None:
            by_number[come.number] = come
        for address in before.addresses if before is not None else ():
            of_address.pop(address, None)
        of_endpoint.pop(name, None)
        if after is not None:
            of_endpoint[name] = self._number_of[self._labels(after)]
            of_address |= dict.fromkeys(after.addresses, of_endpoint[name])
        return Identities(by_number, of_endpoint, of_address, known.of_network)

    def _moved(
        self, inventory: Inventory, known: Identities | None = None, gone: Identity | None = None, come: Identity | None = None, touched: set[int] | None = None
    ) -> Resolving:
        """The next moment of the resolution."""
        now = self._now
        selecting: Selecting = now.peers.selecting.changed(gone, come) if gone is not None or come is not None else now.peers.selecting
        subjects = dict(now.subjects)
        if gone is not None:
            subjects.pop(gone.number, None)
        if come is not None:
            subjects[come.number] = self._choosing(come, selecting)
        numbers = {
            number: [frozenset(self._endpoints[name].port_names) for name in sorted(self._members.get(number, ()))] for number in touched or ()
        }
        agreed = renamed(now.names[Action.ALLOW], numbers, frozenset.intersection)
        names = {Action.ALLOW: agreed, Action.PASS: agreed, Action.DENY: renamed(now.names[Action.DENY], numbers, frozenset.union)}
        return now.after(inventory, known if known is not None else now.known, selecting, names, subjects)


class _Endpoints(Mapping[_Name, ResolvedEndpoint]):
    """Endpoints by name, the local host among them if it is one; made when they are looked at."""

    def __init__(self, endpoints: Mapping[_Name, Endpoint], now: Resolving) -> None:
        self._endpoints = dict(endpoints)
        self._now = now
        self._host = now.host()

    def __getitem__(self, name: _Name) -> ResolvedEndpoint:
        if name == HOST and self._host is not None:
            return self._host
        return self._now.endpoint(self._endpoints[name])

    def __iter__(self) -> Iterator[_Name]:
        yield from self._endpoints
        if self._host is not None:
            yield HOST

    def __len__(self) -> int:
        return len(self._endpoints) + (self._host is not None)
