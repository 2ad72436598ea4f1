"""Enforcement that outlives its process: applied, changed by another process, killed in the middle, taken over, taken away."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.reading import must_read
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import applying, figures, installation, presence, store
from pybpf.enforce.attachments import Way
from pybpf.enforce.request import Request, request
from tests.support.floods import Flood, receiver, sender

pytestmark = pytest.mark.kernel
ALWAYS, NEVER, FIRST, SECOND = 9000, 9001, 9002, 9003
KILLS = 100 if os.environ.get("PYBPF_FUZZ") else 25
POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: client}}]
    toPorts: [{ports: [{port: "%d", protocol: UDP}, {port: "%d", protocol: UDP}]}]
"""


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


@pytest.fixture
def folder(bpffs: Path, built: Network) -> Iterator[Path]:
    made = bpffs / "enforced"
    yield made
    if made.exists():
        namespaces.run(built.node, partial(installation.detach_all, made))
        made.rmdir()


@pytest.fixture(params=list(Way), ids=lambda way: way.value)
def way(request: pytest.FixtureRequest) -> Way:
    """Both ways to attach, whatever the kernel has."""
    assert isinstance(request.param, Way)
    return request.param


def wanted(built: Network, port: int) -> Request:
    """The server may be asked on ALWAYS and on `port`."""
    lines = [f"- {{name: {each.name}, namespace: default, labels: {{app: {each.name}}}, addresses: [{each.ipv4}], interface: {each.interface}}}" for each in built.places]
    inventory = read_inventory(Source("endpoints.yaml", "endpoints:\n" + "\n".join(lines)))
    return request(must_read([Source("policy.yaml", POLICY % (ALWAYS, port))]).policies, inventory)


def apply(built: Network, folder: Path, port: int, way: Way | None = None) -> None:
    def job() -> None:
        with store.locked(folder):
            applying.carry_out(folder, store.read(folder), wanted(built, port), way)

    namespaces.run(built.node, job)


def flood_of(built: Network) -> Flood[int]:
    """From the client to four ports of the server."""
    server, client = built.place("server"), built.place("client")
    receivers = {port: namespaces.run(server.namespace, partial(receiver, socket.AF_INET, port)) for port in (ALWAYS, NEVER, FIRST, SECOND)}
    return Flood({port: namespaces.run(client.namespace, partial(sender, socket.AF_INET, server.ipv4, port)) for port in receivers}, receivers)


@contextmanager
def flooded(built: Network) -> Iterator[Flood[int]]:
    with flood_of(built) as flood:
        time.sleep(0.1)
        yield flood
    assert flood.arrived[NEVER] == []
    assert flood.arrived[ALWAYS] == list(range(flood.sent)), "a packet of an unchanged rule was lost"


def killed(job: Callable[[], None], after_seconds: float) -> None:
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


def test_another_process_changes_what_one_has_applied(built: Network, folder: Path, way: Way) -> None:
    apply(built, folder, FIRST, way)
    with flooded(built) as flood:
        time.sleep(0.1)
        seen = len(flood.arrived[FIRST])
        apply(built, folder, SECOND, way)
        time.sleep(0.1)
        cut = len(flood.arrived[FIRST])
        time.sleep(0.1)
    assert seen > 0 and len(flood.arrived[FIRST]) - cut <= 16 and flood.arrived[SECOND] != []


def test_killed_at_any_point_nothing_opens_and_the_next_apply_finds_its_way(built: Network, folder: Path, way: Way) -> None:
    apply(built, folder, FIRST, way)
    chance = random.Random(5)
    with flooded(built):
        for number in range(KILLS if way is Way.TCX else KILLS // 5):
            port = (FIRST, SECOND)[number % 2]
            killed(partial(apply, built, folder, port, way), chance.random() * (0.2 if number % 3 else 1.5))
        apply(built, folder, SECOND)
    state = store.read(folder)
    assert state is not None and state.pending is None


def test_another_version_takes_over_with_a_new_generation(built: Network, folder: Path, way: Way) -> None:
    apply(built, folder, FIRST, way)
    state = store.read(folder)
    assert state is not None
    store.write(folder, replace(state, version="older"))
    with flooded(built) as flood:
        apply(built, folder, SECOND, way)
        time.sleep(0.1)
    after = store.read(folder)
    assert after is not None and after.generation == state.generation + 1 and flood.arrived[SECOND] != []
    assert not (folder / str(state.generation)).exists()
    counted = {each.name: each.counts for each in figures.endpoints(folder)}
    assert sum(counts[0] for counts in counted["default/server"].values()) > 0


def test_what_an_upgrade_that_died_has_moved_is_moved_back(built: Network, folder: Path, way: Way) -> None:
    """The programs of the generation that it had begun enforce what was enforced: they must not go on with that when policy changes."""
    apply(built, folder, FIRST, way)
    state = store.read(folder)
    assert state is not None
    store.write(folder, replace(state, version="older"))
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(store, "write", dies)
        with pytest.raises(Died):
            apply(built, folder, SECOND, way)
    store.write(folder, state)  # the version that was there goes on
    with flooded(built) as flood:
        apply(built, folder, SECOND, way)
        time.sleep(0.1)
        cut = len(flood.arrived[FIRST])
        time.sleep(0.2)
    assert len(flood.arrived[FIRST]) - cut <= 16 and flood.arrived[SECOND] != []
    assert namespaces.run(built.node, partial(presence.live, folder, state.generation)) == {each.interface_index for each in built.places}


class Died(Exception):
    """Stands for the end of the process."""


def dies(*_: object) -> None:
    raise Died


def test_everything_passes_and_nothing_is_left_after_detaching(built: Network, folder: Path, way: Way) -> None:
    apply(built, folder, FIRST, way)
    assert namespaces.run(built.node, partial(installation.detach_all, folder)) == 2
    assert list(folder.iterdir()) == []
    with flood_of(built) as flood:
        time.sleep(0.2)
    assert flood.arrived[NEVER] == list(range(flood.sent))


def test_two_processes_do_not_change_it_at_once(built: Network, folder: Path) -> None:
    apply(built, folder, FIRST)
    with store.locked(folder), pytest.raises(store.Busy, match="another process"):
        apply(built, folder, SECOND)
