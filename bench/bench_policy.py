"""What policy costs before anything is compiled: checking, resolving, asking."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.policies import ENDPOINTS, POLICIES, inventory, policies_text
from pybpf.compiler.diag import Source
from pybpf.compiler.policy.diff import differences
from pybpf.compiler.policy.model.flow import Flow, HttpRequest, Party
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.compiler.policy.model.policy import Direction, Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.reading import must_read
from pybpf.compiler.policy.resolve import Resolver, resolve
from pybpf.compiler.policy.verdict import verdict


@lru_cache(maxsize=1)
def policies() -> tuple[Policy, ...]:
    return must_read([Source("policies.yaml", policies_text())]).policies


def test_checking_a_thousand_policies(benchmark: Any, tmp_path: Path) -> None:
    """Goal: 1.5 s for 1,000 CiliumNetworkPolicies of 26,000 lines, as a command."""
    (tmp_path / "policies.yaml").write_text(policies_text())
    command = [sys.executable, "-m", "pybpf", "check", str(tmp_path)]
    assert benchmark.pedantic(lambda: subprocess.run(command, capture_output=True).returncode, rounds=5) == 0


def test_saying_the_version(benchmark: Any) -> None:
    """Goal: 100 ms, interpreter included."""
    command = [sys.executable, "-m", "pybpf", "--version"]
    assert benchmark(lambda: subprocess.run(command, capture_output=True).returncode) == 0


def test_resolving_a_thousand_policies_for_five_thousand_endpoints(benchmark: Any) -> None:
    """Goal: 3 s, cold."""
    who, said = inventory(), policies()
    resolved = benchmark.pedantic(lambda: resolve(said, who), rounds=5)
    assert len(resolved.endpoints) == ENDPOINTS and len(resolved.policies) == POLICIES


def test_changing_a_label_of_one_endpoint(benchmark: Any) -> None:
    """Goal: 5 ms, until the endpoint's own sides are there again."""
    resolver = Resolver(policies(), inventory())
    one = inventory().endpoints[17]
    tiers = cycle(tuple(sorted((*(each for each in one.labels if each.key != "tier"), Label(KUBERNETES, "tier", f"tier-{tier}")))) for tier in range(5))

    def change() -> int:
        resolver.put(replace(one, labels=next(tiers)))
        return len(resolver.resolved.endpoints[one.namespace, one.name].ingress.entries)

    assert benchmark(change) >= 0


def test_comparing_a_thousand_policies(benchmark: Any) -> None:
    """No goal: two sets of 1,000 that differ in one path, without an inventory."""
    old = policies()
    new = must_read([Source("policies.yaml", policies_text().replace("/v1/items", "/v2/items", 1))]).policies
    assert benchmark.pedantic(lambda: differences(old, new), rounds=5)


def test_asking_why(benchmark: Any) -> None:
    """Goal: 20 ms once everything is loaded."""
    resolved = resolve(policies(), inventory())
    busiest = max(resolved.endpoints.values(), key=lambda each: len(each.ingress.entries)).endpoint
    parties = [Party(("namespace-0", "endpoint-0")), Party((busiest.namespace, busiest.name))]
    flow = Flow(parties[0], parties[1], Direction.INGRESS, Protocol.TCP, 80, HttpRequest("GET", "/v1/items/7"))
    assert benchmark(lambda: verdict(resolved, flow)).walk
