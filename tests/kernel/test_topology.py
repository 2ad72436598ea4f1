"""Who reaches whom in a real network, measured with real sockets, is what the oracle says, policy set after policy set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from ipaddress import ip_network

import pytest

from pybpf.compiler.lower import lowered
from pybpf.compiler.pipeline import Compilation
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.peers import Cidr
from pybpf.compiler.policy.model.policy import Action, Direction, OnDeny, Policy
from pybpf.compiler.policy.model.ports import IcmpType, Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from pybpf.demo import namespaces
from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import load_datapath
from pybpf.enforce.install import Enforcement
from tests.compiler.policy.made import HERE, policy, port, ports, rule, selecting
from tests.support.policy_chance import PolicyChance, inventory
from tests.support.topology import Probe, Topology, topology

pytestmark = pytest.mark.kernel
SETS, TRIES = 60, 3
TOLD = {0: OnDeny.RESET, 1: OnDeny.ICMP}  # how every other set refuses
WRITTEN = [
    # who may speak to whom: a chain, with its way back closed
    [policy(selecting(app="b"), rule([selecting(app="a")], [ports(port(80))])), policy(selecting(app="a"), rule([], direction=Direction.INGRESS))],
    # all of a namespace to each other, and one port to the rest
    [policy(selecting(None), rule([selecting()]), rule(None, [ports(port(8000))]))],
    # a range that ends before a service, another that begins with it
    [policy(selecting(None), rule(None, [ports(port(1, last=79), port(80, Protocol.UDP, last=81), port(90, Protocol.SCTP, last=255))]))],
    # what is allowed to all and denied to some, at the one end and at the other
    [policy(selecting(None), rule(None), rule([selecting(None, tier="x")], [ports(port(80, Protocol.ANY))], action=Action.DENY))],
    [policy(selecting(None), rule(None, direction=Direction.EGRESS), rule([selecting(None, app="b")], direction=Direction.EGRESS, action=Action.DENY))],
    # both ends must agree: out by one port, in by another, one in common
    [
        policy(selecting(None), rule(None, [ports(port(80), port(81, Protocol.UDP))], Direction.EGRESS)),
        policy(selecting(None), rule(None, [ports(port(8000), port(81, Protocol.UDP))], Direction.INGRESS)),
    ],
    # networks are no workloads, though they hold their addresses
    [policy(selecting(None), rule([Cidr(ip_network(each), (), HERE) for each in ("10.0.0.0/8", "fd00::/8")]))],
    # echoes and nothing else, of the one version and of the other
    [policy(selecting(None), rule(None, [ports(IcmpType(Protocol.ICMP, 8, HERE))]))],
    [policy(selecting(None), rule(None, [ports(IcmpType(Protocol.ICMPV6, 128, HERE))]))],
    # nobody reaches anybody; and the same said where nothing is denied by default
    [policy(selecting(None), rule([]), rule([], direction=Direction.EGRESS))],
    [policy(selecting(None), rule([selecting(app="b")]), default_deny=frozenset())],
    [],
]  # fmt: skip


@pytest.fixture(scope="module")
def network() -> Iterator[Topology]:
    with topology(inventory().endpoints) as built:
        yield built


@pytest.fixture(scope="module")
def enforcement(network: Topology) -> Iterator[Enforcement]:
    def made() -> Enforcement:
        with ExitStack() as owned:
            return Enforcement(load_datapath(owned), best_way(), owned.pop_all())

    with namespaces.run(network.node, made) as enforcement:
        yield enforcement


def without_requests(policy: Policy) -> Policy:
    """The same, looking at no requests: connections are what is measured."""
    rules = tuple(
        replace(rule, port_rules=None if rule.port_rules is None else tuple(replace(part, layer7=None) for part in rule.port_rules)) for rule in policy.rules
    )
    return replace(policy, rules=rules)


def expected(resolved: Resolved, probe: Probe) -> bool:
    """Whether both ends let the flow pass."""
    source, destination = Party(probe.source), Party(probe.destination)
    return all(verdict(resolved, Flow(source, destination, direction, probe.protocol, probe.port)).allowed for direction in Direction)


def test_everybody_reaches_everybody_where_nothing_is_enforced(network: Topology) -> None:
    probes = network.probes()
    assert network.reached(probes) == set(probes)


def check(network: Topology, enforcement: Enforcement, policies: Sequence[Policy]) -> Counter[bool]:
    """That under these policies who reaches whom is what the oracle says; how many probes come through, and how many do not."""
    probes, resolved = network.probes(), resolve(policies, inventory())
    compilation = Compilation(resolved.policies, resolved, lowered(resolved))
    namespaces.run(network.node, partial(enforcement.switch, compilation, network.interfaces))
    right = {probe for probe in probes if expected(resolved, probe)}
    found = network.reached(probes)
    for _ in range(TRIES - 1):  # the machine may be slow; but what is not allowed comes through at no time
        found |= network.reached([probe for probe in right if probe not in found])
    assert found == right, found ^ right
    return Counter(probe in right for probe in probes)


def test_reachability_is_the_oracles(network: Topology, enforcement: Enforcement) -> None:
    met = Counter[bool]()
    for seed in range(SETS):
        made = [without_requests(each) for each in PolicyChance(seed + 300).policies()]
        met += check(network, enforcement, [replace(each, on_deny=TOLD.get(seed % 4, each.on_deny)) for each in made])
    assert min(met.values()) > 5000, met


@pytest.mark.parametrize("policies", WRITTEN, ids=range(len(WRITTEN)))
def test_reachability_under_written_policies_is_the_oracles(network: Topology, enforcement: Enforcement, policies: list[Policy]) -> None:
    check(network, enforcement, policies)
