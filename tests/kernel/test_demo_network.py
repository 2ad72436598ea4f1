from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pybpf.bpffs import ensure_mounted
from pybpf.compiler.diag import Source
from pybpf.demo import SCENARIOS, flights, namespaces, owners
from pybpf.demo.client import Answer, Cut, Dropped, Unreachable, ask, converse, head
from pybpf.demo.flights import NOBODY, Phase
from pybpf.demo.network import Network, network
from pybpf.demo.scenario import Scenario, read_scenario
from pybpf.demo.serving import Serving, serve

pytestmark = pytest.mark.kernel

# A demo that stands until it is stopped.
DEMO = """
import time
from pybpf.cli.stopping import stopping_in_order
from pybpf.demo.network import network
from pybpf.demo.serving import serve
with stopping_in_order(), network(["api", "board"]) as built, serve(built.place("api").namespace, 80):
    print(built.node, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[Network, Serving]]:
    """A network of two endpoints, `api` (which serves) and `board`."""
    with network(["api", "board"]) as made, serve(made.place("api").namespace, 80) as serving:
        yield made, serving


@contextmanager
def running_demo() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo in a process of its own, up, and the token of what it made."""
    with subprocess.Popen([sys.executable, "-c", DEMO], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child, child.stdout.readline().strip().removeprefix(owners.PREFIX).removesuffix("-node")
        finally:
            child.kill()


def of(token: str) -> list[str]:
    """The namespaces that carry a token."""
    return [name for name in namespaces.names() if name.startswith(owners.name(token, ""))]


def interfaces() -> str:
    return subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout


def alive_in(namespace: str) -> list[str]:
    return subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True).stdout.split()


def flights_scenario() -> Scenario:
    return read_scenario(Source("requests.yaml", (SCENARIOS / "flights" / "requests.yaml").read_text()))


class NothingEnforced:
    """An Enforced that enforces nothing."""

    def decided_by(self, client_address: str, client_port: int) -> str:
        return f"nobody about {client_address}:{client_port}"


@contextmanager
def nothing_enforced(_: Network) -> Iterator[NothingEnforced]:
    yield NothingEnforced()


def test_an_interface_has_the_index_it_has_in_the_node(built: tuple[Network, Serving]) -> None:
    place = built[0].place("board")
    shown = subprocess.run(["ip", "-n", built[0].node, "-o", "link", "show", place.interface], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"{place.interface_index}: {place.interface}@")


def test_an_endpoint_has_no_ipv6(built: tuple[Network, Serving]) -> None:
    shown = subprocess.run(["ip", "-n", built[0].place("board").namespace, "-6", "address"], capture_output=True, text=True, check=True)
    assert shown.stdout == ""


def test_the_callers_namespace_is_left_alone(built: tuple[Network, Serving]) -> None:
    before = os.readlink("/proc/thread-self/ns/net")
    inside = namespaces.run(built[0].node, lambda: os.readlink("/proc/thread-self/ns/net"))
    assert inside != before == os.readlink("/proc/thread-self/ns/net")
    assert "10.77." not in subprocess.run(["ip", "address"], capture_output=True, text=True, check=True).stdout


def test_a_namespace_that_is_not_there_is_an_error_and_is_not_made() -> None:
    with pytest.raises(FileNotFoundError):
        namespaces.run("pybpf-demo-nowhere", lambda: None)
    assert "pybpf-demo-nowhere" not in namespaces.names()


def test_each_byte_of_a_head_leaves_in_a_segment_of_its_own(built: tuple[Network, Serving]) -> None:
    made, _ = built
    address = (made.place("api").ipv4, 80)
    exchange = ask(made.place("board").namespace, address, "GET", "/flights", cut=Cut.ONE_BYTE_SEGMENTS)
    assert isinstance(exchange.outcome, Answer)
    assert exchange.outcome.status == 200
    assert exchange.segments == len(head(address, "GET", "/flights", connection="close"))


