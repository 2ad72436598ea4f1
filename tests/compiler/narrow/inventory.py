"""The endpoints and requests of the flights scenario, and short ways to write policies in tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pybpf.compiler.diag import Source
from pybpf.compiler.narrow import Endpoint, Policy, Resolved, Side, read, resolve

FLIGHTS = Path(__file__).resolve().parents[3] / "examples" / "flights"
SCENARIO: Any = yaml.safe_load((FLIGHTS / "requests.yaml").read_text())
ENDPOINTS = tuple(
    Endpoint(name, "default", tuple(each["labels"].items()), (f"10.0.0.{last}",))
    for last, (name, each) in enumerate(SCENARIO["endpoints"].items(), 1)
)


@dataclass(frozen=True, slots=True)
class Case:
    """One request of the scenario and what must become of it: an HTTP status as text, or "drop"."""

    client: str
    method: str
    path: str
    after: str


CASES = tuple(Case(each["from"], each["method"], each["path"], str(each["after"])) for each in SCENARIO["requests"])


def flights() -> Resolved:
    """The scenario's policy on the scenario's endpoints."""
    return resolve(read(Source("read-flights.yaml", (FLIGHTS / "read-flights.yaml").read_text())), ENDPOINTS)


def policies(spec: str, namespace: str = "default") -> tuple[Policy, ...]:
    """The policies of one spec in flow style."""
    head = f"apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {{name: p, namespace: {namespace}}}\n"
    return read(Source("policy.yaml", f"{head}spec: {spec}\n"))


def identity_of(resolved: Resolved, name: str) -> int:
    """The identity number of an endpoint."""
    return next(each.identity for each in resolved.endpoints if each.endpoint.name == name)


def ingress_of(resolved: Resolved, name: str) -> Side:
    """The ingress side of an endpoint."""
    return next(each.ingress for each in resolved.endpoints if each.endpoint.name == name)
