from __future__ import annotations

import json

import pytest
from rich.console import Console

from pybpf.cli import render
from pybpf.demo.client import Cut
from pybpf.demo.flights import Phase, Row
from pybpf.demo.scenario import Request

REFUSED = Row(
    Phase.AFTER,
    Cut.WHOLE,
    Request("board", "GET", "/flights/[1]", 200, 403),
    expected="403",
    got="403",
    who_decided="read-flights.yaml:16",
    reached_service=False,
    ok=True,
)
OPEN = Row(Phase.AFTER, Cut.WHOLE, REFUSED.request, "403", "200", "read-flights.yaml:16", reached_service=True, ok=False)


def shown(*rows: Row) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(render.rows_table(rows))
    return capture.get()


def test_a_row_shows_request_expectation_outcome_and_who_decided() -> None:
    line = next(line for line in shown(REFUSED).splitlines() if "/flights" in line)
    assert line.split() == ["board", "GET", "/flights/[1]", "403", "403", "read-flights.yaml:16"]


def test_a_request_that_should_not_have_reached_the_service_says_so() -> None:
    assert "200 ✗ (reached the service)" in shown(OPEN)


def test_a_row_as_json_is_one_line_with_everything() -> None:
    line = render.row_json(OPEN)
    assert "\n" not in line
    assert json.loads(line) == {
        "phase": "after",
        "cut": "whole head",
        "from": "board",
        "method": "GET",
        "path": "/flights/[1]",
        "expected": "403",
        "got": "200",
        "who_decided": "read-flights.yaml:16",
        "reached_service": True,
        "ok": False,
    }


def test_the_summary_counts_what_went_wrong() -> None:
    assert render.rows_summary([REFUSED, OPEN]) == "2 requests, 1 other than expected"
    assert render.rows_summary([REFUSED]) == "1 request, none other than expected"


@pytest.mark.parametrize(("number", "noun", "text"), [(1, "policy", "1 policy"), (2, "policy", "2 policies"), (0, "error", "0 errors")])
def test_nouns_follow_their_number(number: int, noun: str, text: str) -> None:
    assert render.counted(number, noun) == text
