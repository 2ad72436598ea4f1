"""The HTTP matcher says the same in CPython, in the IR interpreter and in the kernel, on generated requests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pybpf.kernel_progs import http
from pybpf.kernel_progs.abi import Reason, Verdict
from pybpf.kernel_progs.matching import StreamState
from tests.support import http_oracle, http_python
from tests.support.datapath import Datapath
from tests.support.http_requests import Case, cases
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel

RULES: list[http_oracle.Rule] = [
    ("GET", "/flights"), ("POST|PUT", "/bookings/[0-9]+"), (None, "/open(/.*)?"), ("GET", "/caf.*"),
    ("POST", "/flights", {"X-Tenant": "red|blue"}), (None, "/bookings/7", {"X-Token": None, "X-Tenant": "r.*"}), ("GET", "/", {"host": "a[.]b:80"}),
]  # fmt: skip
CASES = 5_000


TABLES = tables_of(RULES)


@pytest.fixture(scope="module")
def datapath() -> Iterator[Datapath]:
    http_python.install(TABLES)
    with Datapath(TABLES) as made:
        yield made


def judged_by_the_kernel(datapath: Datapath, case: Case) -> tuple[Reason, bool]:
    """(the first reason to refuse or POLICY, whether the stream ended between requests)."""
    at = datapath.connect()
    datapath.request(at, case.pieces)
    refused = [event for event in datapath.events() if event.verdict in (Verdict.REFUSED_403, Verdict.REFUSED_RESET, Verdict.DROPPED)]
    stream = datapath.stream(at)
    assert stream is not None
    assert bool(refused) == (stream.state == StreamState.REFUSED)
    reason = Reason(refused[0].reason) if refused else Reason.POLICY
    return reason, not refused and stream.matcher.fresh == 1 and stream.matcher.opaque_left == 0


def judged_in_python(case: Case, feed: http_python.Feed) -> tuple[Reason, bool]:
    """The same, by feed() in CPython or in the interpreter."""
    reason = http_python.judge(case.pieces, feed)
    return reason, reason == Reason.POLICY and http_python.is_between_requests()


def test_cpython_interpreter_and_kernel_give_the_same_verdicts(datapath: Datapath) -> None:
    interpreted = http_python.interpreted(TABLES)
    for case in cases(2026, CASES):
        expected = judged_in_python(case, http.feed)
        assert judged_in_python(case, interpreted) == expected, case
        assert judged_by_the_kernel(datapath, case) == expected, case


def test_the_kernel_agrees_with_the_oracle(datapath: Datapath) -> None:
    for case in cases(7, 500):
        reason, between = judged_by_the_kernel(datapath, case)
        assert (reason == Reason.POLICY and between) == http_oracle.allows(case.stream, RULES), case
