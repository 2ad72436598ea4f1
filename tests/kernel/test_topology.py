"""Who reaches whom in a real network, measured with real sockets, is what the oracle says, policy set after policy set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from pybpf.compiler.lower import lowered
from pybpf.compiler.pipeline import Compilation
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from pybpf.demo import namespaces
from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import load_datapath
from pybpf.enforce.install import Enforcement
from tests.support.policy_chance import PolicyChance, inventory
from tests.support.topology import Probe, Topology, topology

pytestmark = pytest.mark.kernel
SETS, TRIES = 60, 3


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


def test_reachability_is_the_oracles(network: Topology, enforcement: Enforcement) -> None:
    who, probes, met = inventory(), network.probes(), Counter[bool]()
    for seed in range(SETS):
        resolved = resolve([without_requests(each) for each in PolicyChance(seed + 300).policies()], who)
        compilation = Compilation(resolved.policies, resolved, lowered(resolved))
        namespaces.run(network.node, partial(enforcement.switch, compilation, network.interfaces))
        right = {probe for probe in probes if expected(resolved, probe)}
        found = network.reached(probes)
        for _ in range(TRIES - 1):  # the machine may be slow; but what is not allowed comes through at no time
            found |= network.reached([probe for probe in right if probe not in found])
        assert found == right, (seed, found ^ right)
        met.update(probe in right for probe in probes)
    assert min(met.values()) > 5000, met
