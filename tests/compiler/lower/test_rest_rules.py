"""The generated REST rules are what they say, by Python's own regular expressions."""

from __future__ import annotations

import re
from collections import Counter

from tests.support import http_oracle
from tests.support.rest_rules import (
    FORMAT,
    NUMBER,
    REST,
    SEGMENT,
    SLUG,
    TWO_METHODS_PERCENT,
    UUID,
    rest_requests,
    rest_rules,
)

RULES = rest_rules(400, 7)


def test_requests_are_allowed_or_not_as_they_say() -> None:
    compiled = [(re.compile(method), re.compile(path)) for method, path in RULES]
    told = Counter[bool | None]()
    for method, path, expected in rest_requests(RULES, 1000, 1):
        allowed = any(methods.fullmatch(method) and paths.fullmatch(path) for methods, paths in compiled)
        assert expected is None or allowed == expected, (method, path)
        told[expected] += 1
    assert all(told[kind] > 50 for kind in (True, False, None))


def test_every_target_has_one_meaning() -> None:
    for _, path, _ in rest_requests(RULES, 300, 2):
        assert http_oracle.allows(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), [(None, None)]), path


def test_the_same_seed_gives_the_same_rules_and_more_begin_with_the_fewer() -> None:
    assert rest_rules(100, 7) == RULES[:100]
    assert rest_rules(100, 8) != RULES[:100]
    assert len(set(RULES)) == len(RULES)


def test_the_shapes_have_their_shares() -> None:
    rules = rest_rules(5000, 1)
    share = {piece: sum(piece in path for _, path in rules) / 50 for piece in (NUMBER, SEGMENT, "/" + REST, UUID, FORMAT, SLUG)}
    expected = {NUMBER: 40, SEGMENT: 15, "/" + REST: 15, UUID: 5, FORMAT: 4, SLUG: 3}
    assert all(abs(share[piece] - expected[piece]) < 2 for piece in expected), share
    assert abs(sum("|" in method for method, _ in rules) / 50 - TWO_METHODS_PERCENT) < 2
