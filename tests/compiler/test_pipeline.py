"""The whole pipeline: errors of all files at once, and the same bytes for the same input."""

from __future__ import annotations

import pytest

from pybpf.compiler import CompileError, Source, compile_policy

POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: %s}
spec:
  endpointSelector: {}
  ingress:
  - toPorts:
    - ports: [{port: "80", protocol: TCP}]
      rules: {http: [{method: GET, path: "%s"}]}
"""


def test_the_errors_of_all_files_are_named_at_once() -> None:
    broken = [Source(f"{number}.yaml", (POLICY % ("p", "/a")).replace("ingress", "ingres")) for number in range(2)]
    with pytest.raises(CompileError) as raised:
        compile_policy(broken)
    assert {each.span.source.name for each in raised.value.diagnostics} == {"0.yaml", "1.yaml"}


def test_two_files_with_a_policy_of_one_name_are_refused() -> None:
    with pytest.raises(CompileError) as raised:
        compile_policy([Source("one.yaml", POLICY % ("p", "/a")), Source("two.yaml", POLICY % ("p", "/b"))])
    found = [(each.code, each.span.source.name) for each in raised.value.diagnostics]
    assert found == [("policy-duplicate-name", "one.yaml"), ("policy-duplicate-name", "two.yaml")]


def test_what_the_kernel_programs_do_not_enforce_is_refused_with_its_place() -> None:
    named = (POLICY % ("p", "/a")).replace("ingress:", "egress: [{toFQDNs: [{matchName: a.example}]}]\n  ingress:")
    with pytest.raises(CompileError) as raised:
        compile_policy([Source("p.yaml", named)])
    assert {each.code for each in raised.value.diagnostics} == {"policy-not-enforced"}
    assert "peers by DNS name" in raised.value.diagnostics[0].message


def test_an_error_inside_a_pattern_has_its_column_in_the_file() -> None:
    with pytest.raises(CompileError) as raised:
        compile_policy([Source("p.yaml", POLICY % ("p", "/a(b"))])
    diagnostic = raised.value.diagnostics[0]
    assert diagnostic.code == "policy-pattern"
    assert (diagnostic.span.line, diagnostic.span.source.line(10)[diagnostic.span.column - 1]) == (10, "(")


def test_the_same_input_gives_the_same_bytes() -> None:
    sources = [Source("a.yaml", POLICY % ("a", "/x/[0-9]+")), Source("b.yaml", POLICY % ("b", "/y"))]
    one, two = (compile_policy(sources).whole() for _ in range(2))
    assert (one.llvm, one.assembly, one.elf) == (two.llvm, two.assembly, two.elf)
    assert {"judge_http_0", "judge_http_1"} <= {function.name for function in one.module.functions}
