"""Scenario -> rows: every request before a policy is enforced and after, each with what decided it.

The network, the service and the clients are here; what enforces is the caller's, an `Enforce`. A row is good only if
the outcome is the expected one *and* the service's own log agrees: an allowed request is in it, a refused one is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from itertools import count, repeat
from typing import Final, Protocol, assert_never

from pybpf.demo.client import (
    Answer,
    Cut,
    Dropped,
    Ended,
    Exchange,
    Garbled,
    Outcome,
    Reset,
    Silent,
    Unreachable,
    ask,
)
from pybpf.demo.network import Network, network
from pybpf.demo.scenario import DROP, Expected, Request, Scenario
from pybpf.demo.serving import Arrival, serve

DENIED: Final = 403
DENIED_BODY: Final = b"Access denied\r\n"
NOBODY: Final = "nothing enforced"
MAX_AT_ONCE: Final = 16
FIRST_CLIENT_PORT: Final = 20000


class Phase(Enum):
    """Whether the policy is enforced yet."""

    BEFORE = "before"
    AFTER = "after"


class Enforced(Protocol):
    """A policy at work on a network."""

    def decided_by(self, client_address: str, client_port: int) -> str:
        """The policy's file and line that decided about this client's connection, or why none did."""


Enforce = Callable[[Network], AbstractContextManager[Enforced]]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One request and what came of it. `ok`: outcome, cleanliness and the service's log are all as expected."""

    phase: Phase
    cut: Cut
    request: Request
    expected: str
    got: str
    who_decided: str
    reached_service: bool
    ok: bool


@dataclass(frozen=True, slots=True)
class _Made:
    """A request that was made, before the service's log is known."""

    phase: Phase
    cut: Cut
    request: Request
    client_address: str
    exchange: Exchange
    who_decided: str


def run(scenario: Scenario, enforce: Enforce, *, tell: Tell) -> tuple[Row, ...]:
    """Build the network, make every request before and after in every cut, and compare; `tell` hears each step.

    Needs root. Raises OSError when the network or the service does not come up, and what `enforce` raises. Nothing is
    left behind, whatever happens.
    """
    tell("building the network")
    with network([endpoint.name for endpoint in scenario.endpoints]) as built:
        service, port = scenario.service()
        with serve(built.place(service.name).namespace, port) as serving:
            clients = _Clients(scenario, built, tell)
            made = clients.ask_all(Phase.BEFORE, lambda *_: NOBODY)
            tell("compiling and enforcing the policy")
            with enforce(built) as enforced:
                made += clients.ask_all(Phase.AFTER, enforced.decided_by)
            tell("reading the service's log")
            arrivals = serving.finish()
    return tuple(_row(each, arrivals) for each in made)


class _Clients:
    """Makes the requests of a scenario, each from a port that no other request of the run has: it is what they are told apart by."""

    def __init__(self, scenario: Scenario, built: Network, tell: Tell) -> None:
        service, port = scenario.service()
        self._scenario = scenario
        self._network = built
        self._tell = tell
        self._address = (built.place(service.name).ipv4, port)
        self._ports = count(FIRST_CLIENT_PORT)

    def ask_all(self, phase: Phase, decided_by: Callable[[str, int], str]) -> list[_Made]:
        """Make every request in every cut; those of one cut at the same time, for a drop takes as long as patience does."""
        made: list[_Made] = []
        for cut in Cut:
            requests = self._scenario.requests
            self._tell(f"{phase.value}: {len(requests)} requests, {cut.value}")
            with ThreadPoolExecutor(max_workers=MAX_AT_ONCE) as clients:
                exchanges = list(clients.map(self._ask, requests, repeat(cut), self._ports))
            for request, exchange in zip(requests, exchanges, strict=True):
                address = self._network.place(request.sender).ipv4
                made.append(_Made(phase, cut, request, address, exchange, decided_by(address, exchange.client_port)))
        return made

    def _ask(self, request: Request, cut: Cut, client_port: int) -> Exchange:
        namespace = self._network.place(request.sender).namespace
        return ask(namespace, self._address, request.method, request.path, cut=cut, client_port=client_port)


def _row(made: _Made, arrivals: Sequence[Arrival]) -> Row:
    """The row of one request, with what arrived from its client's address and port."""
    arrived = [
        (each.method, each.path)
        for each in arrivals
        if (each.client_address, each.client_port) == (made.client_address, made.exchange.client_port)
    ]
    expected = made.request.before if made.phase is Phase.BEFORE else made.request.after
    should_arrive = [] if expected in (DROP, DENIED) else [(made.request.method, made.request.path)]
    return Row(
        phase=made.phase,
        cut=made.cut,
        request=made.request,
        expected=str(expected),
        got=_describe(made.exchange.outcome),
        who_decided=made.who_decided,
        reached_service=bool(arrived),
        ok=_is_expected(made.exchange.outcome, expected) and arrived == should_arrive,
    )


def _is_expected(outcome: Outcome, expected: Expected) -> bool:
    match outcome:
        case Dropped():
            return expected == DROP
        case Answer(status=status, body=body, closed_cleanly=closed_cleanly):
            return status == expected and closed_cleanly and (status != DENIED or body == DENIED_BODY)
        case _:
            return False


def _describe(outcome: Outcome) -> str:
    """The outcome in a few words; a refusal that is not exactly as it should be says in what."""
    match outcome:
        case Answer(status=status, body=body, closed_cleanly=closed_cleanly):
            unlike = f", body {body[:40]!r}" if status == DENIED and body != DENIED_BODY else ""
            return f"{status}{unlike}" + ("" if closed_cleanly else ", not closed cleanly")
        case Dropped():
            return DROP
        case Unreachable(error=error):
            return error
        case Reset(received=received):
            return f"reset after {len(received)} bytes"
        case Ended(received=received):
            return f"closed after {len(received)} bytes"
        case Silent(received=received):
            return f"no answer, {len(received)} bytes of one"
        case Garbled(received=received):
            return f"not HTTP: {received[:40]!r}"
        case _:
            assert_never(outcome)
