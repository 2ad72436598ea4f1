"""What a refused sender notices, as its own sockets tell it: nothing, a reset, an ICMP error; and both ends of a connection that is cut."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from pybpf.compiler.pipeline import compile_policies
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction, OnDeny
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.demo import namespaces
from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import load_datapath
from pybpf.enforce.install import Enforcement
from pybpf.enforce.rates import Rates, set_rates
from pybpf.kernel_progs.abi import Verdict
from tests.compiler.policy.made import policy, port, ports, rule, selecting
from tests.support.policy_chance import inventory
from tests.support.topology import FAMILIES, Topology, topology

pytestmark = pytest.mark.kernel
CLIENT, SERVER = (each for each in inventory().endpoints[:2])
OPEN, CLOSED, SILENT = 80, 8000, "timed out"
# (how, over which version, TCP or UDP) -> what connect() or recv() tell
TOLD = {
    (OnDeny.DROP, 4): SILENT, (OnDeny.DROP, 6): SILENT,
    (OnDeny.RESET, 4): errno.ECONNREFUSED, (OnDeny.RESET, 6): errno.ECONNREFUSED,
    (OnDeny.ICMP, 4): errno.EHOSTUNREACH, (OnDeny.ICMP, 6): errno.EACCES,
}  # fmt: skip
UNREACHABLE = {4: errno.EHOSTUNREACH, 6: errno.EACCES}  # ICMP: administratively prohibited


@pytest.fixture(scope="module")
def network() -> Iterator[Topology]:
    with topology([CLIENT, SERVER]) as built:
        yield built


@contextmanager
def enforced(network: Topology, direction: Direction, how: OnDeny, rates: Rates | None = None) -> Iterator[Enforcement]:
    """The one endpoint that judges in this direction lets TCP 80 and UDP 81 pass and refuses all else so, and everything the other way."""

    def made() -> Enforcement:
        with ExitStack() as owned:
            datapath = load_datapath(owned)
            set_rates(datapath.maps["control"], rates or Rates())
            return Enforcement(datapath, best_way(), owned.pop_all())

    with namespaces.run(network.node, made) as enforcement:
        allow(network, enforcement, direction, how, OPEN)
        yield enforcement


def allow(network: Topology, enforcement: Enforcement, direction: Direction, how: OnDeny, number: int) -> None:
    judging = SERVER if direction is Direction.INGRESS else CLIENT
    nothing = rule([], None, Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS)
    said = policy(selecting(app="a"), rule(None, [ports(port(number), port(81, Protocol.UDP))], direction), nothing, on_deny=how)
    compilation = compile_policies([said], Inventory((judging,)))
    name = (judging.namespace, judging.name)
    namespaces.run(network.node, lambda: enforcement.switch(compilation, {name: network.interfaces[name]}))


def workload(network: Topology, name: str) -> tuple[str, dict[int, str]]:
    found = next(each for each in network.workloads if each.endpoint.name == name)
    return found.namespace, {version: found.address(version) for version in FAMILIES}


def connecting(network: Topology, version: int, number: int) -> object:
    """What connect() tells the client: None, an errno, or SILENT."""
    (inside, _), (_, addresses) = workload(network, CLIENT.name), workload(network, SERVER.name)

    def connect() -> object:
        with socket.socket(FAMILIES[version], socket.SOCK_STREAM) as made:
            made.settimeout(1.5)  # the first error may come while connect() still has the socket; the second SYN goes after a second
            try:
                made.connect((addresses[version], number))
            except TimeoutError:
                return SILENT
            except OSError as error:
                return error.errno
            return None

    return namespaces.run(inside, connect)


def asking(network: Topology, version: int, number: int) -> object:
    """What a UDP socket of the client is told: None for a sign that nothing came back, or an errno."""
    (inside, _), (_, addresses) = workload(network, CLIENT.name), workload(network, SERVER.name)

    def ask() -> object:
        with socket.socket(FAMILIES[version], socket.SOCK_DGRAM) as made:
            made.settimeout(0.4)
            made.connect((addresses[version], number))
            try:
                made.send(b"?")
                made.recv(16)
            except TimeoutError:
                return SILENT
            except OSError as error:
                return error.errno
            return None

    return namespaces.run(inside, ask)


@pytest.mark.parametrize("direction", list(Direction), ids=lambda each: each.value)
@pytest.mark.parametrize("how", [OnDeny.DROP, OnDeny.RESET, OnDeny.ICMP], ids=lambda each: each.value)
def test_a_refused_sender_is_told_as_the_policy_says(network: Topology, direction: Direction, how: OnDeny) -> None:
    with enforced(network, direction, how) as enforcement:
        for version in FAMILIES:
            assert connecting(network, version, OPEN) is None
            assert connecting(network, version, CLOSED) == TOLD[how, version]
            assert asking(network, version, 9999) == (SILENT if how is OnDeny.DROP else UNREACHABLE[version])
        verdicts = {flow.verdict for flow in enforcement.flows(500)}
    told = {OnDeny.DROP: {Verdict.DROPPED}, OnDeny.RESET: {Verdict.REFUSED_RESET, Verdict.REFUSED_PROHIBITED}, OnDeny.ICMP: {Verdict.REFUSED_PROHIBITED}}[how]
    assert told <= verdicts and not (verdicts - told - {Verdict.FORWARDED})


@pytest.mark.parametrize("version", list(FAMILIES))
@pytest.mark.parametrize("direction", list(Direction), ids=lambda each: each.value)
def test_a_connection_whose_right_is_taken_away_is_reset_at_both_ends(network: Topology, direction: Direction, version: int) -> None:
    (inside, _), (server, addresses) = workload(network, CLIENT.name), workload(network, SERVER.name)
    with ExitStack() as owned:
        listener = owned.enter_context(namespaces.run(server, lambda: socket.create_server((addresses[version], 9123), family=FAMILIES[version])))
        enforcement = owned.enter_context(enforced(network, direction, OnDeny.RESET))
        allow(network, enforcement, direction, OnDeny.RESET, 9123)
        made = owned.enter_context(namespaces.run(inside, lambda: socket.create_connection((addresses[version], 9123), timeout=2)))
        accepted = owned.enter_context(listener.accept()[0])
        accepted.settimeout(2)
        made.sendall(b"ping")
        assert accepted.recv(16) == b"ping"
        allow(network, enforcement, direction, OnDeny.RESET, OPEN)
        made.sendall(b"more")
        for each in (made, accepted):
            with pytest.raises(ConnectionResetError):
                each.recv(16)


def test_answers_are_limited_in_rate_and_what_is_over_it_is_dropped(network: Topology) -> None:
    with enforced(network, Direction.INGRESS, OnDeny.RESET, Rates(answers_per_second=0)) as enforcement:
        assert connecting(network, 4, CLOSED) == SILENT and asking(network, 6, 9999) == SILENT
        assert {flow.verdict for flow in enforcement.flows(500)} == {Verdict.DROPPED}
