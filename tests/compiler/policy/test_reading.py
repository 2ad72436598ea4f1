"""Files -> policies: which documents are read, which stand, and what is said of the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pybpf.compiler.diag import CompileError, Severity, Source
from pybpf.compiler.policy.reading import PAGES, Reading, must_read, read

SPEC = "spec: {podSelector: {}, ingress: [{}]}"


def policy(name: str, namespace: str = "default", spec: str = SPEC) -> str:
    """A NetworkPolicy as a document."""
    head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
    return f"---\n{head}metadata: {{name: {name}, namespace: {namespace}}}\n{spec}\n"


def item(name: str, kind: str = "NetworkPolicy", rest: str = SPEC) -> str:
    """A NetworkPolicy as an item of a list."""
    return f"- {{apiVersion: networking.k8s.io/v1, kind: {kind}, metadata: {{name: {name}}}, {rest}}}\n"


def listed(items: str, head: str = "apiVersion: v1\nkind: List\n") -> str:
    return f"{head}items:\n{items}"


def of(*texts: str) -> Reading:
    return read([Source(f"{number}.yaml", text) for number, text in enumerate(texts)])


def names(reading: Reading) -> list[str]:
    return [each.name for each in reading.policies]


def codes(reading: Reading) -> list[str]:
    return [each.code for each in reading.found]


def places(reading: Reading) -> list[str]:
    return [str(each.span) for each in reading.found]


def test_policies_come_in_the_order_of_files_and_documents() -> None:
    reading = of(policy("c") + policy("a"), policy("b"))
    assert names(reading) == ["c", "a", "b"] and reading.found == ()


@pytest.mark.parametrize(
    "head",
    ["apiVersion: v1\nkind: List\n", "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\n",
     "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicyList\nmetadata: {}\n"],
)  # fmt: skip
def test_lists_hold_policies(head: str) -> None:
    assert names(of(listed(item("a") + item("b"), head))) == ["a", "b"]


def test_a_list_without_items_is_not_nothing() -> None:
    assert of("apiVersion: v1\nkind: List\nitems: []\n") == Reading((), (), ())


def test_a_list_of_lists_is_one_list() -> None:
    assert names(of(f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  {item('a')}")) == ["a"]


@pytest.mark.parametrize(
    ("text", "code"),
    [("apiVersion: v2\nkind: List\nitems: []\n", "policy-kind"), ("apiVersion: v1\nkind: List\n", "policy-missing-key"),
     ("apiVersion: v1\nkind: List\nitem: []\n", "policy-unknown-key"), ("apiVersion: v1\nkind: List\nitems: ~\n", "policy-null"),
     ("apiVersion: v1\nkind: NetworkPolicyList\nitems: []\n", "policy-kind")],
)  # fmt: skip
def test_a_list_that_is_none_is_refused(text: str, code: str) -> None:
    assert code in codes(of(text))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n", "~\n"])
def test_a_file_that_holds_nothing_is_refused(text: str) -> None:
    assert codes(of(text)) == ["policy-no-document"]


def test_empty_documents_between_others_are_passed_over() -> None:
    assert names(of(f"---\n{policy('a')}---\n---\n")) == ["a"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("kind: NetworkPolicys", "did you mean 'NetworkPolicy'?"),
        ("kind: ciliumnetworkpolicy", "did you mean 'CiliumNetworkPolicy'?"),
        ("kind: Pod", "known are: "),
        ("kind: AdminNetworkPolicy", "CiliumClusterwideNetworkPolicy"),
        ("kind: ~", "add `kind:`"),
        ("spec: {}", "add `kind:`"),
        ("[a, b]", "known kinds are"),
        ("text", "known kinds are"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, hint: str) -> None:
    (found,) = of(text).found
    assert found.code == "policy-kind" and hint in found.hint


def test_a_bad_policy_does_not_disable_another() -> None:
    reading = of(policy("a") + policy("bad", spec="spec: {}") + policy("b"), policy("worse", spec=""), policy("c"))
    assert names(reading) == ["a", "b", "c"]
    assert codes(reading) == ["policy-missing-key"] * 2


def test_a_bad_item_does_not_disable_another() -> None:
    assert names(of(listed(item("a") + item("bad", rest="spec: {}") + item("b")))) == ["a", "b"]


@pytest.mark.parametrize("text", ["spec: {podSelector: {}, podSelector: {a: b}}", "spec: {podSelector: &a {}}", "spec: {podSelector: !!map {}}"])
def test_a_document_whose_yaml_is_doubtful_gives_no_policy(text: str) -> None:
    reading = of(policy("a") + policy("bad", spec=text) + policy("b"))
    assert names(reading) == ["a", "b"] and len(reading.errors) == 1


def test_an_item_whose_yaml_is_doubtful_gives_no_policy() -> None:
    reading = of(listed(item("a") + item("bad", rest=f"{SPEC}, {SPEC}") + item("b")))
    assert names(reading) == ["a", "b"] and codes(reading) == ["policy-duplicate-key"]


def test_doubt_around_the_items_of_a_list_is_doubt_about_all_of_them() -> None:
    reading = of(listed(item("a"), "apiVersion: v1\nkind: List\nkind: NetworkPolicyList\n"))
    assert names(reading) == [] and codes(reading) == ["policy-duplicate-key"]


def test_nothing_of_a_file_with_a_syntax_error_stands() -> None:
    reading = of(policy("a") + "---\nspec: [\n", policy("b"))
    assert names(reading) == ["b"] and codes(reading) == ["policy-yaml"]


def test_two_policies_of_one_name_are_both_refused() -> None:
    reading = of(policy("a") + policy("same"), policy("same") + policy("b"))
    assert names(reading) == ["a", "b"] and codes(reading) == ["policy-duplicate-name"] * 2
    assert places(reading) == ["0.yaml:9:18", "1.yaml:4:18"]
    assert "1.yaml:4:18" in reading.found[0].message and "0.yaml:9:18" in reading.found[1].message


def test_one_name_in_two_namespaces_is_two_names() -> None:
    assert len(of(policy("a") + policy("a", "other")).policies) == 2


def test_a_file_given_twice_is_told() -> None:
    assert codes(of(policy("a"), policy("a"))) == ["policy-duplicate-name"] * 2


def test_findings_come_in_the_order_of_files_and_lines() -> None:
    bad = policy("x", spec="spec: {podSelector: {}, egress: []}\nsped: 1")
    reading = read([Source("z.yaml", bad), Source("a.yaml", bad)])
    assert [(each.span.source.name, each.code) for each in reading.found] == [
        (name, code) for name in ("z.yaml", "a.yaml") for code in ("lint-policy-types", "policy-unknown-key")
    ]


def test_a_warning_leaves_the_policy_standing() -> None:
    reading = of(policy("a", spec="spec: {podSelector: {}, egress: []}"))
    assert names(reading) == ["a"]
    assert [each.severity for each in reading.found] == [Severity.WARNING] and reading.errors == ()


def test_must_read_raises_all_errors_of_all_files() -> None:
    with pytest.raises(CompileError) as caught:
        must_read([Source("a.yaml", policy("a", spec="spec: {}")), Source("b.yaml", "")])
    assert [each.code for each in caught.value.diagnostics] == ["policy-missing-key", "policy-no-document"]


def test_must_read_returns_what_has_no_error() -> None:
    assert names(must_read([Source("a.yaml", policy("a", spec="spec: {podSelector: {}, egress: []}"))])) == ["a"]


def test_every_code_has_a_test_here() -> None:
    assert {page.code for page in PAGES} == {"policy-kind", "policy-no-document", "policy-duplicate-name"}


def test_reading_waits_for_neither_llvm_nor_the_front_end() -> None:
    program = """
import sys
from pybpf.compiler.diag import Source
from pybpf.compiler.policy.reading import read
assert read([Source("a.yaml", sys.argv[1])]).policies
heavy = ("llvmlite", "lark", "pybpf.compiler.frontend", "pybpf.compiler.ir", "pybpf.compiler.codegen", "pybpf.compiler.lower")
sys.exit(", ".join(name for name in heavy if name in sys.modules) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program, policy("a")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
