"""Longer searches, `make fuzz`: the matcher against the oracle, and the kernel against the matcher, on fresh seeds."""

from __future__ import annotations

import os
import time

import pytest

from pybpf.kernel_progs.abi import Reason
from tests.support import http_oracle, http_python
from tests.support.http_requests import cases
from tests.support.rules import tables_of

pytestmark = pytest.mark.skipif("PYBPF_FUZZ" not in os.environ, reason="a longer search: run `make fuzz`")
RULE_SETS: list[list[http_oracle.Rule]] = [
    [("GET", "/flights")],
    [(None, None)],
    [("GET|POST", "/.*"), ("DELETE", "/bookings/[0-9]+")],
    [("GET", "/flights", {"X-Tenant": "red.*", "X-Token": None}), ("GET", "/flights", {"host": "a.*"}), (None, "/bookings/.*", {"X-Tenant": None})],
    [("GET", "/flights(/[^/?]+)?(\\?.*)?"), (None, "/caf(é|%C3%A9)")],
]
SECONDS = 60


@pytest.mark.parametrize("rules", RULE_SETS, ids=str)
def test_the_matcher_agrees_with_the_oracle(rules: list[http_oracle.Rule]) -> None:
    http_python.install(tables_of(rules))
    seed, until = time.time_ns(), time.monotonic() + SECONDS
    while time.monotonic() < until:
        seed += 1
        for case in cases(seed, 200):
            allowed = http_python.judge(case.pieces) == Reason.POLICY and http_python.is_between_requests()
            assert allowed == http_oracle.allows(case.stream, rules), (seed, case)
