"""Source -> Scenario: who is there, what they ask, and what must come of it before and after a policy is enforced.

    endpoints:
      NAME: {labels: {KEY: VALUE}, serves: PORT}        exactly one endpoint serves
    requests:
    - {from: NAME, method: GET, path: /flights, before: STATUS, after: STATUS or drop}

A mismatch is a CompileError like one in a policy, and as in a policy nothing is guessed or skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Final, Literal

from pybpf.compiler.diag import CompileError, Source, Span
from pybpf.compiler.policy.text.fields import Text, fields, items, text
from pybpf.compiler.policy.text.positions import Entry, Mapping, Node, Scalar, parse
from pybpf.compiler.policy.text.report import Report
from pybpf.compiler.policy.text.shapes import Field, Leaf, ListOf, Shape
from pybpf.demo.network import MAX_ENDPOINTS

DROP: Final = "drop"
# A status, or DROP: a connection that is never answered.
Expected = int | Literal["drop"]

_ENDPOINT_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_METHOD: Final = re.compile(r"[A-Z]+")
_PATH: Final = re.compile(r"/[!-~]*")  # what may stand in a request line without ending it
_PORTS: Final = range(1, 65536)
_STATUSES: Final = range(200, 600)

_LABELS: Final = Field("labels", Leaf.STRINGS, "what policy knows it by", required=True)
_ENDPOINT: Final = Shape("an endpoint", "a workload", (_LABELS, Field("serves", Leaf.INTEGER, "the port it serves")))
_REQUEST: Final = Shape(
    "a request",
    "what one endpoint asks of the service",
    (
        Field("from", Leaf.STRING, "the endpoint that asks", required=True),
        Field("method", Leaf.STRING, "in capitals", required=True),
        Field("path", Leaf.STRING, "with the query", required=True),
        Field("before", Leaf.INTEGER_OR_STRING, "the answer without a policy", required=True),
        Field("after", Leaf.INTEGER_OR_STRING, "the answer with it", required=True),
    ),
)
_SCENARIO: Final = Shape(
    "a scenario",
    "who is there and what they ask",
    (
        Field("endpoints", Leaf.ANYTHING, "who is there", required=True),
        Field("requests", ListOf(_REQUEST), "what they ask", required=True),
    ),
)
_NOTHING: Final = Shape("this mapping", "", ())


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A workload: its name and labels, and the port it serves if it is the service."""

    name: str
    labels: tuple[tuple[str, str], ...]
    serves: int | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request of an endpoint to the service, and what must come of it."""

    sender: str
    method: str
    path: str
    before: Expected
    after: Expected


@dataclass(frozen=True, slots=True)
class Scenario:
    """Endpoints in the order of the text, and requests in the order in which they are shown."""

    endpoints: tuple[Endpoint, ...]
    requests: tuple[Request, ...]

    def service(self) -> tuple[Endpoint, int]:
        """The one endpoint that serves, and its port."""
        return next((endpoint, endpoint.serves) for endpoint in self.endpoints if endpoint.serves is not None)


def read_scenario(source: Source) -> Scenario:
    """The scenario a YAML text describes. CompileError names everything that is wrong with it."""
    documents, found = parse(source)
    report = Report(list(found))
    if not found and len(documents) != 1:
        span = documents[1].span if documents else Span(source, 1, 1, 1, 1)
        report.refuse("scenario-documents", span, f"a scenario is one document, not {len(documents)}", "write one document")
    scenario = _scenario(documents[0], report) if documents else Scenario((), ())
    if report.found:
        raise CompileError(sorted(report.found, key=lambda each: (each.span.line, each.span.column)))
    return scenario


def _scenario(document: Node, report: Report) -> Scenario:
    known = fields(document, _SCENARIO, report)
    endpoints = _endpoints(known["endpoints"].value, report) if "endpoints" in known else ()
    names = {endpoint.name for endpoint in endpoints}
    asked = items(known["requests"].value, report) if "requests" in known else ()
    requests = tuple(_request(item, names, report) for item in asked)
    return Scenario(endpoints, requests)


def _endpoints(node: Node, report: Report) -> tuple[Endpoint, ...]:
    entries = _entries(node, report)
    endpoints = tuple(_endpoint(entry, report) for entry in entries)
    serving = [endpoint for endpoint in endpoints if endpoint.serves is not None]
    if len(serving) != 1:
        message = f"{len(serving)} endpoints serve"
        report.refuse("scenario-service", node.span, message, "give exactly one endpoint `serves`")
    if len(entries) > MAX_ENDPOINTS:
        message = f"{len(entries)} endpoints are more than a demo's network takes"
        report.refuse("scenario-endpoints", node.span, message, f"name at most {MAX_ENDPOINTS}")
    return endpoints


def _endpoint(entry: Entry, report: Report) -> Endpoint:
    name = entry.key
    if not _ENDPOINT_NAME.fullmatch(name.value):
        message = f"{name.value!r} cannot be the name of an endpoint"
        report.refuse("scenario-name", name.span, message, "use at most 63 lower-case letters, digits and '-', with a '-' only inside")
    known = fields(entry.value, _ENDPOINT, report)
    labels = _entries(known["labels"].value, report) if "labels" in known else ()
    pairs = tuple((each.key.value, text(each.value, report).value) for each in labels)
    serves = _number(known["serves"].value, _PORTS, "a port", report) if "serves" in known else None
    return Endpoint(name.value, pairs, serves)


def _request(node: Node, endpoints: set[str], report: Report) -> Request:
    known = fields(node, _REQUEST, report)
    sender = _word(known, "from", report)
    if sender is not None and sender.value not in endpoints:
        report.refuse("scenario-sender", sender.span, f"there is no endpoint {sender.value!r}", f"name one of {', '.join(sorted(endpoints))}")
    method, path = _word(known, "method", report), _word(known, "path", report)
    if method is not None and not _METHOD.fullmatch(method.value):
        report.refuse("scenario-method", method.span, f"{method.value!r} is no method", "write it in capitals, such as GET")
    if path is not None and not _PATH.fullmatch(path.value):
        report.refuse("scenario-path", path.span, f"{path.value!r} is no path", "begin it with '/' and percent-encode what is not visible ASCII")
    before, after = (_expected(known[key].value, report) if key in known else 0 for key in ("before", "after"))
    words = [word.value if word is not None else "" for word in (sender, method, path)]
    return Request(words[0], words[1], words[2], before, after)


def _word(known: Table[str, Entry], key: str, report: Report) -> Text | None:
    return text(known[key].value, report) if key in known else None


def _entries(node: Node, report: Report) -> tuple[Entry, ...]:
    """The entries of a mapping whose keys are the user's own."""
    if isinstance(node, Mapping):
        return node.entries
    fields(node, _NOTHING, report)
    return ()


def _expected(node: Node, report: Report) -> Expected:
    if isinstance(node, Scalar) and node.value == DROP:
        return DROP
    return _number(node, _STATUSES, "a status, or `drop`,", report)


def _number(node: Node, within: range, what: str, report: Report) -> int:
    """A decimal integer of the range; 0 after a report."""
    if isinstance(node, Scalar) and node.kind == "int" and node.value.isdecimal() and int(node.value) in within:
        return int(node.value)
    message = f"{what} belongs here, a number from {within.start} to {within.stop - 1}"
    report.refuse("scenario-number", node.span, message, "write it in decimal digits, without quotes")
    return 0
