"""The showcase: small, typed, and right in CPython; what they do in the kernel is in tests/kernel/test_examples.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pybpf.compiler.lang import (
    Action,
    Skb,
    SkLookup,
    SockAddr,
    SockOps,
    SockOpsEvent,
    Xdp,
    XdpAction,
    standing_in,
)
from tests.support.examples import EXAMPLES, FOLDER, example

ROOT = FOLDER.parents[1]
IPV4 = bytes(12) + b"\x08\x00" + bytes(9) + b"\x06" + bytes(2) + bytes([10, 0, 0, 1]) + bytes([10, 0, 0, 2])


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_at_most_sixty_lines(name: str) -> None:
    assert len((FOLDER / f"{name}.py").read_text().splitlines()) <= 60


def test_the_examples_pass_mypy_strict() -> None:
    if not (ROOT / ".typing").is_dir():
        pytest.skip("missing: .typing (make typing)")
    files = [str(path) for path in sorted(FOLDER.parent.rglob("*.py"))]
    environment = {**os.environ, "MYPYPATH": str(ROOT / ".typing")}
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", *files], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_source_may_send_so_many_a_second() -> None:
    module = example("rate_limiter")
    module.limit.value = 3
    verdicts = [module.rate_limit(Xdp(IPV4)) for _ in range(5)]
    assert verdicts == [XdpAction.PASS] * 3 + [XdpAction.DROP] * 2
    assert module.by_protocol.lookup(6).value == 5


def test_only_known_networks_are_reached() -> None:
    module = example("egress_firewall")
    network = module.Network()
    network.prefix_bits, network.address = 8, 0x0A000000
    module.allowed.update(network, 0)
    assert module.only_to_known_networks(Skb(IPV4)) == Action.OK
    elsewhere = IPV4[:-4] + bytes([11, 0, 0, 1])
    assert module.only_to_known_networks(Skb(elsewhere)) == Action.SHOT
    assert module.only_to_known_networks(Skb(bytes(60))) == Action.OK  # no IPv4
    assert module.refused.value == 1


def test_a_connection_goes_elsewhere() -> None:
    module = example("connect_redirector")
    for name, value in {"from_address": 0x0A000001, "from_port": 80, "to_address": 0x7F000001, "to_port": 8080}.items():
        getattr(module, name).value = value
    sought = SockAddr(ip4=0x0A000001, port=80)
    assert module.redirect_connect(sought) == 1 and (sought.ip4, sought.port) == (0x7F000001, 8080)
    other = SockAddr(ip4=0x0A000001, port=81)
    assert module.redirect_connect(other) == 1 and (other.ip4, other.port) == (0x0A000001, 81)


def test_round_trips_are_counted_by_size_and_drawn() -> None:
    module = example("rtt_histogram")
    for microseconds in (3, 100, 120, 5000):
        assert module.measure_rtt(SockOps(event=SockOpsEvent.RTT, smoothed_rtt=microseconds << 3)) == 1
    counts = [module.histogram.lookup(index).value for index in range(module.BUCKETS)]
    assert {index: count for index, count in enumerate(counts) if count} == {1: 1, 6: 2, 12: 1}
    assert "64 us | #" in module.picture(counts)


def test_an_exec_is_told() -> None:
    module = example("exec_logger")

    def name(into: object) -> bool:
        into.fill(b"true")  # type: ignore[attr-defined]  # an array
        return True

    with standing_in(get_current_uid_gid=lambda: (5 << 32) | 1000, get_current_comm=name):
        assert module.log_exec(module.Exec(pid=77)) == 0
    (record,) = module.events.records
    event = module.Event.view(bytearray(record))
    assert (event.pid, event.user, bytes(event.command)[:4]) == (77, 1000, b"true")


def test_ports_outside_the_range_are_looked_up_as_ever() -> None:
    module = example("port_steering")
    module.first_port.value, module.last_port.value = 100, 200
    assert module.steer(SkLookup(local_port=99)) == 1
    assert module.steer(SkLookup(local_port=150)) == 1  # nobody is in the map
    assert module.steered.value == 0
