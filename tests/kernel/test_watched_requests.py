"""Requests of policies in audit: what would be refused passes, bit for bit, and is told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pybpf.compiler import Inventory, Source, compile_policy
from pybpf.compiler.lower import RuleSet
from pybpf.compiler.lower.http_tables import rule_set_tables
from pybpf.compiler.lower.judgements import Origin
from pybpf.compiler.lower.lowered import judgements
from pybpf.kernel_progs.abi import MAX_RETAINED, PolicyAction, Reason, Verdict
from pybpf.kernel_progs.headers import URG
from pybpf.kernel_progs.matching import Retained, StreamState
from tests.compiler.policy.made import endpoint
from tests.kernel.test_one_value import two_streams
from tests.support.datapath import CLIENT, PASSED, SERVICE, Datapath, number
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Segment, frame, reply_to
from tests.support.rules import http_rules

GET = b"GET /open HTTP/1.1\r\nHost: flights\r\n\r\n"
BAD = b"GET /closed HTTP/1.1\r\nHost: flights\r\n\r\n"
SOCKET = b"GET /closed HTTP/1.1\r\nHost: flights\r\nUpgrade: websocket\r\n\r\n"
ALLOWED, TOLD = Origin("p", "p.policy", 2, 3, "http rule"), Origin("p", "p.policy", 2, 1, "allow what its rules allow")
WATCHING = RuleSet(tuple(http_rules(("GET", "/open.*"), ("POST", "/open"))), (ALLOWED, ALLOWED), TOLD)
NUMBERS = {ALLOWED: 7, TOLD: 8}
WHO = Inventory((endpoint("s", app="s"), endpoint("a", app="a")))


@pytest.fixture(scope="module")
def loaded() -> Iterator[Datapath]:
    with Datapath(rule_set_tables(WATCHING, NUMBERS)) as datapath:
        datapath.set_policy(80, PolicyAction.WATCH)
        yield datapath


@pytest.fixture
def datapath(loaded: Datapath) -> Datapath:
    loaded.events()
    return loaded


def passes(datapath: Datapath, segment: Segment) -> bool:
    """Whether it goes on as it is, as it must."""
    run = datapath.receive(frame(segment))
    return run.return_value == PASSED and run.data == frame(segment)


@pytest.mark.kernel
def test_what_would_be_refused_passes_and_is_told_and_so_is_what_follows(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.events()
    for payload, verdict, reason, rule in (
        (GET, Verdict.FORWARDED, Reason.POLICY, 7), (BAD, Verdict.AUDITED, Reason.REQUEST, 8), (GET, Verdict.FORWARDED, Reason.POLICY, 7),
        (SOCKET, Verdict.AUDITED, Reason.REQUEST, 8),
    ):  # fmt: skip
        assert passes(datapath, replace(at, payload=payload))
        (event,) = datapath.events()
        assert (event.verdict, event.reason, event.rule, event.text_bytes) == (verdict, reason, rule, len(payload))
        at = replace(at, sequence=at.sequence + len(payload))


@pytest.mark.kernel
def test_what_is_no_strict_request_is_told_once_and_then_nothing_is_looked_at(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.events()
    assert passes(datapath, replace(at, payload=b"\x16\x03\x01\x00"))
    (event,) = datapath.events()
    assert (event.verdict, event.reason) == (Verdict.AUDITED, Reason.REQUEST)
    assert all(passes(datapath, replace(at, sequence=at.sequence + offset, payload=BAD)) for offset in (4, 0, 900))
    assert datapath.events() == []


@pytest.mark.kernel
@pytest.mark.parametrize("seed", range(60))
def test_whatever_a_client_sends_passes(datapath: Datapath, seed: int) -> None:
    source = random.Random(seed)
    streams = two_streams(source)
    at = datapath.connect(sequence=source.choice([1000, (1 << 32) - 50]))
    for _ in range(25):
        start = source.randrange(len(streams[0]))
        flags = source.choice([ACK | PSH, ACK | PSH, ACK | PSH, ACK | URG, ACK | FIN, RST])
        payload = b"" if flags == RST else source.choice(streams)[start : start + source.choice([1, 30, 200])]
        assert passes(datapath, replace(at, sequence=(at.sequence + start) % (1 << 32), payload=payload, flags=flags))
        got = replace(at, sequence=(at.sequence + source.randrange(300)) % (1 << 32), payload=b"")
        answer = reply_to(got, sequence=5001 + source.randrange(50), flags=source.choice([ACK, ACK | PSH, ACK | FIN]), payload=b"HTTP/1.1 101 x\r\n\r\n"[: source.randrange(19)])
        assert datapath.send(frame(answer)).data == frame(answer)


@pytest.mark.kernel
def test_what_is_of_no_known_connection_passes(datapath: Datapath) -> None:
    middle = Segment(CLIENT, SERVICE, 9_001, 80, sequence=1, acknowledgement=1, flags=ACK | PSH, payload=BAD)
    assert passes(datapath, middle)
    for options, payload in ((b"\x1e\x04\x01\x00", b""), (b"\x05\x00\x01\x01", b""), (b"", BAD)):
        assert passes(datapath, Segment(CLIENT, SERVICE, 9_002, 80, flags=SYN, options=options, payload=payload))


@pytest.mark.kernel
def test_a_full_store_of_bytes_stops_nothing(datapath: Datapath) -> None:
    at = datapath.connect()
    retained = datapath.core.maps["retained"]
    before = {page: retained.lookup(number(page)) for page in range(1, MAX_RETAINED)}
    for page in before:
        retained.update(number(page), bytes(Retained.of(owner=1 << 20)))
    assert passes(datapath, replace(at, payload=GET))
    stream = datapath.stream(at)
    assert stream is not None and stream.state == StreamState.REFUSED
    for page in before:
        retained.update(number(page), bytes(Retained.of(owner=0)))


@pytest.mark.kernel
def test_a_connection_that_was_watched_is_enforced_when_the_policy_is(datapath: Datapath) -> None:
    at = datapath.connect()
    assert passes(datapath, replace(at, payload=GET))
    datapath.set_policy(80, PolicyAction.INSPECT)
    at = replace(at, sequence=at.sequence + len(GET))
    assert passes(datapath, replace(at, payload=GET))
    assert passes(datapath, replace(at, sequence=at.sequence + len(GET), payload=BAD)), "the rule set still lets everything strict through"
    datapath.set_policy(80, PolicyAction.WATCH)


def lowered_actions(text: str, *, audit: bool = False) -> list[tuple[PolicyAction, bool]]:
    who = Inventory((replace(endpoint("s", app="s"), audit=audit), endpoint("a", app="a")))
    lowered = compile_policy([Source("a.policy", text)], who).lowered
    found = [judged for side in lowered.every_side() for judged in judgements(side)]
    return [(judged.action, judged.rule_set.audit is not None) for judged in found if judged.rule_set is not None]


RULE = "  allow from app=a on port 80: GET /open\n"


def test_a_policy_in_audit_watches_and_so_does_an_endpoint() -> None:
    assert lowered_actions("policy p for app=s {\n" + RULE + "}") == [(PolicyAction.INSPECT, False)]
    assert lowered_actions("policy p for app=s {\n  audit\n" + RULE + "}") == [(PolicyAction.WATCH, True)]
    assert lowered_actions("policy p for app=s {\n" + RULE + "}", audit=True) == [(PolicyAction.WATCH, True)]


def test_a_policy_in_force_beside_one_in_audit_decides() -> None:
    both = "policy p for app=s {\n" + RULE + "}\npolicy q for app=s {\n  audit\n" + RULE.replace("/open", "/more") + "}"
    assert lowered_actions(both) == [(PolicyAction.INSPECT, False)]
    plain = "policy p for app=s {\n  allow from app=a on port 80\n}\npolicy q for app=s {\n  audit\n" + RULE + "}"
    assert all(action is not PolicyAction.INSPECT for action, _ in lowered_actions(plain))
