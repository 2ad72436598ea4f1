"""While policies change, again and again, nothing passes that neither the old nor the new one allows, and nothing is lost that both allow."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from itertools import pairwise

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.demo import namespaces
from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import load_datapath
from pybpf.enforce.install import Enforcement
from tests.support.floods import Flood, receiver, sender
from tests.support.topology import FAMILIES, Topology, topology

pytestmark = pytest.mark.kernel
SWAPS = 1000 if os.environ.get("PYBPF_FUZZ") else 60
ALWAYS, NEVER, CHANGING = 9000, 9001, (9002, 9003, 9004)
PORTS = (ALWAYS, NEVER, *CHANGING)
MARGIN = 64  # datagrams that may be under way when a moment is noted
SERVER, CLIENT, OTHER = (
    Endpoint(name, "default", (Label(KUBERNETES, "app", name),), (ip_address(f"10.0.9.{last}"), ip_address(f"fd00:9::{last}")))
    for last, name in enumerate(("server", "client", "other"), 1)
)
POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
  - fromEndpoints: [{matchExpressions: [{key: app, operator: In, values: [client, guest]}]}]
    toPorts: [{ports: [{port: "9000", protocol: UDP}]}]
%s
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A policy, who exists, and the ports that the client reaches."""

    text: str
    endpoints: tuple[Endpoint, ...]
    open: frozenset[int]


def stages() -> list[Stage]:
    """Policies that differ in what changes in life: a port, a range, a deny, a label, an address, a workload."""
    allow = "  - fromEndpoints: [{matchLabels: {app: client}}]\n    toPorts: [{ports: [{port: \"%d\", endPort: %d, protocol: UDP}]}]\n"
    deny = "  ingressDeny:\n  - fromEndpoints: [{matchLabels: {app: client}}]\n    toPorts: [{ports: [{port: \"9003\", protocol: UDP}]}]\n"
    by_network = "  - fromCIDR: [10.0.9.2/32, \"fd00:9::2/128\"]\n    toPorts: [{ports: [{port: \"9004\", protocol: UDP}]}]\n"
    everybody = (SERVER, CLIENT, OTHER)
    guest = replace(CLIENT, labels=(Label(KUBERNETES, "app", "guest"),))
    moved = replace(OTHER, addresses=(*OTHER.addresses, ip_address("10.0.9.77")))
    return [
        Stage("", everybody, frozenset()),
        Stage(allow % (9002, 9002), everybody, frozenset({9002})),
        Stage(allow % (9002, 9003), everybody, frozenset({9002, 9003})),
        Stage(allow % (9002, 9004), (SERVER, CLIENT), frozenset({9002, 9003, 9004})),
        Stage(allow % (9002, 9004) + deny, everybody, frozenset({9002, 9004})),
        Stage(allow % (9002, 9004), (SERVER, guest, OTHER), frozenset()),
        Stage(allow % (9003, 9003), (SERVER, CLIENT, moved), frozenset({9003})),
        Stage(by_network, everybody, frozenset()),  # networks do not cover workloads
    ]


def flood_of(network: Topology) -> Flood[tuple[int, int]]:
    """From the client to every port of the server over both versions of IP."""
    server, client = (next(each for each in network.workloads if each.endpoint.name == name) for name in ("server", "client"))
    keys = [(version, port) for version in FAMILIES for port in PORTS]
    receivers = {(version, port): namespaces.run(server.namespace, partial(receiver, FAMILIES[version], port)) for version, port in keys}
    senders = {(version, port): namespaces.run(client.namespace, partial(sender, FAMILIES[version], server.address(version), port)) for version, port in keys}
    return Flood(senders, receivers)


@contextmanager
def enforced(network: Topology) -> Iterator[Enforcement]:
    def made() -> Enforcement:
        with ExitStack() as owned:
            return Enforcement(load_datapath(owned), best_way(), owned.pop_all())

    with namespaces.run(network.node, made) as enforcement:
        yield enforcement


def put(network: Topology, enforcement: Enforcement, stage: Stage) -> None:
    """Enforce a stage on those who exist in it."""
    interfaces = {each.name: f"w{number}" for number, each in enumerate(network.workloads, 1)}
    endpoints = tuple(replace(each, interface=interfaces[each.namespace, each.name]) for each in stage.endpoints)
    namespaces.run(network.node, lambda: enforcement.update([Source("policy.yaml", POLICY % stage.text)], Inventory(endpoints)))


def wrong(moments: Sequence[tuple[int, int, Stage]], flood: Flood[tuple[int, int]]) -> list[tuple[int, int, int, str]]:
    """Datagrams that came through without right, or did not with it: version, port, number, what. `moments` are (first number after which
    a change to the stage began, number after which it had ended, the stage)."""
    found, all_arrived = [], {key: frozenset(numbers) for key, numbers in flood.arrived.items()}
    for (_, begun, old), (changing, ended, new) in pairwise(moments):
        for number in range(begun + MARGIN, ended):
            allowed = [old] if number < changing - MARGIN else [old, new]
            for (version, port), arrived in all_arrived.items():
                passes = [port == ALWAYS or port in each.open for each in allowed]
                if (number in arrived and not any(passes)) or (number not in arrived and all(passes)):
                    found.append((version, port, number, "arrived" if number in arrived else "lost"))
    return found


def test_while_policies_change_each_packet_gets_the_old_or_the_new_verdict() -> None:
    chance, known = random.Random(11), stages()
    with topology([SERVER, CLIENT, OTHER]) as network, enforced(network) as enforcement:
        put(network, enforcement, known[0])
        moments = [(0, 0, known[0])]
        with flood_of(network) as flood:
            for _ in range(SWAPS):
                stage = chance.choice(known)
                begun = flood.sent
                put(network, enforcement, stage)
                moments.append((begun, flood.sent, stage))
                time.sleep(chance.random() * 0.02)
        moments.append((flood.sent, flood.sent, moments[-1][2]))
    assert wrong(moments, flood) == []
    assert all(flood.arrived[version, NEVER] == [] for version in FAMILIES)
    assert all(flood.arrived[version, ALWAYS] == list(range(flood.sent)) for version in FAMILIES)
    assert flood.sent > 5 * SWAPS and all(flood.arrived[version, port] for version in FAMILIES for port in CHANGING)
