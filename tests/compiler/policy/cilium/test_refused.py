"""Policies that are refused: with which code, where, and with what advice."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler.diag import Diagnostic, Severity, Source, Span
from pybpf.compiler.policy.cilium import PAGES
from pybpf.compiler.policy.kubernetes import PAGES as KUBERNETES_PAGES
from pybpf.compiler.policy.text.codes import PAGES as TEXT_PAGES
from pybpf.compiler.policy.text.positions import parse
from tests.compiler.policy.cilium.documents import clusterwide, found_in, namespaced

CORPUS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "corpus" / "refused.toml").read_text())
CASES: list[dict[str, Any]] = CORPUS["case"]


def covered(span: Span) -> str:
    """The text of a span, as far as it stands in its first line."""
    line = span.source.line(span.line)
    return line[span.column - 1 : span.end_column - 1 if span.end_line == span.line else None].rstrip()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_bad_policy_is_refused_at_its_place(case: dict[str, Any]) -> None:
    base: str = CORPUS[case.get("base", "namespaced")]
    old, new = case["change"]
    assert base.count(old) == 1, "a case changes one text"
    found = found_in(base.replace(old, new))
    first = next(each for each in found if each.code == case["code"])
    assert (covered(first.span), f"{first.span.line}:{first.span.column}") == (case["covers"], case["at"])
    assert case["hint"] in first.hint
    assert case.get("message", "") in first.message
    assert first.severity is Severity.ERROR
    assert {each.code for each in found} - {case["code"]} <= set(case.get("more", []))


@pytest.mark.parametrize("base", ["namespaced", "clusterwide"])
def test_the_bases_of_the_corpus_are_good(base: str) -> None:
    assert found_in(CORPUS[base]) == ()


def test_all_errors_of_a_policy_come_at_once_and_in_order() -> None:
    text = CORPUS["namespaced"].replace('"80"', "80").replace("[host]", "[hots]").replace("method:", "metod:")
    assert [each.code for each in found_in(text)] == ["policy-not-a-string", "policy-unknown-key", "policy-unknown-value"]


@pytest.mark.parametrize(("count", "code"), [(40, []), (41, ["policy-too-many"])])
def test_forty_ports_are_read_and_forty_one_refused(count: int, code: list[str]) -> None:
    ports = "".join(f'\n    - {{port: "{number}"}}' for number in range(1, count + 1))
    assert [each.code for each in found_in(namespaced(f"ingress:\n- toPorts:\n  - ports:{ports}"))] == code


@pytest.mark.parametrize(("count", "code"), [(40, []), (41, ["policy-too-many"])])
def test_forty_icmp_types_are_read_and_forty_one_refused(count: int, code: list[str]) -> None:
    types = "".join(f"\n    - {{type: {number}}}" for number in range(count))
    assert [each.code for each in found_in(namespaced(f"ingress:\n- icmps:\n  - fields:{types}"))] == code


@pytest.mark.parametrize(
    ("rules", "code", "covers"),
    [
        ("ingress: [{fromCIDR: [192.0.2.7]}]", "lint-bare-address", "192.0.2.7"),
        ("ingress: [{fromCIDR: ['2001:db8::7']}]", "lint-bare-address", "'2001:db8::7'"),
        ("ingress: [{fromCIDR: [192.0.2.7/24]}]", "lint-cidr-host-bits", "192.0.2.7/24"),
        ("ingress: [{toPorts: [{ports: [{port: '90', endPort: 80}]}]}]", "lint-port-range", "80"),
        ("ingress: [{fromGroups: [{aws: {region: moon}}]}]", "lint-cloud-group", "{aws: {region: moon}}"),
        ("ingress: [{fromEndpoints: [{matchLabels: {reserved.host: x}}]}]", "lint-label-source", "reserved.host"),
        ("ingress: [{fromEndpoints: [{matchLabels: {k8s.io.kubernetes.pod.namespace: x}}]}]", "lint-label-source", "k8s.io.kubernetes.pod.namespace"),
    ],
)
def test_what_is_read_with_a_doubt_is_warned_of(rules: str, code: str, covers: str) -> None:
    (found,) = found_in(namespaced(rules))
    assert (found.code, covered(found.span), found.severity) == (code, covers, Severity.WARNING)


def test_a_host_policy_refuses_http_rules_in_either_direction() -> None:
    http = "toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{}]}}]"
    for direction in ("ingress", "egress"):
        found = found_in(clusterwide(f"{direction}: [{{{http}}}]", "nodeSelector: {}"))
        assert [each.code for each in found] == ["policy-layer7-direction"]


def test_a_document_is_taken_whole_or_not_at_all() -> None:
    head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: two}\n"
    specs = "specs:\n- {endpointSelector: {}, ingress: [{}]}\n- {endpointSelector: {}}\n"
    assert [(each.code, each.span.line) for each in found_in(head + specs)] == [("policy-no-rules", 6)]


def wrong_yaml(text: str) -> tuple[Diagnostic, ...]:
    return parse(Source("policy.yaml", text))[1]


def test_every_code_has_a_page_and_every_page_a_case() -> None:
    told = {case["code"] for case in CASES} | {code for case in CASES for code in case.get("more", [])}
    elsewhere = {"policy-too-many", "lint-label-source", "lint-bare-address", "lint-port-range", "lint-cloud-group"}  # the tests above
    written = {"convert-not-in-cilium", "convert-changed"}  # test_write.py
    ours = {page.code for page in PAGES}
    assert ours == (told & ours) | elsewhere | written
    assert told <= ours | {page.code for page in (*KUBERNETES_PAGES, *TEXT_PAGES)}


def test_every_page_about_texts_has_a_case_or_is_of_yaml() -> None:
    of_yaml = {
        "policy-yaml": "[",
        "policy-yaml-depth": "[" * 40,
        "policy-yaml-alias": "a: &a 1",
        "policy-yaml-tag": "a: !!str 1",
        "policy-key-type": "on: 1",
        "policy-duplicate-key": "{a: 1, a: 2}",
    }
    for code, text in of_yaml.items():
        assert wrong_yaml(text)[0].code == code
    assert {page.code for page in TEXT_PAGES} <= {case["code"] for case in CASES} | set(of_yaml)


@pytest.mark.parametrize(
    ("rules", "hint"),
    [
        ("matchLabels: {app: a}", "it belongs below endpointSelector: indent it further"),
        ("toPorts: []", "it belongs below ingress or ingressDeny or egress or egressDeny: indent it further"),
        ("ingress: [{toPorts: [{ports: [{port: '80-90'}]}]}]", 'write port: "80" and endPort: 90'),
        ("ingress: [{toPorts: [{ports: [{port: '443', protocol: https}]}]}]", "write TCP, which carries it"),
        ("ingress: [{toPorts: [{port: '80'}]}]", "did you mean 'ports'?"),
    ],
)
def test_common_mistakes_have_the_hint_that_mends_them(rules: str, hint: str) -> None:
    assert hint in [each.hint for each in found_in(namespaced(rules))]
