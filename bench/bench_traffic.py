"""Side by side with nftables and iptables: real traffic between namespaces, by number of rules.

    make bench

The measured flow is allowed by the last rules. Contenders take turns, sample by sample; the time that
pytest-benchmark shows is that of a whole round and means nothing, the rows printed at the end do (extra_info has
them too). With benchmarks disabled everything runs once, for a moment.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.comparison import line, standings
from bench.contenders import CONTENDERS, NOTHING, Contender
from bench.flow_rules import flow_rules
from bench.traffic import (
    ESTABLISHED,
    MEASURES,
    REFUSED,
    ROUND_TRIP,
    Measure,
    Site,
    build_connector,
    measured_rules,
    one_round,
    site,
)
from pybpf.features import missing

SIZES = [10, 100, 1_000, 10_000]
ROUNDS = 15
INSTALLATIONS = 3
SMOKE_MILLISECONDS = 5
ENFORCERS = [each for each in CONTENDERS if each.enforces]


@dataclass(frozen=True, slots=True)
class Arena:
    """A site for each contender that is available, all with the same number of rules."""

    sites: Mapping[str, Site]
    rules: int


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Site]]:
    if lacking := missing():
        pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))
    if shutil.which("cc") is None:
        pytest.skip("missing: cc (apt-get install gcc)")
    connector = build_connector(tmp_path_factory.mktemp("connector"))
    with ExitStack() as made:
        yield {each.name: made.enter_context(site(connector)) for each in CONTENDERS if each.available() is None}


@pytest.fixture(scope="module", params=SIZES)
def arena(request: pytest.FixtureRequest, sites: Mapping[str, Site]) -> Iterator[Arena]:
    """The sites with so many rules installed; removed afterwards."""
    size: int = request.param
    present = [each for each in CONTENDERS if each.name in sites]
    with ExitStack() as installed:
        for each in present:
            installed.callback(each.remove, sites[each.name].network)
            install(each, sites[each.name], size)
        yield Arena(sites, size)


def install(contender: Contender, where: Site, rules: int) -> None:
    contender.install(where.network, flow_rules(rules, measured_rules(where.network)))


@pytest.mark.parametrize("contender", ENFORCERS, ids=lambda each: each.name)
def test_installing(benchmark: BenchmarkFixture, arena: Arena, contender: Contender) -> None:
    """Replacing all rules by the same; afterwards they say what they should."""
    if lacking := contender.available():
        pytest.skip(f"missing: {lacking}")
    benchmark.group = f"{arena.rules} rules, installing"
    where = arena.sites[contender.name]
    benchmark.pedantic(lambda: install(contender, where, arena.rules), rounds=INSTALLATIONS)
    assert where.sample(ROUND_TRIP, 0).operations == 1
    assert where.sample(ESTABLISHED, 0).arrived > 0
    where.sample(REFUSED, 0)
    assert not where.lets_through(REFUSED.port)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda each: each.name)
def test_traffic(benchmark: BenchmarkFixture, arena: Arena, measure: Measure) -> None:
    """Goal: faster than nftables from 100 rules on, and the same with 10,000 as with 10."""
    numbers = count()
    rounds: list[Mapping[str, float]] = []
    milliseconds = measure.milliseconds if benchmark.enabled else SMOKE_MILLISECONDS

    def take() -> None:
        rounds.append(one_round(arena.sites, measure, milliseconds, next(numbers)))

    one_round(arena.sites, measure, SMOKE_MILLISECONDS, 0)  # warms up, and sees that everybody is there
    benchmark.group = f"{arena.rules} rules, {measure.name}"
    benchmark.pedantic(take, rounds=ROUNDS)
    for each in (each for each in CONTENDERS if each.name in arena.sites):
        # Without policy it does arrive: that it does not elsewhere is the contender's doing.
        arrives = measure is REFUSED and not each.enforces
        assert arena.sites[each.name].lets_through(REFUSED.port) == arrives, each.name
    found = standings(rounds, NOTHING.name)
    benchmark.extra_info["traffic"] = {each.name: asdict(each) for each in found}
    benchmark.extra_info["traffic_lines"] = [line(measure.unit, each) for each in found]
