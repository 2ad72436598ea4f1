"""ns per request head: the matcher by itself, complete strict parsing included, above the empty program (BPF_PROG_TEST_RUN).

    make bench

Each sample is one BPF_PROG_TEST_RUN of REPEAT runs of one packet (warm); the kernel's own count of nanoseconds per run is what is shown.
The head is a GET with six headers, as a browser or a library sends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.match_program import match_head
from bench.programs import empty
from pybpf import elf, loading
from pybpf.compiler import build
from pybpf.compiler.frontend import Specialisation, translate
from pybpf.features import missing
from pybpf.loading import Loaded
from pybpf.programs import Program
from tests.support.datapath import PASSED, SHOT
from tests.support.http_oracle import Rule
from tests.support.packets import Segment, frame
from tests.support.rest_rules import rest_rules
from tests.support.rules import tables_of

REPEAT = 20_000
ROUNDS = 20
FIELDS = [
    "Host: flights.example.internal:8080", "User-Agent: python-httpx/0.27.2", "Accept: application/json", "Accept-Encoding: gzip, deflate, br",
    "Connection: keep-alive", "X-Request-Id: 8f14e45fceea167a5a36dedd4bea2543",
]  # fmt: skip
RULE = ("GET", "/api/v1/flights/[0-9]+")


def head(path: str, size_bytes: int, fields: list[str] = FIELDS) -> bytes:
    """A GET of exactly `size_bytes`, the last header made as long as needed."""
    text = "\r\n".join([f"GET {path} HTTP/1.1", *fields])
    return (text + "0" * (size_bytes - len(text) - 4) + "\r\n\r\n").encode()


@contextmanager
def matching(rules: Sequence[Rule]) -> Iterator[Loaded]:
    """The matcher with the tables of these rules."""
    if lacking := missing():
        pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))
    with loading.load(elf.parse(build(translate([empty, match_head], Specialisation({}, tables_of(rules).arrays))).elf)) as made:
        yield made


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    with matching([RULE]) as made:
        yield made


def measure(benchmark: BenchmarkFixture, program: Program, payload: bytes, verdict: int) -> None:
    taken: list[int] = []
    packet = frame(Segment("10.0.0.2", "10.0.0.1", 40_000, 80, payload=payload))

    def sample() -> None:
        run = program.test_run(packet, repeat=REPEAT)
        assert run.return_value == verdict
        taken.append(run.duration_ns)

    benchmark.pedantic(sample, rounds=ROUNDS, warmup_rounds=2)
    benchmark.extra_info["ns_per_packet"] = median(taken)
    benchmark.extra_info["ns_per_packet_min"] = min(taken)


def test_floor(benchmark: BenchmarkFixture, loaded: Loaded) -> None:
    measure(benchmark, loaded.programs["empty"], head("/api/v1/flights/4711", 260), PASSED)


@pytest.mark.parametrize("size", [260, 360, 760, 1_760])
def test_allowed(benchmark: BenchmarkFixture, loaded: Loaded, size: int) -> None:
    measure(benchmark, loaded.programs["match_head"], head("/api/v1/flights/4711", size), PASSED)


@pytest.mark.parametrize("rules", [10, 100, 1000])
def test_allowed_by_one_of_many_rules(benchmark: BenchmarkFixture, rules: int) -> None:
    """The rule is the last of them."""
    with matching([*rest_rules(rules - 1, 1), RULE]) as loaded:
        measure(benchmark, loaded.programs["match_head"], head("/api/v1/flights/4711", 260), PASSED)


def test_refused_at_the_path(benchmark: BenchmarkFixture, loaded: Loaded) -> None:
    measure(benchmark, loaded.programs["match_head"], head("/api/v1/planes/4711", 260), SHOT)


def test_request_line_alone(benchmark: BenchmarkFixture, loaded: Loaded) -> None:
    """What the six headers are not part of."""
    measure(benchmark, loaded.programs["match_head"], b"GET /api/v1/flights/4711 HTTP/1.1\r\n", PASSED)
