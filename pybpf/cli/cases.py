"""Source -> test cases of policies: flows, and what must become of them.

    tests:
    - {name: the web front end reads orders, from: web, to: orders, port: 8080, http: GET /orders/7, expect: allow}
    - {from: web, to: orders, port: 8080, http: DELETE /orders/7, expect: refuse-request, by: orders}
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Final

from pybpf.cli.asking import Question
from pybpf.compiler.diag import CompileError, Source, Span
from pybpf.compiler.policy.model.flow import Outcome
from pybpf.compiler.policy.text.fields import choice, fields, items, text
from pybpf.compiler.policy.text.positions import Entry, Node, Scalar, parse
from pybpf.compiler.policy.text.report import Report, in_order
from pybpf.compiler.policy.text.shapes import Choice, Field, Leaf, ListOf, Shape

DENIED: Final = "denied"  # whatever refuses
EXPECTED: Final = (*(each.value for each in Outcome), DENIED)
_CASE: Final = Shape(
    "a test",
    "a flow and what must become of it",
    (
        Field("name", Leaf.STRING, "what is tested, for people"),
        Field("from", Leaf.STRING, "an endpoint, an entity or an address", required=True),
        Field("to", Leaf.STRING, "the other end", required=True),
        Field("port", Leaf.INTEGER_OR_STRING, "80, 53/udp"),
        Field("icmp", Leaf.INTEGER_OR_STRING, "8, echo-request, icmpv6/128"),
        Field("http", Leaf.STRING, "a method and a path"),
        Field("host", Leaf.STRING, "the Host header"),
        Field("headers", ListOf(Leaf.STRING), "headers as `Name: value`"),
        Field("dns", Leaf.STRING, "the name of a DNS query"),
        Field("tls", Leaf.STRING, "the TLS server name; empty for none"),
        Field("kafka", Leaf.STRING, "the number of an API key, and topics"),
        Field("expect", Choice(EXPECTED), "what must become of it", required=True),
        Field("by", Leaf.STRING, "the name of the policy that must decide"),
    ),
)
_CASES: Final = Shape("a file of tests", "tests of policies", (Field("tests", ListOf(_CASE), "the tests", required=True),))


@dataclass(frozen=True, slots=True)
class Case:
    """One test. `expected` is an outcome's value, or DENIED; `by` None: whoever decides."""

    name: str
    question: Question
    expected: str
    by: str | None
    span: Span


def read_cases(source: Source) -> tuple[Case, ...]:
    """The tests of a file. CompileError names everything that is wrong with it."""
    documents, wrong = parse(source)
    report = Report(list(wrong))
    cases = tuple(case for document in documents for case in _cases(document, report))
    if not cases and not report.found:
        report.refuse("policy-no-document", Span(source, 1, 1, 1, 2), "this file holds no test", "write one behind `tests:`")
    if report.errors:
        raise CompileError(in_order(report.found))
    return cases


def _cases(document: Node, report: Report) -> list[Case]:
    found = fields(document, _CASES, report)
    return [_case(node, report) for node in items(found["tests"].value, report)] if "tests" in found else []


def _case(node: Node, report: Report) -> Case:
    found = fields(node, _CASE, report)
    source, destination = (_word(found, key, report) or "" for key in ("from", "to"))
    headers = tuple(text(each, report).value for each in items(found["headers"].value, report)) if "headers" in found else ()
    words = {key: _word(found, key, report) for key in ("port", "icmp", "http", "host", "dns", "tls", "kafka")}
    question = Question(source, destination, headers=headers, **words)
    expected = choice(found["expect"].value, EXPECTED, report) if "expect" in found else None
    name = _word(found, "name", report) or f"{source} to {destination}"
    return Case(name, question, expected.value if expected is not None else "", _word(found, "by", report), node.span)


def _word(found: Table[str, Entry], key: str, report: Report) -> str | None:
    """A string, or an integer as it is written; None when the key is absent."""
    if key not in found:
        return None
    node = found[key].value
    return node.value if isinstance(node, Scalar) and node.kind == "int" else text(node, report).value
