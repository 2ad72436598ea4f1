"""How soon a change is enforced: one rule of 1,000 policies, each a file, on a hundred interfaces of this host."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from pybpf.bpffs import ensure_mounted
from pybpf.compiler.diag import Source
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.demo import namespaces
from pybpf.enforce import enforce
from pybpf.enforce.install import Enforcement

POLICIES, ENDPOINTS, HERE, GROUPS = 1_000, 1_000, 100, 100
POLICY = """apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: policy-{number}
  namespace: default
spec:
  endpointSelector:
    matchLabels:
      app: app-{app}
  ingress:
  - fromEndpoints:
    - matchLabels:
        app: app-{peer}
    toPorts:
    - ports:
      - port: "{port}"
        protocol: TCP
  - fromCIDR:
    - 10.{network}.0.0/16
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace with an interface for each endpoint that is here, and the files."""

    namespace: str
    policies: Path
    endpoints: Path
    folder: Path

    def pybpf(self, *words: str) -> str:
        """The command, in the namespace."""
        command = [sys.executable, "-m", "pybpf", *words, "--folder", str(self.folder)]
        ended = namespaces.run(self.namespace, lambda: subprocess.run(command, capture_output=True, text=True))
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    home = tmp_path_factory.mktemp("apply")
    name = f"pybpf-bench-{os.getpid()}"
    policies, bpf = home / "policies", home / "bpf"
    policies.mkdir()
    bpf.mkdir()
    for number in range(POLICIES):
        write(policies, number, 1000 + number)
    lines = [
        f"- {{name: e{number}, namespace: default, labels: {{app: app-{number % GROUPS}, pod: pod-{number}}}, addresses: [100.64.{number >> 8}.{number & 255}]"
        + (f", interface: here{number}}}" if number < HERE else "}")
        for number in range(ENDPOINTS)
    ]
    (home / "endpoints.yaml").write_text("endpoints:\n" + "\n".join(lines) + "\n")
    namespaces.make(name)
    try:
        for number in range(HERE):
            subprocess.run(["ip", "-n", name, "link", "add", f"here{number}", "type", "veth", "peer", "name", f"there{number}"], check=True)
        ensure_mounted(bpf)
        yield Host(name, policies, home / "endpoints.yaml", bpf / "enforced")
    finally:
        namespaces.remove(name)
        subprocess.run(["umount", str(bpf)])


def write(policies: Path, number: int, port: int) -> Path:
    """A policy's file."""
    path = policies / f"{number:04}.yaml"
    path.write_text(POLICY.format(number=number, app=number % GROUPS, peer=(number * 7) % GROUPS, port=port, network=number % 5))
    return path


def test_the_command(benchmark: Any, host: Host) -> None:
    """Goal: 200 ms from its start."""
    host.pybpf("apply", "-f", str(host.policies), "--endpoints", str(host.endpoints))
    ports = cycle((5000, 5001))

    def change() -> tuple[tuple[str, ...], dict[str, Any]]:
        return ("apply", "-f", str(write(host.policies, 7, next(ports)))), {}

    assert benchmark.pedantic(host.pybpf, setup=change, rounds=20).startswith("CiliumNetworkPolicy default/policy-7 changed")
    host.pybpf("detach", "--all")


def test_the_library(benchmark: Any, host: Host) -> None:
    """Goal: enforced after 20 ms; the rest of the call is tidying."""
    inventory = read_inventory(Source("endpoints.yaml", host.endpoints.read_text()))
    sources = [Source(str(path), path.read_text()) for path in sorted(host.policies.iterdir())]
    enforcement: Enforcement = namespaces.run(host.namespace, lambda: enforce([], []))
    with enforcement:
        namespaces.run(host.namespace, lambda: enforcement.update(sources, inventory))
        ports = cycle((5000, 5001))

        def change() -> tuple[tuple[list[Source], Inventory], dict[str, Any]]:
            path = write(host.policies, 7, next(ports))
            sources[7] = Source(str(path), path.read_text())
            return (sources, inventory), {}

        until: list[float] = []

        def update(*given: Any) -> None:
            begun_ns = time.monotonic_ns()
            namespaces.run(host.namespace, lambda: enforcement.update(*given))
            until.append((enforcement.enforced_ns - begun_ns) / 1e6)

        benchmark.pedantic(update, setup=change, rounds=50)
        benchmark.extra_info["enforced_after_ms"] = [min(until), median(until)]
