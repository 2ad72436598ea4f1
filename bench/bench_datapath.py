"""ns per packet at layers 3 and 4 (BPF_PROG_TEST_RUN), above the floor, by how much the tables hold.

    make bench

The floor is the empty program. A new connection's packet is made by a program of the benchmark (bench/programs.py) that goes on in
the datapath; its floor is that program alone. Each round takes a sample of the floor and one of the case, so that both see the same
machine; what counts is the least of each, for everything else that the machine does only adds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.programs import (
    STAGE_DATAPATH,
    empty,
    fresh_from4,
    fresh_from6,
    fresh_to4,
    fresh_to6,
    from_everywhere4,
)
from pybpf import elf, loading
from pybpf.compiler import build
from pybpf.compiler.frontend import translate
from pybpf.compiler.lower import lowered
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.compiler.policy.model.peers import Cidr
from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.enforce import contents
from pybpf.enforce.datapath import Datapath, load_datapath
from pybpf.enforce.tables import Tables
from pybpf.features import missing
from pybpf.kernel_progs.abi import MAX_CONNECTIONS, Control
from pybpf.loading import Loaded
from pybpf.maps import Map
from pybpf.programs import Program, SkbContext
from tests.compiler.policy.made import HERE, policy, port, ports, rule, selecting
from tests.support.frames import Frame, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6
from tests.support.packets import ACK, SYN
from tests.support.transports import Tcp, Udp

REPEAT, ROUNDS = 20_000, 25
ROUNDS_WITH_ROOM = 10  # REPEAT times so many connections, and those before, are fewer than the table holds
INTERFACE, ALLOWED_PORT, REFUSED_PORT = 1, 40_000, 50_001
PORTS_EACH = 10
PASSED, SHOT = 0xFFFFFFFF, 2  # TC_ACT_UNSPEC: what passes is for the programs behind ours
OWN: dict[int, str] = {4: "10.0.0.2", 6: "fd00::2"}
PEERS = (IPv4Network("203.0.0.0/16"), IPv6Network("2001:db8::/64"))
PEER: dict[int, str] = {4: "203.0.113.7", 6: "2001:db8::7"}
CONTEXT = SkbContext(ifindex=INTERFACE).pack()


@dataclass(frozen=True, slots=True)
class Size:
    """How many entries of policy, and how many addresses and networks with identities."""

    entries: int
    identities: int


SIZES = [Size(10, 100), Size(10_000, 100), Size(10, 100_000), Size(10_000, 100_000)]


@dataclass(frozen=True, slots=True)
class Bench:
    """The datapath with its tables filled. The benchmark's own programs go on in it, or (`alone`) have maps of their own and end."""

    datapath: Datapath
    before: Loaded
    alone: Loaded


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size.entries} entries, {size.identities} identities")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if lacking := missing():
        pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))
    with ExitStack() as owned:
        yield filled(owned, request.param if request.config.getoption("benchmark_enable") else SIZES[0])  # what is not measured need not be large


def filled(owned: ExitStack, size: Size) -> Bench:
    """A datapath that enforces a policy of that size; every new connection gives an event."""
    datapath = load_datapath(owned)
    rates = Control.of(events_per_second=1 << 30, connections_sampled=1, answers_per_second=1 << 30)
    datapath.maps["control"].update(bytes(4), bytes(rates))
    tables = Tables(datapath.maps)
    owned.callback(tables.close)
    tables.switch(lowered(resolve([entries(size.entries)], Inventory((endpoint(),)))), {("default", "own"): INTERFACE})
    fill(datapath.maps, size.identities)
    spec = elf.parse(build(translate([empty, from_everywhere4, fresh_from4, fresh_to4, fresh_from6, fresh_to6])).elf)
    shared = {name: datapath.maps[name] for name in spec.maps if name in datapath.maps}
    return Bench(datapath, owned.enter_context(loading.load(spec, maps=shared)), owned.enter_context(loading.load(spec)))


def endpoint() -> Endpoint:
    return Endpoint("own", "default", (Label(KUBERNETES, "app", "own"),), tuple(map(ip_address, OWN.values())))


def entries(number: int) -> Policy:
    """A policy with so many pairs of a network and a port each way, PORTS_EACH of each network, and the peer that is asked for among them."""
    asked = [port(ALLOWED_PORT), port(ALLOWED_PORT, Protocol.UDP)]
    rules = []
    for direction in Direction:
        rules.append(rule([Cidr(each, (), HERE) for each in PEERS], [ports(*asked)], direction))
        for first in range(0, number, PORTS_EACH):
            network = IPv4Network(0x64000000 + (first << 8)).supernet(new_prefix=24)
            rules.append(rule([Cidr(network, (), HERE)], [ports(*(port(1 + first + each) for each in range(PORTS_EACH)))], direction))
    return policy(selecting(app="own"), *rules)


