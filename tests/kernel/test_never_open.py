"""While policies change, again and again, nothing passes that neither the old nor the new one allows, and nothing is lost that both allow."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from ipaddress import ip_address
from itertools import pairwise, product, takewhile
from pathlib import Path
from typing import Final

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.reading import must_read
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from pybpf.demo import namespaces
from pybpf.enforce import applying, installation, store
from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import load_datapath
from pybpf.enforce.install import Enforcement
from pybpf.enforce.request import request
from tests.support.raw_flood import Flood, Flooded, Stream
from tests.support.topology import FAMILIES, Topology, topology

pytestmark = pytest.mark.kernel
SWAPS, KILLS = (1000, 100) if os.environ.get("PYBPF_FUZZ") else (50, 15)
FOREVER: Final = 1 << 63
ALWAYS, NEVER, CHANGING = 9000, 9001, (9002, 9003, 9004)
PORTS = (ALWAYS, NEVER, *CHANGING)
LATE_NS = 50_000_000  # in which what is sent has met both hooks, also on a machine with other work
ROAMING = {4: "10.0.9.7", 6: "fd00:9::7"}  # client and other have it both; policy gives it to one of them, or to nobody
SERVER, CLIENT, OTHER = (
    Endpoint(name, "default", (Label(KUBERNETES, "app", name),), (ip_address(f"10.0.9.{last}"), ip_address(f"fd00:9::{last}")), interface=f"w{last}")
    for last, name in enumerate(("server", "client", "other"), 1)
)
EVERYBODY: Final = (SERVER, CLIENT, OTHER)
GUEST = replace(CLIENT, labels=(Label(KUBERNETES, "app", "guest"),))
AT_SERVER = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
  - fromEndpoints: [{matchExpressions: [{key: app, operator: In, values: [client, guest]}]}]
    toPorts: [{ports: [{port: "9000", protocol: ANY}]}]
%s
"""
AT_CLIENT = """---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: client}}
"""
FROM_CLIENT = '  - fromEndpoints: [{matchLabels: {app: client}}]\n    toPorts: [{ports: [{port: "%d", endPort: %d, protocol: ANY}]}]\n'
FROM_OTHER = '  - fromEndpoints: [{matchLabels: {app: other}}]\n    toPorts: [{ports: [{port: "9003", protocol: ANY}]}]\n'
FROM_NETWORK = '  - fromCIDR: [10.0.9.2/32, "fd00:9::2/128"]\n    toPorts: [{ports: [{port: "9000", endPort: 9002, protocol: ANY}, {port: "9004", protocol: ANY}]}]\n'
DENY_AT_SERVER = '  ingressDeny:\n  - fromEndpoints: [{matchLabels: {app: client}}]\n    toPorts: [{ports: [{port: "9003", protocol: ANY}]}]\n'
DENY_AT_CLIENT = '  egressDeny:\n  - toPorts: [{ports: [{port: "9002", protocol: ANY}]}]\n  egress:\n  - toEndpoints: [{matchLabels: {app: server}}]\n'
TO_NETWORK = '  egress:\n  - toCIDR: [10.0.9.1/32, "fd00:9::1/128"]\n    toPorts: [{ports: [{port: "9000", protocol: ANY}, {port: "9002", protocol: ANY}]}]\n'


@dataclass(frozen=True, slots=True)
class Stage:
    """What is enforced at some time: a text of policies, and who exists."""

    text: str
    endpoints: tuple[Endpoint, ...]

    @property
    def sources(self) -> list[Source]:
        return [Source("policy.yaml", self.text)] if self.text else []


NOTHING: Final = Stage("", ())


def stages() -> list[Stage]:
    """Policies that differ in what changes in life: a port, a range, a deny, a label, an address, a network, who is an endpoint at all."""
    ranges = [FROM_CLIENT % each for each in ((9002, 9002), (9002, 9003), (9002, 9004), (9004, 9004))]
    at_server = ["", *ranges, ranges[2] + DENY_AT_SERVER]
    return [
        *(Stage(AT_SERVER % each, EVERYBODY) for each in at_server),
        Stage(AT_SERVER % ranges[2], (SERVER, CLIENT)),
        Stage(AT_SERVER % ranges[2], (SERVER, GUEST, OTHER)),
        Stage(AT_SERVER % ranges[1], (SERVER, with_roaming(CLIENT), OTHER)),
        Stage(AT_SERVER % FROM_OTHER, (SERVER, CLIENT, with_roaming(OTHER))),
        Stage(AT_SERVER % FROM_NETWORK, EVERYBODY),  # networks do not cover workloads
        Stage(AT_SERVER % FROM_NETWORK, (SERVER, OTHER)),
        Stage(AT_SERVER % ranges[2] + AT_CLIENT + DENY_AT_CLIENT, EVERYBODY),
        Stage(AT_CLIENT + TO_NETWORK, (CLIENT, OTHER)),
    ]


