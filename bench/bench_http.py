"""ns per packet: an allowed GET, a refused request, and the empty program as the floor (BPF_PROG_TEST_RUN).

    make bench

Each sample is one BPF_PROG_TEST_RUN of REPEAT runs; the kernel's own count of nanoseconds per run is what is
shown (extra_info). An allowed request is repeated by rewinding its connection first (programs.rewind), whose cost
is a row of its own. A refused packet is rewritten by its refusal, so it cannot be repeated: `decision` leaves the
refusing program out, `with the 403` is the median of single runs, which include a cold start each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.programs import STAGE_DATAPATH, empty, rewind
from pybpf import elf, loading
from pybpf.compiler import build
from pybpf.compiler.frontend import translate
from pybpf.features import missing
from pybpf.loading import Loaded
from pybpf.programs import Program, SkbContext
from tests.support.datapath import INTERFACE, PASSED, SHOT, Datapath, number
from tests.support.packets import Segment, frame
from tests.support.rules import tables_of

REPEAT = 5_000  # its events fit the ring, so that none is lost in a sample
ROUNDS = 30
SIZES = [100, 400]
FIELDS = [
    "Host: flights-service",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "Accept: text/html,application/xhtml+xml",
    "Accept-Language: en-US,en;q=0.5",
    "X-Request-Id: 8f14e45fceea167a5a36dedd4bea2543",
]
STAGE_REFUSE = number(0)
CONTEXT = SkbContext(ifindex=INTERFACE).pack()


def head(method: str, path: str, size_bytes: int) -> bytes:
    """A request head of exactly `size_bytes`: as many usual headers as fit, the rest a cookie."""
    text = f"{method} {path} HTTP/1.1\r\n"
    for field in FIELDS:
        if len(text) + len(field) + 2 + len("Cookie: x\r\n\r\n") <= size_bytes:
            text += field + "\r\n"
    text += "Cookie: " + "c" * (size_bytes - len(text) - len("Cookie: \r\n\r\n")) + "\r\n\r\n"
    assert len(text) == size_bytes
    return text.encode()


@pytest.fixture(scope="module")
def datapath() -> Iterator[Datapath]:
    if lacking := missing():
        pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))
    with Datapath(tables_of([("GET", "/flights")])) as made:
        yield made


@pytest.fixture(scope="module")
def extra(datapath: Datapath) -> Iterator[Loaded]:
    """The benchmark's own programs, on the datapath's maps."""
    spec = elf.parse(build(translate([empty, rewind])).elf)
    with loading.load(spec, maps={name: datapath.core.maps[name] for name in spec.maps if name in datapath.core.maps}) as loaded:
        yield loaded


def measure(benchmark: BenchmarkFixture, datapath: Datapath, program: Program, packet: bytes, verdict: int) -> None:
    """Run the samples; the kernel's ns per run go into extra_info."""
    taken: list[int] = []

    def sample() -> None:
        datapath.events()
        run = program.test_run(packet, context=CONTEXT, repeat=REPEAT)
        assert run.return_value == verdict
        taken.append(run.duration_ns)

    benchmark.pedantic(sample, rounds=ROUNDS, warmup_rounds=2)
    benchmark.extra_info["ns_per_packet"] = median(taken)
    benchmark.extra_info["ns_per_packet_min"] = min(taken)


def opened(datapath: Datapath, request: bytes) -> bytes:
    """The frame of a request on a new connection."""
    at: Segment = datapath.connect()
    return frame(replace(at, payload=request))


def test_floor_empty_program(benchmark: BenchmarkFixture, datapath: Datapath, extra: Loaded) -> None:
    measure(benchmark, datapath, extra.programs["empty"], opened(datapath, head("GET", "/flights", 400)), PASSED)


def test_floor_rewind(benchmark: BenchmarkFixture, datapath: Datapath, extra: Loaded) -> None:
    datapath.core.maps["stages"].delete(number(STAGE_DATAPATH))
    measure(benchmark, datapath, extra.programs["rewind"], opened(datapath, head("GET", "/flights", 400)), PASSED)


def test_established_without_payload(benchmark: BenchmarkFixture, datapath: Datapath, extra: Loaded) -> None:
    """Parse, connection, identity and policy: what every packet of an inspected port costs before any matching."""
    measure(benchmark, datapath, datapath.core.programs["to_endpoint"], opened(datapath, b""), PASSED)


@pytest.mark.parametrize("size", SIZES)
def test_allowed(benchmark: BenchmarkFixture, datapath: Datapath, extra: Loaded, size: int) -> None:
    """Rewind, the whole way of the packet, and its event."""
    datapath.core.maps["stages"].update(number(STAGE_DATAPATH), datapath.core.programs["to_endpoint"])
    measure(benchmark, datapath, extra.programs["rewind"], opened(datapath, head("GET", "/flights", size)), PASSED)


@pytest.mark.parametrize("size", SIZES)
def test_matched_without_event(benchmark: BenchmarkFixture, datapath: Datapath, extra: Loaded, size: int) -> None:
    """The same with the head's last byte missing: everything is matched, nothing reported."""
    datapath.core.maps["stages"].update(number(STAGE_DATAPATH), datapath.core.programs["to_endpoint"])
    measure(benchmark, datapath, extra.programs["rewind"], opened(datapath, head("GET", "/flights", size)[:-1]), PASSED)


@pytest.mark.parametrize("size", SIZES)
def test_refused_decision(benchmark: BenchmarkFixture, datapath: Datapath, extra: Loaded, size: int) -> None:
    """Rewind and the way of a refused packet up to the refusing program, which is left out."""
    stages = datapath.core.maps["stages"]
    stages.update(number(STAGE_DATAPATH), datapath.core.programs["to_endpoint"])
    packet = opened(datapath, head("GET", "/bookings", size))
    stages.delete(STAGE_REFUSE)
    try:
        measure(benchmark, datapath, extra.programs["rewind"], packet, SHOT)
    finally:
        stages.update(STAGE_REFUSE, datapath.core.programs["refuse_packet"])


@pytest.mark.parametrize("size", SIZES)
def test_refused_with_the_403(benchmark: BenchmarkFixture, datapath: Datapath, size: int) -> None:
    """Single runs: decide, write the 403 and send it, write the RST."""
    taken: list[int] = []

    def sample() -> None:
        run = datapath.receive(opened(datapath, head("GET", "/bookings", size)))
        assert run.return_value == PASSED
        taken.append(run.duration_ns)

    benchmark.pedantic(sample, rounds=300)
    benchmark.extra_info["ns_per_packet"] = median(taken)
    benchmark.extra_info["ns_per_packet_min"] = min(taken)