@pytest.mark.parametrize("cut", Cut)
def test_one_connection_carries_request_after_request(built: tuple[Network, Serving], cut: Cut) -> None:
    made, serving = built
    requests = [("GET", "/flights"), ("POST", "/flights"), ("DELETE", "/bookings/7"), ("GET", "/nothing")]
    exchanges = converse(made.place("board").namespace, (made.place("api").ipv4, 80), requests, cut=cut)
    outcomes = [each.outcome for each in exchanges if isinstance(each.outcome, Answer)]
    assert [(each.status, each.closed_cleanly) for each in outcomes] == [(200, False), (201, False), (204, False), (404, True)]
    port = exchanges[0].client_port
    assert [(each.method, each.path) for each in serving.arrivals() if each.client_port == port] == requests


def test_a_port_where_nobody_listens_is_told_from_one_that_never_answers(built: tuple[Network, Serving]) -> None:
    made, _ = built
    client = made.place("board").namespace
    assert ask(client, (made.place("api").ipv4, 81), "GET", "/", cut=Cut.WHOLE).outcome == Unreachable("ECONNREFUSED")
    assert ask(client, ("10.77.1.99", 80), "GET", "/", cut=Cut.WHOLE).outcome == Dropped()


def test_before_a_policy_every_request_is_answered_and_an_open_door_is_noticed() -> None:
    rows = flights.run(flights_scenario(), nothing_enforced, tell=lambda _: None)
    before = [row for row in rows if row.phase is Phase.BEFORE]
    assert {(row.cut, row.ok, row.who_decided) for row in before} == {(cut, True, NOBODY) for cut in Cut}
    after = [row for row in rows if row.phase is Phase.AFTER]
    assert all(row.ok == (row.request.after == 200) and row.reached_service for row in after)


def test_the_flights_demo_goes_as_expected_and_names_the_line_that_decided() -> None:
    done = subprocess.run([sys.executable, "-m", "pybpf", "demo", "flights", "--json"], capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [row for row in rows if not row["ok"]]) == (0, []), done.stderr
    assert len(rows) == len(flights_scenario().requests) * len(Phase) * len(Cut)
    assert {(row["got"], row["reached_service"], row["who_decided"]) for row in rows if row["phase"] == "after"} == {
        ("200", True, "read-flights.yaml:21"),
        ("403", False, "read-flights.yaml:16"),
        ("drop", False, "read-flights.yaml:11"),
    }


def test_a_service_that_did_not_end_well_proves_nothing() -> None:
    with network(["api"]) as made, serve(made.place("api").namespace, 80) as serving:
        (service,) = alive_in(made.place("api").namespace)
        os.kill(int(service), signal.SIGKILL)
        with pytest.raises(OSError, match="did not end well"):
            serving.finish()


def test_a_network_leaves_nothing_behind_also_when_its_block_fails() -> None:
    seen = interfaces()
    with pytest.raises(RuntimeError), network(["api"]) as made, serve(made.place("api").namespace, 80):
        token = made.node.removeprefix(owners.PREFIX).removesuffix("-node")
        assert len(of(token)) == 2
        raise RuntimeError
    assert of(token) == []
    assert interfaces() == seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_demo_in_order(number: signal.Signals) -> None:
    with running_demo() as (child, token):
        child.send_signal(number)
        assert child.wait(10) == 128 + number
        assert of(token) == []


def test_what_a_killed_demo_leaves_is_removed_by_the_next() -> None:
    with running_demo() as (child, token):
        pins = owners.pins(token)
        ensure_mounted(pins.parent)
        pins.mkdir()
        api = next(name for name in of(token) if name.endswith("-api"))
        straggler = subprocess.Popen(["ip", "netns", "exec", api, "sleep", "60"])
        child.kill()
        child.wait(10)
        assert len(of(token)) == 3
        with network(["board"]):
            assert of(token) == []
            assert not pins.exists()
        assert straggler.wait(10) == -signal.SIGKILL


def test_the_service_ends_when_its_demo_is_killed() -> None:
    with running_demo() as (child, token):
        api = next(name for name in of(token) if name.endswith("-api"))
        (service,) = alive_in(api)
        pidfd = os.pidfd_open(int(service))
        child.kill()
        assert select.select([pidfd], [], [], 10)[0]
        os.close(pidfd)
    owners.remove(token)


def test_a_live_demo_of_another_process_is_not_touched() -> None:
    with running_demo() as (child, token):
        with network(["board"]):
            assert len(of(token)) == 3
        assert len(of(token)) == 3
        child.send_signal(signal.SIGTERM)
        child.wait(10)
