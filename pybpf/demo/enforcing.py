"""Scenario and policies -> an Enforce: pybpf's own enforcement on the demo's network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pybpf.compiler import Source
from pybpf.demo import namespaces
from pybpf.demo.flights import Enforce, Enforced
from pybpf.demo.network import Network
from pybpf.demo.scenario import Scenario
from pybpf.enforce import EndpointConfig, Enforcement, enforce
from pybpf.kernel_progs.abi import Reason, Verdict
from pybpf.observe import Flow

WAIT_MS: Final = 100
# Reasons that say no more than that the policy decided.
_PLAIN: Final = frozenset({Reason.POLICY, Reason.REQUEST})
# Drops that decide nothing: TCP sends the packet again.
_TRANSIENT: Final = frozenset({Reason.AHEAD, Reason.BUSY, Reason.REPLAYED})


def enforcing(scenario: Scenario, policies: Sequence[Source]) -> Enforce:
    """What enforces these policies on a network of the scenario's endpoints, for as long as it is entered."""

    @contextmanager
    def enforced(network: Network) -> Iterator[Enforced]:
        configs = [
            EndpointConfig(place.name, "default", dict(endpoint.labels), place.ipv4, place.interface)
            for endpoint in scenario.endpoints
            for place in (network.place(endpoint.name),)
        ]
        with namespaces.run(network.node, lambda: enforce(policies, configs)) as enforcement:
            yield Decisions(enforcement)

    return enforced


class Decisions:
    """The flows that an enforcement reported, by client."""

    def __init__(self, enforcement: Enforcement) -> None:
        self._enforcement = enforcement
        self._flows: list[Flow] = []

    def decided_by(self, client_address: str, client_port: int) -> str:
        """The policy's file and line that decided about this client's connection, or why none did.

        The first refusal decides; where nothing was refused, the last rule that let something through.
        """
        while more := self._enforcement.flows(timeout_ms=WAIT_MS if not self._of(client_address, client_port) else 0):
            self._flows += more
        deciding = [flow for flow in self._of(client_address, client_port) if flow.reason not in _TRANSIENT]
        refusals = [flow for flow in deciding if flow.verdict != Verdict.FORWARDED]
        if not deciding:
            return "no event"
        return _described(refusals[0] if refusals else deciding[-1])

    def _of(self, client_address: str, client_port: int) -> list[Flow]:
        return [flow for flow in self._flows if (flow.source_address, flow.source_port) == (client_address, client_port)]


def _described(flow: Flow) -> str:
    """File and line of the flow's rule; the reason beside it unless it is simply what the policy says."""
    reason = "" if flow.reason in _PLAIN else flow.reason.name.lower().replace("_", " ")
    if flow.rule is None:
        return reason or "no rule"
    place = f"{flow.rule.source}:{flow.rule.line}"
    return f"{place} ({reason})" if reason else place
