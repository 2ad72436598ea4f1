"""Doubts about policies: each where it belongs, none beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pybpf.compiler.automata.pack import ENTRY_LIMIT
from pybpf.compiler.diag import Severity, Source
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.lint import lint
from pybpf.compiler.policy.lint.codes import PAGES
from pybpf.compiler.policy.lint.http import MAX_STATES
from pybpf.compiler.policy.reading import read as read_any

HERE = Path(__file__).parent


def codes(text: str) -> list[tuple[str, str]]:
    """The findings in a text of the language: code and what they cover."""
    parsed = read(Source("a.policy", text))
    assert all(each.severity is Severity.WARNING for each in parsed.found), parsed.found
    found = lint(parsed.policies)
    assert all(each.severity is Severity.WARNING for each in found)
    return [(each.code, each.span.source.line(each.span.line)[each.span.column - 1 : each.span.end_column - 1]) for each in found]


def rules(*written: str) -> str:
    """A policy of these rules."""
    return "policy p for app=s {\n" + "\n".join(written) + "\n}\n"


# What is told: the text, the code and what it points at. And beside it what is not, though it is near.
TOLD = [
    (rules("allow from app=a, app=b"), "lint-never-matches", "app=a, app=b"),
    (rules("allow from app=a, !app"), "lint-never-matches", "app=a, !app"),
    ("policy p for app=s, app=t { allow from world }", "lint-never-matches", "app=s, app=t"),
    (rules("allow from nobody on port 80"), "lint-never-matches", "allow from nobody on port 80"),
    (rules("allow from world on no port"), "lint-never-matches", "on no port"),
    (rules("allow from world { }"), "lint-never-matches", "allow from world { }"),
    (rules("allow from world on port 80: POST regex 'flights'"), "lint-never-matches", "'flights'"),
    (rules("allow from world on port 80: POST regex '/a b'"), "lint-never-matches", "'/a b'"),
    (rules("allow from world on port 80: method regex '[^A-Z]? ' /"), "lint-never-matches", "'[^A-Z]? '"),
    (rules("allow from app=a on port 80", "deny from app=a"), "lint-denied", "on port 80"),
    (rules("allow from app=a, x=y", "deny from app=a"), "lint-denied", "allow from app=a, x=y"),
    (rules("allow from 192.0.2.0/25", "deny from 192.0.2.0/24"), "lint-denied", "allow from 192.0.2.0/25"),
    (rules("allow from app=a on port 80") + "policy d for endpoints { deny from anybody on port 1-100/any allow from app=z }", "lint-denied", "on port 80"),
    (rules("allow from app=a", "allow from app=a on port 80"), "lint-redundant", "on port 80"),
    (rules("allow from app=a, x=y on port 80", "allow from app=a on port 80"), "lint-redundant", "on port 80"),
    (rules("allow from app=a", "allow from app=a"), "lint-redundant", "allow from app=a"),
    (rules("allow from app=a on port 85", "allow from app=a on port 80-90/any"), "lint-redundant", "on port 85"),
    (rules("allow from app=a on port 80: POST /a, POST /b", "allow from app=a on port 80: POST /b"), "lint-redundant", "on port 80: POST /b"),
    (rules("allow from app=a on port 80: POST /a", "allow from app=a"), "lint-requests-silenced", "on port 80: POST /a"),
    (rules("allow from app=a on port 80: POST /a", "allow from anybody on port 80"), "lint-requests-silenced", "on port 80: POST /a"),
    (rules('allow to app=d on port 53/udp: query "a"', "allow to anybody on port 53/any"), "lint-requests-silenced", 'on port 53/udp: query "a"'),
    (rules('allow to app=d on port 53/udp: query "a"', "allow to app=d"), "lint-dns-not-silenced", 'on port 53/udp: query "a"'),
    (rules('allow to app=d on port 53/udp: query "a"', "allow to app=d on port 1-100/udp"), "lint-dns-not-silenced", 'on port 53/udp: query "a"'),
    (rules("deny from world"), "lint-deny-only", "deny from world"),
    (rules('allow to name "a.example" on port 443'), "lint-names-without-dns", 'allow to name "a.example" on port 443'),
    (rules("allow from app=a on port 80: POST /a", 'allow from app=a on port 80: kafka topic "x"'), "lint-conflict", "on port 80: POST /a"),
    (rules("allow from app=a on port 80 authentication required", "allow from app=a on port 80: POST /a authentication disabled"), "lint-conflict", "on port 80"),
    ("cluster policy p for app=s { allow from team!=a anywhere }", "lint-negative-selector", "team!=a anywhere"),
    (rules("allow from app=web, !reserved:health"), "lint-negative-selector", "app=web, !reserved:health"),
    (rules("allow from world on port 80: GET /flights"), "lint-path-query", "/flights"),
    (rules("allow from world on port 80: GET /flights/{id}"), "lint-path-query", "/flights/{id}"),
    (rules("allow from world on port 80: GET regex '/flights/[0-9]+'"), "lint-path-query", "'/flights/[0-9]+'"),
    (rules("allow from world on port 80: regex '/(a|b)'"), "lint-path-query", "'/(a|b)'"),
    (rules('allow from world on port 80: method "get" prefix "/"'), "lint-method-case", '"get"'),
    (rules("allow from world on port 80: POST / host regex 'shop'"), "lint-host-case", "'shop'"),
    (rules(r"allow from world on port 80: POST / host regex '(?i)a.b'"), "lint-host-dot", r"'(?i)a.b'"),
    (rules("allow from world on port 80: GET regex '/.*a.{30}.*'"), "lint-regex-size", ".{30}"),
]
QUIET = [
    "policy a for app=s { tier admin pass from app=a } policy b for app=s { tier admin priority 5 deny from app=a allow from app=z } " + rules("allow from app=a"),
    rules("allow from !k8s:io.kubernetes.pod.namespace, x=y anywhere", "deny from cluster"),
    rules("allow to app=a on port 80", "allow to app=a on port 80-81", 'allow to app=a on port 80-81 tls "x.y"'),
    rules("allow to app=a on port 80", "allow to app=a on port 80-81", "allow to app=a on port 80-83 authentication required"),
    rules("allow to app=d on port 52-53/udp", "allow to app=d on port 53/udp", 'allow to app=e on port 53/udp: query "a.example"'),
    rules("allow from app=a, env in (a, b), env!=a"),
    rules("allow from nobody"),
    rules("allow from app=a on port 80: POST regex '/flights'"),
    rules("allow from app=a on port 80: POST regex '.*flights'"),
    rules("allow from app=a on port 80", "deny from app=b"),
    rules("allow from app=a on port 80", "deny from app=a on port 81"),
    rules("allow from app=a on port 80", "deny from app=a on port 80: POST /x"),
    rules("allow from app=a, x=y", "deny from app=a, x!=y"),
    rules("allow from 192.0.2.0/24", "deny from 192.0.2.0/24 except 192.0.2.1/32"),
    rules("allow from app=a on port 80") + "policy d for app=t { deny from anybody on port 9 allow from app=b }",
    rules("allow from app=a on port 80") + "policy d for endpoints { audit deny from anybody on port 80 allow from app=z }",
    rules("allow from app=a on port 80") + "policy d in namespace other for endpoints { allow from app=a }",
    rules("allow from app=a on port 80") + "policy d for app=s, x=y { allow from app=a }",
    rules("allow from app=a on port 80", "allow from app=a on port 80/udp"),
    rules("allow from app=a on port 80: POST /a", "allow from app=b"),
    rules("allow from app=a on port 80: POST /a", "allow from app=a, x=y"),
    rules("allow from app=a on port 80: POST /a", "allow from app=a on port 81"),
    rules("allow from app=a on port 80: POST /a", 'allow from app=a on port 80: POST /a header x = "y"'),
    rules('allow to app=d on port 53/udp: query "a"', "allow to app=e"),
    rules("deny from world", "allow from app=a"),
    rules("default allow ingress deny from world"),
    rules("deny from world") + "policy d for endpoints { allow from app=a }",
    rules('allow to name "a.example" on port 443', 'allow to app=d on port 53/any: query "*"'),
    rules('allow to name "a.example" on port 443') + 'policy d for endpoints { allow to app=d on port 53/any: query "*" }',
    rules("allow from app=a on port 443 authentication required", "allow from app=b on port 443 authentication disabled"),
    "cluster policy p for app=s { allow from endpoints in namespace with team!=a deny from x!=y anywhere }",
    rules("allow from world on port 80: GET /flights?*"),
    rules('allow from world on port 80: GET prefix "/flights"'),
    rules("allow from world on port 80: GET regex '/flights(\\?.*)?'"),
    rules("allow from world on port 80: GET regex '/flights.*'"),
    rules("allow from world on port 80: POST /flights"),
    rules("allow from world on port 80: POST / host regex '[0-9.]+'"),
    rules('allow from world on port 80: POST / host "shop.example"'),
    rules("allow from world on port 80: POST / host regex '(?i)a\\.b'"),
    rules("allow from world on port 80: GET regex '/a{30}.{0,20}'"),
]


@pytest.mark.parametrize(("text", "code", "place"), TOLD)
def test_a_doubt_is_told_at_its_place(text: str, code: str, place: str) -> None:
    assert (code, place) in codes(text)


@pytest.mark.parametrize("text", QUIET)
def test_what_is_near_a_doubt_and_none_is_not_told(text: str) -> None:
    assert codes(text) == []


INVENTORY = """
namespaces: {default: {}}
endpoints:
- {name: a, namespace: default, labels: {app: s}, addresses: [10.0.0.1], ports: {http: 8080/tcp}}
nodes:
- {name: n, labels: {role: worker}, addresses: [192.168.0.1], local: true}
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("policy p for app=other { allow from app=s }", "lint-selects-nothing"),
        (rules("allow from app=other"), "lint-selects-nothing"),
        (rules("allow to service db"), "lint-selects-nothing"),
        (rules("allow to cidr-group partners"), "lint-selects-nothing"),
        ("cluster policy p for nodes role=master { allow from app=s }", "lint-selects-nothing"),
        (rules("allow from app=s on port htpp"), "lint-unknown-port"),
        (rules("allow from 10.0.0.0/8"), "lint-cidr-inside"),
        (rules("allow from 0.0.0.0/0 except 10.0.0.0/8"), "lint-cidr-inside"),
    ],
)
def test_what_does_not_fit_an_inventory_is_told(text: str, code: str) -> None:
    policies = read(Source("a.policy", text)).policies
    inventory = read_inventory(Source("inventory.yaml", INVENTORY))
    assert [each.code for each in lint(policies, inventory)] == [code]
    assert lint(policies) == ()


def test_what_fits_an_inventory_is_not_told() -> None:
    text = rules("allow from app=s on port http", "allow from 10.0.0.0/8 except 10.0.0.0/24") + "cluster policy n for nodes role=worker { allow from app=s }"
    found = lint(read(Source("a.policy", text)).policies, read_inventory(Source("inventory.yaml", INVENTORY)))
    assert [each.code for each in found] == []


def test_policies_that_people_write_raise_no_doubts() -> None:
    sources = [Source(path.name, path.read_text()) for path in sorted((HERE / "quiet").glob("*"))]
    reading = read_any(sources)
    assert reading.found == () and len(reading.policies) >= 20
    assert [str(each.span) + each.message for each in lint(reading.policies)] == []


def test_every_code_has_a_case_here() -> None:
    text = Path(__file__).read_text()
    assert [page.code for page in PAGES if not re.search(rf'"{page.code}"', text)] == []


def test_the_budget_of_one_expression_is_what_the_kernels_tables_hold() -> None:
    assert MAX_STATES == ENTRY_LIMIT // 16
