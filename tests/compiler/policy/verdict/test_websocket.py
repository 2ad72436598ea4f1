"""Requests that ask for WebSocket need a rule that says so, and such a rule is for no others."""

from __future__ import annotations

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.model.flow import Flow, HttpRequest, Outcome, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.made import endpoint

WHO = Inventory((endpoint("s", app="s"), endpoint("a", app="a")))
TEXT = "policy p for app=s {\n  allow from app=a on port 80: GET /feed websocket, GET /page, /any websocket header x-team\n}"


def is_allowed(path: str, *headers: tuple[str, str]) -> bool:
    parsed = read(Source("a.policy", TEXT))
    assert not parsed.found
    request = HttpRequest("GET", path, "s", headers)
    flow = Flow(Party(("default", "a")), Party(("default", "s")), Direction.INGRESS, Protocol.TCP, 80, request)
    return verdict(resolve(parsed.policies, WHO), flow).outcome is Outcome.ALLOW


def test_the_word_divides_requests() -> None:
    assert is_allowed("/feed", ("Upgrade", "WebSocket")) and not is_allowed("/feed")
    assert is_allowed("/page") and not is_allowed("/page", ("upgrade", "websocket"))


def test_other_protocols_are_never_meant() -> None:
    assert not is_allowed("/feed", ("Upgrade", "h2c"))
    assert not is_allowed("/feed", ("Upgrade", "websocket"), ("Upgrade", "h2c"))


def test_it_holds_beside_other_conditions() -> None:
    assert is_allowed("/any", ("Upgrade", "websocket"), ("X-Team", "a")) and not is_allowed("/any", ("Upgrade", "websocket"))