def fill(maps: Mapping[str, Map], identities: int) -> None:
    """So many more addresses and networks with identities, half of each; of both, half are of each version."""
    chance = random.Random(1)
    for number in range(identities // 2):
        address = IPv4Address(0x0B000000 + number) if number % 2 else IPv6Address((0xFD01 << 112) + chance.getrandbits(64))
        maps["addresses"].update(contents.address(address), contents.owner((1000 + number % 60_000,) * 2, (0, 0)))
        network = IPv4Network((0x0C000000 + (number << 8), 24)) if number % 2 else IPv6Network(((0x2003 << 112) + (number << 80), 48))
        maps["networks"].update(contents.network(network), contents.pair((1000 + number, 1000 + number)))


def frame(version: int, direction: Direction, transport: Tcp | Udp) -> bytes:
    """A packet of the endpoint and its peer."""
    source, destination = (PEER, OWN) if direction is Direction.INGRESS else (OWN, PEER)
    packet = Ipv4 if version == 4 else Ipv6
    return frame_bytes(Frame(packet(source[version], destination[version], transport)))


def entry(datapath: Datapath, direction: Direction) -> Program:
    return datapath.programs["to_endpoint" if direction is Direction.INGRESS else "from_endpoint"]


def measure(benchmark: BenchmarkFixture, floor: Program, program: Program, packet: bytes, verdict: int, rounds: int = ROUNDS) -> None:
    """Samples of the floor and of the case in turn; ns per packet and above the floor go into extra_info."""
    floors: list[int] = []
    taken: list[int] = []

    def sample() -> None:
        floors.append(floor.test_run(packet, context=CONTEXT, repeat=REPEAT).duration_ns)
        run = program.test_run(packet, context=CONTEXT, repeat=REPEAT)
        assert run.return_value == verdict
        taken.append(run.duration_ns)

    benchmark.pedantic(sample, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info["ns_per_packet"] = median(taken)
    benchmark.extra_info["ns_per_packet_min"] = min(taken)
    benchmark.extra_info["ns_above_floor"] = min(taken) - min(floors)
    benchmark.extra_info["ns_above_floor_median"] = median(taken) - median(floors)


def measure_new(benchmark: BenchmarkFixture, bench: Bench, direction: Direction, version: int, rounds: int) -> None:
    """The same of packets of ever new flows."""
    bench.datapath.maps["stages"].update(contents.number(STAGE_DATAPATH), entry(bench.datapath, direction))
    name = f"fresh_{'from' if direction is Direction.INGRESS else 'to'}{version}"
    packet = frame(version, direction, Udp(2000, ALLOWED_PORT, b"x"))
    measure(benchmark, bench.alone.programs[name], bench.before.programs[name], packet, PASSED, rounds)


BOTH = pytest.mark.parametrize("direction", list(Direction), ids=lambda each: each.value)
VERSIONS = pytest.mark.parametrize("version", [4, 6])


@VERSIONS
@BOTH
def test_established_tcp(benchmark: BenchmarkFixture, bench: Bench, direction: Direction, version: int) -> None:
    """Goal: at most 100 ns above the floor."""
    program = entry(bench.datapath, direction)
    assert program.test_run(frame(version, direction, Tcp(2000, ALLOWED_PORT, flags=SYN)), context=CONTEXT).return_value == PASSED
    measure(benchmark, bench.alone.programs["empty"], program, frame(version, direction, Tcp(2000, ALLOWED_PORT, flags=ACK)), PASSED)


@VERSIONS
@BOTH
def test_established_udp(benchmark: BenchmarkFixture, bench: Bench, direction: Direction, version: int) -> None:
    packet = frame(version, direction, Udp(2000, ALLOWED_PORT, b"x"))
    measure(benchmark, bench.alone.programs["empty"], entry(bench.datapath, direction), packet, PASSED)


@VERSIONS
@BOTH
def test_refused_with_event(benchmark: BenchmarkFixture, bench: Bench, direction: Direction, version: int) -> None:
    """Goal: at most 500 ns above the floor."""
    packet = frame(version, direction, Tcp(2000, REFUSED_PORT, flags=SYN))
    measure(benchmark, bench.alone.programs["empty"], entry(bench.datapath, direction), packet, SHOT)


def test_refused_from_everywhere(benchmark: BenchmarkFixture, bench: Bench) -> None:
    """The same, each packet from a network that was not met for long: what finding an identity costs where no cache helps."""
    bench.datapath.maps["stages"].update(contents.number(STAGE_DATAPATH), entry(bench.datapath, Direction.INGRESS))
    packet = frame(4, Direction.INGRESS, Tcp(2000, REFUSED_PORT, flags=SYN))
    measure(benchmark, bench.alone.programs["from_everywhere4"], bench.before.programs["from_everywhere4"], packet, SHOT)


@VERSIONS
@BOTH
def test_new_connections_while_there_is_room(benchmark: BenchmarkFixture, direction: Direction, version: int) -> None:
    """Goal: at most 600 ns above the floor. Entries come from a table that never was full; a datapath of its own for each case."""
    if lacking := missing():
        pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))
    with ExitStack() as owned:
        measure_new(benchmark, filled(owned, SIZES[0]), direction, version, ROUNDS_WITH_ROOM)


@VERSIONS
@BOTH
def test_new_connections_in_a_full_table(benchmark: BenchmarkFixture, bench: Bench, direction: Direction, version: int) -> None:
    """Each takes the place of the connection that was silent longest: where a table that forgets only by need arrives in the end."""
    if benchmark.enabled:
        make_full(bench)
    measure_new(benchmark, bench, direction, version, ROUNDS)


def make_full(bench: Bench) -> None:
    """New flows until every entry is taken, and then some."""
    packet = frame(4, Direction.INGRESS, Udp(2000, ALLOWED_PORT, b"x"))
    bench.datapath.maps["stages"].update(contents.number(STAGE_DATAPATH), entry(bench.datapath, Direction.INGRESS))
    bench.before.programs["fresh_from4"].test_run(packet, context=CONTEXT, repeat=MAX_CONNECTIONS + REPEAT)
