from __future__ import annotations

import pytest

from pybpf.compiler.diag import CompileError, Diagnostic, Source
from pybpf.demo import SCENARIOS
from pybpf.demo.scenario import DROP, Request, Scenario, read_scenario

GOOD = """\
endpoints:
  api: {labels: {app: api}, serves: 80}
  board: {labels: {app: board, env: prod}}
requests:
- {from: board, method: GET, path: "/flights?from=WAW", before: 200, after: 403}
- {from: board, method: POST, path: /flights, before: 201, after: drop}
"""


def read(text: str) -> Scenario:
    return read_scenario(Source("scenario.yaml", text))


def wrong(text: str) -> list[Diagnostic]:
    with pytest.raises(CompileError) as caught:
        read(text)
    return list(caught.value.diagnostics)


def test_a_scenario_is_read_as_it_is_written() -> None:
    scenario = read(GOOD)
    assert [(each.name, each.labels, each.serves) for each in scenario.endpoints] == [
        ("api", (("app", "api"),), 80),
        ("board", (("app", "board"), ("env", "prod")), None),
    ]
    assert scenario.requests == (
        Request("board", "GET", "/flights?from=WAW", 200, 403),
        Request("board", "POST", "/flights", 201, DROP),
    )


def test_the_service_is_the_endpoint_that_serves() -> None:
    endpoint, port = read(GOOD).service()
    assert (endpoint.name, port) == ("api", 80)


def test_the_flights_scenario_can_be_read_and_has_every_kind_of_outcome() -> None:
    path = SCENARIOS / "flights" / "requests.yaml"
    scenario = read(path.read_text())
    assert {request.after for request in scenario.requests} == {200, 403, DROP}
    assert len(scenario.endpoints) == 4


@pytest.mark.parametrize(
    ("before", "after", "code", "line"),
    [
        ("from: board, method: GET", "from: nobody, method: GET", "scenario-sender", 5),
        ("method: GET", "method: get", "scenario-method", 5),
        ('"/flights?from=WAW"', "flights", "scenario-path", 5),
        ('"/flights?from=WAW"', '"/a b"', "scenario-path", 5),
        ('"/flights?from=WAW"', '"/a\\r\\nX: y"', "scenario-path", 5),
        ("before: 200", 'before: "200"', "scenario-number", 5),
        ("before: 200", "before: 42", "scenario-number", 5),
        ("after: drop", "after: dropped", "scenario-number", 6),
        ("serves: 80", "serves: 70000", "scenario-number", 2),
        (", serves: 80", "", "scenario-service", 2),
        ("board: {labels", "board: {serves: 81, labels", "scenario-service", 2),
        ("  api:", "  API_1:", "scenario-name", 2),
        ("method: GET, ", "", "policy-missing-key", 5),
        ("method: GET", "methods: GET", "policy-unknown-key", 5),
        ("app: board,", "app: 7,", "policy-not-a-string", 3),
    ],
)
def test_what_is_not_understood_is_an_error_with_a_place(before: str, after: str, code: str, line: int) -> None:
    assert before in GOOD
    assert (code, line) in [(each.code, each.span.line) for each in wrong(GOOD.replace(before, after, 1))]


def test_all_errors_are_reported_at_once_in_the_order_of_the_text() -> None:
    found = wrong(GOOD.replace("method: GET", "method: get").replace("after: drop", "after: 1"))
    assert [(each.code, each.span.line) for each in found] == [("scenario-method", 5), ("scenario-number", 6)]


@pytest.mark.parametrize(("text", "code"), [("", "scenario-documents"), (f"{GOOD}---\n{GOOD}", "scenario-documents"), ("a: [", "policy-yaml")])
def test_a_scenario_is_exactly_one_document(text: str, code: str) -> None:
    assert [each.code for each in wrong(text)] == [code]
