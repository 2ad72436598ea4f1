"""Both sides without an inventory: everybody there could be, one of each sort that policies tell apart.

Only policies that differ can make a difference, so only endpoints that one of them selects are subjects; and only the policies that
select one of these can tell peers apart. The settings are those of a cluster that has none of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.diff.facts import Facts, members, with_facts, with_members
from pybpf.compiler.policy.diff.population import (
    Other,
    Population,
    Stated,
    Subject,
    label_text,
    outside,
)
from pybpf.compiler.policy.diff.regions import PODS, Region, cut, within
from pybpf.compiler.policy.diff.unproven import Unproven
from pybpf.compiler.policy.model.flow import Party
from pybpf.compiler.policy.model.inventory import CidrGroup, Inventory
from pybpf.compiler.policy.model.labels import NODE, RESERVED, Label, Selector, selects
from pybpf.compiler.policy.model.peers import (
    CidrGroups,
    Endpoints,
    Entities,
    Entity,
    Network,
    Nodes,
    Peer,
)
from pybpf.compiler.policy.model.policy import Direction, Kind, Policy
from pybpf.compiler.policy.model.ports import NamedPort
from pybpf.compiler.policy.model.resolved import (
    FIRST_IDENTITY,
    FIRST_LOCAL_IDENTITY,
    FIRST_NODE_IDENTITY,
    RESERVED_IDENTITIES,
    Identity,
)
from pybpf.compiler.policy.resolve.identities import (
    Identities,
    group_networks,
    network_labels,
    networks_of,
    reserved,
)
from pybpf.compiler.policy.resolve.resolving import Resolving

_BEING_MADE: Final = Region(RESERVED, frozenset({Label(RESERVED, "init")}))  # endpoints without labels so far
_NOWHERE: Final = Span(Source("", ""), 1, 1, 1, 2)
_HOST: Final = RESERVED_IDENTITIES["host"]
_WORLDS: Final = {4: RESERVED_IDENTITIES["world-ipv4"], 6: RESERVED_IDENTITIES["world-ipv6"]}
_SERVER: Final = Label(RESERVED, "kube-apiserver")


def imagined(old: Stated, new: Stated) -> Iterator[Population]:
    """Populations that stand together for every inventory: one for each sort of local host. Raises Unproven where that would be too
    many, or where names of ports decide."""
    changed = _changed(old, new)
    if not changed:
        return
    subjects = _subject_regions(changed, [*old.policies, *new.policies])
    facts = with_facts(_deciding(old, subjects), _deciding(new, subjects))
    made = _Made(subjects, facts, [*facts.old.policies, *facts.new.policies])
    asking = [selector for direction in Direction for selector in made.selectors(direction)]
    asking += [each.subject.selector for each in made.policies if isinstance(each.subject, Nodes)]
    for host in _node_regions("host", asking, made.asks_for_servers):
        yield _population(host, made)


def _changed(old: Stated, new: Stated) -> list[Policy]:
    """The policies that one side has and the other has not, however often."""
    before, after = ([(_meaning(each, stated.groups), each) for each in stated.policies] for stated in (old, new))
    common = {meaning for meaning, _ in before} & {meaning for meaning, _ in after}
    return [each for meaning, each in (*before, *after) if meaning not in common]


def _meaning(policy: Policy, groups: Sequence[CidrGroup]) -> tuple[Policy, tuple[tuple[Network, ...], ...]]:
    """A policy without what decides nothing, and the networks that its groups are known to have."""
    named = [peer for rule in policy.rules for peer in rule.peers or () if isinstance(peer, CidrGroups)]
    plain = replace(policy, kind=Kind.LANGUAGE, name="", namespace=None, labels=(), log="", description="", span=_NOWHERE)
    return plain, tuple(tuple(group_networks(each, groups)) for each in named)


def _subject_regions(changed: Sequence[Policy], policies: Sequence[Policy]) -> list[Region]:
    """A region for each set of policies that may select an endpoint together, one of those that changed among them."""
    selectors = list(dict.fromkeys(each.subject.selector for each in policies if isinstance(each.subject, Endpoints)))
    found: dict[frozenset[int], Region] = {}
    for policy in changed:
        wholes = [within(base, policy.subject.selector) for base in (PODS, _BEING_MADE) if isinstance(policy.subject, Endpoints)]
        for region in cut([each for each in wholes if each is not None], selectors):
            found.setdefault(frozenset(_answers(region, selectors)), region)
    return list(found.values())


def _deciding(stated: Stated, subjects: Sequence[Region]) -> Stated:
    """A side with only the policies that may select one of the subjects, or a host."""
    policies = tuple(each for each in stated.policies if isinstance(each.subject, Nodes) or any(selects(each.subject.selector, of.labels()) for of in subjects))
    for port in (port for policy in policies for rule in policy.rules for part in rule.port_rules or () for port in part.ports):
        if isinstance(port, NamedPort):
            raise Unproven(f"which port is called {port.name!r} ({port.span}) differs from endpoint to endpoint")
    return Stated(policies, stated.groups)


class _Made:
    """What there is to imagine: subjects, both sides in terms of facts, and by what these tell peers apart."""

    def __init__(self, subjects: Sequence[Region], facts: Facts, policies: Sequence[Policy]) -> None:
        self.subjects = subjects
        self.policies = policies
        networks = networks_of(policies, Inventory(cidr_groups=(*facts.old.groups, *facts.new.groups)))
        self.members = list(members(facts.names, networks))
        self.old, self.new = with_members(facts.old, self.members), with_members(facts.new, self.members)
        self.of_network = {
            each: FIRST_LOCAL_IDENTITY + index if each.prefixlen else _WORLDS[each.version]
            for index, each in enumerate([*networks, *(network for network, _ in self.members)])
        }

    def selectors(self, direction: Direction) -> list[Selector]:
        """Those by which rules of one direction choose peers."""
        return list(dict.fromkeys(each.selector for each in self._peers(direction) if isinstance(each, (Endpoints, Nodes))))

    @property
    def asks_for_servers(self) -> bool:
        """Whether some peer is about hosts that serve the Kubernetes API."""
        entities = any(isinstance(each, Entities) and each.entity is Entity.KUBE_APISERVER for way in Direction for each in self._peers(way))
        return entities or any(each.key == _SERVER.key for way in Direction for selector in self.selectors(way) for each in selector.requirements)

    def _peers(self, direction: Direction) -> Iterator[Peer]:
        return (peer for policy in self.policies for rule in policy.rules if rule.direction is direction for peer in rule.peers or ())


@dataclass(frozen=True, slots=True)
class _Sort:
    """Everybody with these labels."""

    identity: Identity
    party: Party
    name: str

    @property
    def other(self) -> Other:
        return Other(self.identity.number, self.party, self.name)

    @property
    def subject(self) -> Subject:
        return Subject(self.identity.number, (), self.party, (self.name,))


def _population(host: Region, made: _Made) -> Population:
    """The population with this sort of local host."""
    local = _Sort(Identity(_HOST, host.labels()), Party(entity="host"), "the local host")
    plain = [_Sort(each, Party(entity=_entity(each)), _entity(each)) for each in reserved(()) if _entity(each) in ("health", "init", "ingress", "unmanaged")]
    numbers, of_nodes = count(FIRST_IDENTITY), count(FIRST_NODE_IDENTITY)
    subjects = [_workload(region, numbers) for region in made.subjects]
    others: dict[Direction, list[_Sort]] = {}
    for direction in Direction:
        selectors = made.selectors(direction)
        workloads = [_workload(region, numbers) for region in _distinct(cut([PODS], selectors), selectors)]
        nodes = [_node(region, of_nodes) for region in _node_regions("remote-node", selectors, made.asks_for_servers)]
        others[direction] = [local, *workloads, *nodes, *plain]
    sorts = (each for found in (subjects, *others.values()) for each in found)
    networks = [Identity(number, network_labels(each), each if each.prefixlen else None) for each, number in made.of_network.items()]
    everybody = {each.number: each for each in (*reserved(()), *(each.identity for each in sorts), *networks)}
    known = Identities(everybody, {}, {}, made.of_network)
    before, after = (Resolving(each.policies, Inventory(cidr_groups=each.groups), known) for each in (made.old, made.new))
    asked = {direction: (*(each.other for each in found), *_outside(known, made)) for direction, found in others.items()}
    return Population(before, after, known, tuple(each.subject for each in (local, *subjects)), asked)


def _workload(region: Region, numbers: Iterator[int]) -> _Sort:
    labels = region.labels()
    text = label_text(labels)
    return _Sort(Identity(next(numbers), labels), Party(endpoint=("", text)), text)


def _node(region: Region, numbers: Iterator[int]) -> _Sort:
    labels = region.labels()
    return _Sort(Identity(next(numbers), labels), Party(entity="remote-node"), f"another node ({label_text(labels)})")


def _outside(known: Identities, made: _Made) -> Iterator[Other]:
    """Outside addresses, with the facts that hold for them."""
    facts = {made.of_network[network]: holding for network, holding in made.members}
    for other in outside(known, set()):
        yield replace(other, name=" ".join((other.name, *facts.get(other.number, ()))))


def _entity(identity: Identity) -> str:
    return next(name for name, number in RESERVED_IDENTITIES.items() if number == identity.number)


def _node_regions(kind: str, selectors: Sequence[Selector], with_servers: bool) -> list[Region]:
    """The regions of hosts; those that serve the Kubernetes API are apart if anybody asks for them."""
    bare = frozenset({Label(RESERVED, kind)})
    bases = [Region(NODE, bare), *([Region(NODE, bare | {_SERVER})] if with_servers else [])]
    return _distinct(cut(bases, selectors), selectors)


def _distinct(regions: Iterable[Region], selectors: Sequence[Selector]) -> list[Region]:
    """A region for each way in which selectors answer."""
    found: dict[tuple[frozenset[Label], tuple[int, ...]], Region] = {}
    for region in regions:
        found.setdefault((region.reserved, _answers(region, selectors)), region)
    return list(found.values())


def _answers(region: Region, selectors: Sequence[Selector]) -> tuple[int, ...]:
    labels = region.labels()
    return tuple(index for index, each in enumerate(selectors) if selects(each, labels))