def with_roaming(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with the address that moves."""
    return replace(endpoint, addresses=(*endpoint.addresses, *map(ip_address, ROAMING.values())))


def streams() -> list[Stream]:
    """From the client to every port as one flow and as ever new ones, from the other, and from the address that moves by both."""
    kinds = [(Protocol.UDP, False), (Protocol.UDP, True), (Protocol.TCP, True)]
    server = SERVER.namespace, SERVER.name

    def sent(endpoint: Endpoint, address: str, version: int, port: int, protocol: Protocol, renews: bool) -> Stream:
        return Stream((endpoint.namespace, endpoint.name), address, server, version, protocol, port, renews)

    own = [sent(CLIENT, own_address(CLIENT, version), version, port, *kind) for version, port, kind in product(FAMILIES, PORTS, kinds)]
    others = [sent(OTHER, own_address(OTHER, version), version, port, *kind) for version, port, kind in product(FAMILIES, (ALWAYS, 9003), kinds)]
    moving = [
        sent(endpoint, ROAMING[version], version, port, *kind) for endpoint, version, port, kind in product((CLIENT, OTHER), FAMILIES, (NEVER, 9003), kinds[::2])
    ]
    return own + others + moving


def own_address(endpoint: Endpoint, version: int) -> str:
    """Its first of a version of IP."""
    return next(str(each) for each in endpoint.addresses if each.version == version)


def passes(stage: Stage, stream: Stream) -> bool:
    """Whether packets of the stream come through where the stage is enforced: at each end that is an endpoint, by policy, and from it
    only with an address of its own."""
    resolved = resolved_of(stage)
    names = {(each.namespace, each.name): each for each in stage.endpoints}
    source = Party(address=ip_address(stream.source))
    target = Party(address=ip_address(next(own_address(each, stream.version) for each in EVERYBODY if (each.namespace, each.name) == stream.destination)))
    if stream.sender in names:
        if source.address not in names[stream.sender].addresses:
            return False
        if not verdict(resolved, Flow(source, target, Direction.EGRESS, stream.protocol, stream.port)).allowed:
            return False
    return stream.destination not in names or verdict(resolved, Flow(source, target, Direction.INGRESS, stream.protocol, stream.port)).allowed


@cache
def resolved_of(stage: Stage) -> Resolved:
    return resolve(must_read(stage.sources).policies, Inventory(stage.endpoints))


@contextmanager
def enforced(network: Topology) -> Iterator[Enforcement]:
    def made() -> Enforcement:
        with ExitStack() as owned:
            return Enforcement(load_datapath(owned), best_way(), owned.pop_all())

    with namespaces.run(network.node, made) as enforcement:
        yield enforcement


def roam(network: Topology) -> None:
    """Give both who may send from it the address that moves."""
    for each in network.workloads:
        if each.endpoint.name != SERVER.name:
            for version, address in ROAMING.items():
                words = ["addr", "add", address, "dev", "eth0", *(["nodad"] if version == 6 else [])]
                subprocess.run(["ip", "-n", each.namespace, f"-{version}", *words], check=True)


@dataclass(slots=True)
class Span:
    """A time in which a stage may have counted."""

    begun_ns: int
    ended_ns: int
    stage: Stage


class History:
    """Which stages may have counted when."""

    def __init__(self) -> None:
        self.spans = [Span(0, FOREVER, NOTHING)]

    @contextmanager
    def change(self, stage: Stage, *, ends: bool = True) -> Iterator[None]:
        """A change to a stage in the block; unless it `ends` well, what was before may count after it as well."""
        before = [each for each in self.spans if each.ended_ns == FOREVER]
        self.spans.append(Span(time.time_ns(), FOREVER, stage))
        yield
        for each in before if ends else ():
            each.ended_ns = time.time_ns()


def wrong(history: History, flooded: Flooded) -> list[tuple[str, Stream, int, list[Stage]]]:
    """Packets that came through without right, or were lost with it: what, whose, its round, and the stages it may have met."""
    found, spans, first = [], history.spans, 0
    truth = {stage: [passes(stage, stream) for stream in flooded.streams] for stage in {each.stage for each in spans}}
    for number, (began_ns, ended_ns) in enumerate(pairwise(flooded.began_ns)):
        while spans[first].ended_ns < began_ns:
            first += 1
        met = list(takewhile(lambda each: each.begun_ns <= ended_ns + LATE_NS, spans[first:]))  # noqa: B023  # used up at once
        for index, arrived_ns in enumerate(flooded.round(number)):
            stages = [each.stage for each in met if not arrived_ns or each.begun_ns <= arrived_ns]
            may = [truth[each][index] for each in stages]
            if not any(may) if arrived_ns else all(may):
                found.append(("arrived" if arrived_ns else "lost", flooded.streams[index], number, stages))
    return found


def check(history: History, flooded: Flooded) -> None:
    """Nothing was wrong, and there was enough that could have been."""
    assert flooded.overrun == 0
    assert wrong(history, flooded) == []
    assert flooded.rounds > 5 * len(history.spans)


@pytest.fixture
def network() -> Iterator[Topology]:
    with topology(EVERYBODY) as made:
        roam(made)
        yield made


def test_while_policies_change_each_packet_gets_the_old_or_the_new_verdict(network: Topology) -> None:
    chance, known, history = random.Random(11), stages(), History()
    with Flood(network, streams()) as flood, enforced(network) as enforcement:
        for stage in (*known, *chance.choices(known, k=SWAPS)):
            with history.change(stage):
                namespaces.run(network.node, partial(enforcement.update, stage.sources, Inventory(stage.endpoints)))
            time.sleep(chance.random() * 0.02)
        history.spans.append(Span(time.time_ns(), FOREVER, NOTHING))
    check(history, flood.result)


def test_a_process_that_is_killed_while_it_applies_leaves_the_old_or_the_new(network: Topology, folder: Path) -> None:
    chance, known, history = random.Random(12), stages(), History()
    with Flood(network, streams()) as flood, installed(network, folder, history):
        for stage in chance.choices(known, k=KILLS):
            with history.change(stage, ends=False):
                killed(partial(namespaces.run, network.node, partial(apply, folder, stage)), after_seconds=chance.random() * 0.3)
            if chance.random() < 0.5:
                stage = chance.choice(known)
                with history.change(stage):
                    namespaces.run(network.node, partial(apply, folder, stage))
    check(history, flood.result)


def test_another_version_takes_over_and_changes_who_is_an_endpoint(network: Topology, folder: Path) -> None:
    known, history = stages(), History()
    with Flood(network, streams()) as flood, installed(network, folder, history):
        for stage in known[-6:]:
            if (state := store.read(folder) if folder.exists() else None) is not None:
                store.write(folder, replace(state, version="older"))
            with history.change(stage):
                namespaces.run(network.node, partial(apply, folder, stage))
    check(history, flood.result)


@pytest.fixture
def folder(bpffs: Path) -> Path:
    return bpffs / "enforced"


@contextmanager
def installed(network: Topology, folder: Path, history: History) -> Iterator[None]:
    """Whatever is applied in the block ends with it."""
    try:
        yield
    finally:
        history.spans.append(Span(time.time_ns(), FOREVER, NOTHING))
        namespaces.run(network.node, partial(installation.detach_all, folder))
        folder.rmdir()


def apply(folder: Path, stage: Stage) -> None:
    """What the command does, without its words."""
    wanted = request(must_read(stage.sources).policies, Inventory(stage.endpoints))
    with store.locked(folder):
        applying.carry_out(folder, store.read(folder), wanted)


def killed(job: Callable[[], None], *, after_seconds: float) -> None:
    """Run `job` in a process of its own and kill that after a while."""
    child = os.fork()
    if child == 0:
        try:
            job()
        finally:
            os._exit(0)
    time.sleep(after_seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
