"""An endpoint in audit is refused nothing, and everything that would be is told."""

from __future__ import annotations

from dataclasses import replace

from pybpf.compiler.policy.model.flow import Flow, Outcome, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.made import endpoint, policy, port, ports, rule, selecting

CLIENT = endpoint("client", "default", app="client")


def outcome(port_number: int, *, audit: bool) -> tuple[Outcome, bool, bool]:
    server = replace(endpoint("server", "default", app="server"), audit=audit)
    resolved = resolve([policy(selecting(app="server"), rule(None, [ports(port(80))]))], Inventory((server, CLIENT)))
    found = verdict(resolved, Flow(Party(("default", "client")), Party(("default", "server")), Direction.INGRESS, Protocol.TCP, port_number))
    return found.outcome, found.audited, found.allowed


def test_a_refusal_is_told_and_passes() -> None:
    assert outcome(81, audit=True) == (Outcome.DENY_DEFAULT, True, True)
    assert outcome(81, audit=False) == (Outcome.DENY_DEFAULT, False, False)


def test_what_is_allowed_is_not_told() -> None:
    assert outcome(80, audit=True) == outcome(80, audit=False) == (Outcome.ALLOW, False, True)
