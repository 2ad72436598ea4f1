"""A thousand REST rules in the kernel: each request meets the first rule that Python's regular expressions say, or is refused."""

from __future__ import annotations

import re

import pytest

from pybpf.kernel_progs.matching import StreamState
from tests.support.datapath import Datapath
from tests.support.rest_rules import rest_requests, rest_rules
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel
RULES = rest_rules(1000, 5)


def test_a_thousand_rules_are_judged_as_each_by_itself() -> None:
    compiled = [(re.compile(method), re.compile(path)) for method, path in RULES]
    told = {True: 0, False: 0}
    with Datapath(tables_of(RULES)) as datapath:
        for method, path, expected in rest_requests(RULES, 2000, 9):
            first = next((number for number, (methods, paths) in enumerate(compiled, 1) if methods.fullmatch(method) and paths.fullmatch(path)), None)
            at = datapath.connect()
            octets = f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            datapath.request(at, [octets[:20], octets[20:]])
            stream = datapath.stream(at)
            assert stream is not None
            passed = stream.state != StreamState.REFUSED
            assert (stream.matcher.rule if passed else None) == first, (method, path)
            assert expected is None or passed == expected
            told[passed] += 1
    assert all(told.values())
