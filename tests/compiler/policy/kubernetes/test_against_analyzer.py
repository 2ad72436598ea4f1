"""NetworkPolicies by chance: the product, a restatement of Kubernetes' API reference and IBM's analyzer agree on who reaches whom.

Networks in rules are asked about with addresses outside the cluster only: there all three mean the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.reading import read
from tests.compiler.policy.kubernetes import analyzer
from tests.compiler.policy.kubernetes.clusters import Ask, Cluster, cluster, documents, some_asks
from tests.compiler.policy.kubernetes.restatement import allowed

SETS = 500
ASKED_OF_THE_ORACLE = 40  # flows of each set
ASKED_OF_THE_ANALYZER = 200


@lru_cache(maxsize=1)
def clusters() -> Sequence[Cluster]:
    return [cluster(number) for number in range(SETS)]


def resolved(of: Cluster) -> Resolved:
    """The product's view of a cluster."""
    from pybpf.compiler.policy.resolve import resolve

    reading = read([Source("policies.yaml", documents(of.policies))])
    assert not reading.errors
    return resolve(reading.policies, read_inventory(Source("pods.yaml", documents(of.namespaces + of.pods))))


def passes(of: Resolved, ask: Ask) -> bool:
    """Whether the product lets a flow pass: both ends, where they are endpoints."""
    from pybpf.compiler.policy.verdict import verdict

    source, destination = _party(ask.source), _party(ask.destination)
    sides = [(Direction.EGRESS, ask.source), (Direction.INGRESS, ask.destination)]
    return all(
        verdict(of, Flow(source, destination, direction, Protocol[ask.protocol], ask.port)).allowed
        for direction, judged in sides
        if not isinstance(judged, str)
    )


def _party(end: tuple[str, str] | str) -> Party:
    return Party(address=ip_address(end)) if isinstance(end, str) else Party(endpoint=end)


def test_every_policy_set_is_read_without_an_error() -> None:
    for each in clusters():
        assert not read([Source("policies.yaml", documents(each.policies))]).errors
        assert len(read_inventory(Source("pods.yaml", documents(each.namespaces + each.pods))).endpoints) == len(each.pods)


def test_the_sets_are_worth_asking_about() -> None:
    """Chance must neither allow nor refuse nearly everything."""
    answers = [allowed(each, ask) for each in clusters()[:100] for ask in some_asks(each, 20)]
    assert 0.2 < sum(answers) / len(answers) < 0.8


def test_the_oracle_agrees_with_the_restatement() -> None:
    for room in ("pybpf.compiler.policy.resolve", "pybpf.compiler.policy.verdict"):
        if find_spec(room) is None:
            pytest.skip(f"{room} is not there")
    for each in clusters():
        view = resolved(each)
        for ask in some_asks(each, ASKED_OF_THE_ORACLE):
            assert passes(view, ask) == allowed(each, ask), (each.number, ask)


def test_the_analyzer_agrees_with_the_restatement(tmp_path: Path) -> None:
    interpreter = analyzer.python()
    if interpreter is None:
        pytest.skip("network-config-analyzer is not installed: run tests/install-nca, or let PYBPF_NCA name a Python that has it")
    found = analyzer.connectivity(interpreter, clusters(), tmp_path)
    for each in clusters():
        for ask in some_asks(each, ASKED_OF_THE_ANALYZER):
            assert analyzer.allows(found[each.number], ask) == allowed(each, ask), (each.number, ask)
