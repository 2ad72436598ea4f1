"""What is kept up to date is what would be made anew."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, Namespace, PortName, Service, Settings
from pybpf.compiler.policy.model.labels import KUBERNETES, Label, Operator, Requirement, Selector
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Entry, Identity, Resolved, ResolvedEndpoint, Side
from pybpf.compiler.policy.resolve import Resolver, resolve
from tests.compiler.policy.made import HERE, endpoint
from tests.compiler.policy.verdict.test_restatement import Chance, inventory

MORE = """
policy named for endpoints { allow from app=a on port http deny to app=b on port http, web/any }
policy wide in namespace other for app=a { allow from cluster or endpoints in namespace with team=x allow to service db on port 80 }
policy near for app=b { allow from 10.0.0.0/30 or !tier deny from app!=a }
"""

APART = "policy apart in namespace other for app=apart { allow from anybody on port %d }"


def canonical(resolved: Resolved) -> object:
    """Everything, with the labels of identities in place of their numbers."""
    known = resolved.identities

    def who(number: int) -> Identity:
        return replace(known[number], number=0)

    def entry(of: Entry) -> object:
        numbers = of.peers.identities
        return replace(of, peers=of.peers.__class__(None, of.peers.names)), None if numbers is None else frozenset(map(who, numbers))

    def side(of: Side) -> object:
        return replace(of, entries=()), [entry(each) for each in of.entries]

    def one(of: ResolvedEndpoint) -> object:
        return of.endpoint, who(of.identity), side(of.ingress), side(of.egress)

    return (
        {name: one(each) for name, each in resolved.endpoints.items()},
        {address: who(number) for address, number in resolved.addresses.items()},
        {network: who(number) for network, number in resolved.networks.items()},
        frozenset(who(number) for number in known),
        frozenset(resolved.inventory.endpoints),
        resolved.policies,
    )


def anew(resolver: Resolver) -> Resolved:
    """The same policies and inventory, resolved from nothing."""
    now = resolver.resolved
    return resolve(now.policies, now.inventory)


class Changes:
    """Changes by chance: endpoints that come, go, get other labels, addresses or names for ports; namespaces that change."""

    def __init__(self, seed: int) -> None:
        self.of = random.Random(seed)

    def apply(self, resolver: Resolver) -> None:
        who = resolver.resolved.inventory
        match self.of.randrange(5):
            case 0 if len(who.endpoints) > 1:
                gone = self.of.choice(who.endpoints)
                resolver.remove(gone.namespace, gone.name)
            case 1:
                resolver.put(self.endpoint(f"new-{self.of.randrange(4)}", who))
            case 2:
                labels = tuple(Label(KUBERNETES, "team", each) for each in self.of.sample(["x", "y"], self.of.randint(0, 1)))
                resolver.put_namespace(Namespace(self.of.choice(["default", "other"]), labels))
            case _:
                changed = self.of.choice(who.endpoints)
                resolver.put(replace(self.endpoint(changed.name, who), namespace=changed.namespace, addresses=changed.addresses))

    def endpoint(self, name: str, who: Inventory) -> Endpoint:
        labels = {key: self.of.choice("ab") for key in self.of.sample(["app", "tier"], self.of.randint(0, 2))}
        made = endpoint(name, self.of.choice(["default", "other"]), **labels)
        taken = {address for each in who.endpoints for address in each.addresses}
        free = next(each for each in (ip_address(f"10.0.0.{last}") for last in range(1, 99)) if each not in taken)
        names = [PortName("http", Protocol.TCP, self.of.choice([80, 8080]))] if self.of.random() < 0.5 else []
        return replace(made, addresses=(free,) if (made.namespace, name) not in {(each.namespace, each.name) for each in who.endpoints} else (), port_names=tuple(names))


def start(seed: int) -> tuple[tuple[Policy, ...], Inventory]:
    policies = (*Chance(seed).policies(), *read(Source("more.policy", MORE)).policies)
    behind = Selector((Requirement("any", "tier", Operator.EXISTS),), HERE)
    settings = Settings(cidr_matches_endpoints=seed % 3 == 0)
    return policies, replace(inventory(), services=(Service("db", "other", (), behind),), settings=settings)


@pytest.mark.parametrize("batch", range(5))
def test_after_any_changes_everything_is_as_if_made_anew(batch: int) -> None:
    for seed in range(batch * 10, batch * 10 + 10):
        resolver, changes = Resolver(*start(seed)), Changes(seed)
        assert canonical(resolver.resolved) == canonical(resolve(*start(seed)))
        for _ in range(10):
            changes.apply(resolver)
            assert canonical(resolver.resolved) == canonical(anew(resolver)), seed


def test_a_moment_stays_as_it_is_when_the_next_change_comes() -> None:
    for seed in range(10):
        resolver, changes = Resolver(*start(seed)), Changes(seed)
        moments: list[tuple[Resolved, object]] = []
        for _ in range(6):
            resolved = resolver.resolved
            moments.append((resolved, canonical(resolve(resolved.policies, resolved.inventory))))
            changes.apply(resolver)
        assert all(canonical(resolved) == expected for resolved, expected in moments)


def test_identities_keep_their_numbers_and_no_number_is_given_twice() -> None:
    for seed in range(20):
        resolver, changes = Resolver(*start(seed)), Changes(seed)
        given: dict[int, Identity] = dict(resolver.resolved.identities)
        for _ in range(10):
            changes.apply(resolver)
            for number, identity in resolver.resolved.identities.items():
                assert given.setdefault(number, identity) == identity


def test_a_change_names_the_identities_that_come_and_go() -> None:
    resolver = Resolver((), inventory())
    first = inventory().endpoints[0]
    assert resolver.put(first).come == ()
    change = resolver.put(replace(first, labels=(*first.labels, Label(KUBERNETES, "x", "y"))))
    assert (labels_of(change.come), labels_of(change.gone)) == ([("app", "a"), ("tier", "x"), ("x", "y")], [("app", "a"), ("tier", "x")])
    again = resolver.put(replace(first, name="twin", addresses=()))
    assert labels_of(again.come) == [("app", "a"), ("tier", "x")]
    assert resolver.put(replace(first, name="triplet", addresses=())).come == ()
    assert resolver.remove(first.namespace, "twin").gone == ()
    assert labels_of(resolver.remove(first.namespace, "triplet").gone) == [("app", "a"), ("tier", "x")]


def labels_of(identities: Iterable[Identity]) -> list[tuple[str, str]]:
    (one,) = identities
    return [(each.key, each.value) for each in one.labels if not each.key.startswith("io.")]


def test_what_cannot_be_changes_nothing() -> None:
    resolver = Resolver(*start(1))
    before = canonical(resolver.resolved)
    taken = inventory().endpoints[0].addresses
    with pytest.raises(ValueError, match=r"10\.0\.0\.1 is that of default/ax"):
        resolver.put(Endpoint("x", "default", (), taken))
    with pytest.raises(ValueError, match="cannot be the name of a namespace"):
        resolver.put(Endpoint("x", "No", ()))
    with pytest.raises(LookupError, match="no endpoint default/none"):
        resolver.remove("default", "none")
    assert canonical(resolver.resolved) == before


def test_other_policies_start_anew() -> None:
    resolver = Resolver((), inventory())
    policies, _ = start(3)
    resolver.replace(policies)
    assert canonical(resolver.resolved) == canonical(resolve(policies, inventory()))


def test_policies_that_change_one_by_one_are_as_if_resolved_anew() -> None:
    chance, who = random.Random(4), inventory()
    for seed in range(20):
        known = [policy for number in range(4) for policy in Chance(seed * 10 + number).policies()]
        resolver, now = Resolver((), who), [known[0]]
        for _ in range(10):
            now = [each for each in now if chance.random() > 0.2]
            now.insert(chance.randint(0, len(now)), chance.choice(known))
            resolver.put_policies(now)
            assert canonical(resolver.resolved) == canonical(resolve(now, who)), seed


def test_policies_that_stay_keep_their_sides_and_all_identities_their_numbers() -> None:
    who = replace(inventory(), endpoints=(*inventory().endpoints, endpoint("apart", "other", app="apart")))
    one, two = (read(Source(f"{port}.policy", APART % port)).policies for port in (80, 81))
    policies, _ = start(3)
    resolver = Resolver((*policies, *one), who)
    numbers, before = resolver.resolved.identities, {name: each.ingress for name, each in resolver.resolved.endpoints.items()}
    resolver.put_policies((*policies, *two))
    assert resolver.resolved.identities == numbers
    differing = [name for name, each in resolver.resolved.endpoints.items() if each.ingress is not before[name]]
    assert differing == [("other", "apart")]


def test_an_address_that_stands_twice_leaves_with_its_endpoint() -> None:
    resolver = Resolver((), inventory())
    twice = Endpoint("x", "default", (), (ip_address("10.0.0.99"),) * 2)
    resolver.put(twice)
    resolver.remove("default", "x")
    resolver.put(replace(twice, name="y", addresses=twice.addresses[:1]))
    assert canonical(resolver.resolved) == canonical(anew(resolver))
    with pytest.raises(ValueError, match="is that of default/y"):
        resolver.put(twice)
