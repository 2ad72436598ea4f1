"""Flows of every protocol, both ways, over both versions of IP: who may answer, until when, and when it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from pybpf.compiler.policy.model.policy import Direction, OnDeny, Policy
from pybpf.compiler.policy.model.ports import IcmpType, Protocol
from pybpf.kernel_progs.abi import Connection, Reason, Verdict
from tests.compiler.policy.made import HERE, policy, port, ports, rule, selecting
from tests.support.conversations import Conversation, other
from tests.support.frame_judging import Judge, Met

pytestmark = pytest.mark.kernel
SECOND_NS = 1_000_000_000
LIFETIMES_NS = {Protocol.TCP: 8000 * SECOND_NS, Protocol.SCTP: 8000 * SECOND_NS, Protocol.UDP: 60 * SECOND_NS, Protocol.ICMP: 60 * SECOND_NS}
PORT = {Direction.INGRESS: 80, Direction.EGRESS: 90}  # that is allowed
KINDS = [(4, Protocol.TCP), (6, Protocol.TCP), (4, Protocol.UDP), (6, Protocol.UDP), (4, Protocol.SCTP), (6, Protocol.SCTP), (4, Protocol.ICMP), (6, Protocol.ICMPV6)]
NUMBERS = count(30_000)


@pytest.fixture(scope="module")
def loaded() -> Iterator[Judge]:
    with ExitStack() as owned:
        yield Judge(owned)


@pytest.fixture
def judge(loaded: Judge) -> Judge:
    """Both sides enforced: one port of each protocol, and echoes, may be opened each way."""
    for key in list(loaded.maps["connections"].keys()):
        loaded.maps["connections"].delete(key)
    loaded.enforce([said(Direction.INGRESS, Direction.EGRESS)])
    return loaded


def said(*opening: Direction, how: OnDeny | None = None) -> Policy:
    """Flows may be opened in these directions only; both are enforced, and what is refused is refused so."""
    rules = []
    for direction in Direction:
        parts = [port(PORT[direction], each) for each in (Protocol.TCP, Protocol.UDP, Protocol.SCTP)]
        echoes = [IcmpType(Protocol.ICMP, 8, HERE), IcmpType(Protocol.ICMPV6, 128, HERE)]
        rules.append(rule(None, [ports(*parts, *echoes)] if direction in opening else [], direction))
    return policy(selecting(app="a"), *rules, on_deny=how)


@pytest.fixture(params=[(*kind, opener) for kind in KINDS for opener in Direction], ids=lambda each: f"{each[1].name.lower()}{each[0]}-{each[2].value}")
def flow(request: pytest.FixtureRequest) -> Conversation:
    version, protocol, opener = request.param
    return Conversation(version, protocol, opener, PORT[opener], next(NUMBERS))


def is_dropped(met: Met, *reasons: Reason) -> bool:
    """Whether it was, for one of these reasons (POLICY when none is given)."""
    return not met.passed and met.event is not None and met.event.reason in (reasons or (Reason.POLICY,))


def age(judge: Judge, by_ns: int) -> None:
    """Make every connection as old as if nothing had been heard of it for so long."""
    if time.clock_gettime_ns(time.CLOCK_MONOTONIC) <= by_ns:
        pytest.skip(f"missing: {by_ns // SECOND_NS} seconds since this machine was started")
    for key in list(judge.maps["connections"].keys()):
        value = bytearray(judge.maps["connections"].lookup(key) or b"")
        Connection.view(value).seen_ns -= by_ns
        judge.maps["connections"].update(key, bytes(value))


def opened(judge: Judge, flow: Conversation) -> None:
    met = judge.meet(flow.opening(), flow.opener)
    assert met.passed and met.event is not None and met.event.verdict == Verdict.FORWARDED


def test_who_was_asked_may_answer(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    for _ in range(2):
        assert judge.meet(flow.answer(), other(flow.opener)) == Met(True, None)
        assert judge.meet(flow.middle(flow.opener), flow.opener) == Met(True, None)
        assert judge.meet(flow.middle(other(flow.opener)), other(flow.opener)) == Met(True, None)


def test_who_was_not_asked_may_not(judge: Judge, flow: Conversation) -> None:
    assert is_dropped(judge.meet(flow.answer(), other(flow.opener)))
    assert is_dropped(judge.meet(flow.middle(other(flow.opener)), other(flow.opener)))


def test_an_answer_from_elsewhere_is_none(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    stranger = Conversation(flow.version, flow.protocol, flow.opener, flow.port, flow.number, "192.0.2.8" if flow.version == 4 else "2001:db8::8")
    neighbour = Conversation(flow.version, flow.protocol, flow.opener, flow.port, flow.number - 5000)
    for each in (stranger, neighbour):
        assert is_dropped(judge.meet(each.answer(), other(flow.opener)))


def test_what_is_in_the_middle_opens_nothing(judge: Judge, flow: Conversation) -> None:
    if flow.protocol not in (Protocol.TCP, Protocol.SCTP):
        return  # every datagram and every request opens
    assert judge.meet(flow.middle(flow.opener), flow.opener) == Met(True, None)
    assert judge.meet(flow.answer(), flow.opener).passed is False, "from the port, not to it"
    assert is_dropped(judge.meet(flow.middle(other(flow.opener)), other(flow.opener)))


def test_an_answer_counts_for_as_long_as_the_flow_lives(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    assert judge.meet(flow.answer(), other(flow.opener)).passed
    lifetime_ns = LIFETIMES_NS.get(flow.protocol, 60 * SECOND_NS)
    age(judge, lifetime_ns - 5 * SECOND_NS)
    assert judge.meet(flow.middle(other(flow.opener)), other(flow.opener)).passed
    age(judge, lifetime_ns + 5 * SECOND_NS)
    assert is_dropped(judge.meet(flow.middle(other(flow.opener)), other(flow.opener)))


def test_what_was_not_answered_is_forgotten_after_a_minute(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    age(judge, 65 * SECOND_NS)
    assert is_dropped(judge.meet(flow.answer(), other(flow.opener)))


def test_a_right_that_is_taken_away_cuts_both_ways_and_given_again_mends(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    assert judge.meet(flow.answer(), other(flow.opener)).passed
    judge.enforce([said(other(flow.opener))])
    assert is_dropped(judge.meet(flow.middle(flow.opener), flow.opener))
    assert is_dropped(judge.meet(flow.middle(other(flow.opener)), other(flow.opener)), Reason.CLOSED)
    age(judge, LIFETIMES_NS.get(flow.protocol, 60 * SECOND_NS) // 2)
    assert not judge.meet(flow.middle(other(flow.opener)), other(flow.opener)).passed
    judge.enforce([said(flow.opener)])
    assert judge.meet(flow.middle(other(flow.opener)), other(flow.opener)).passed


def test_a_change_of_other_rights_goes_unnoticed(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    judge.enforce([said(flow.opener)])
    assert judge.meet(flow.middle(other(flow.opener)), other(flow.opener)) == Met(True, None)
    assert judge.meet(flow.middle(flow.opener), flow.opener) == Met(True, None)


def test_an_entry_that_the_kernel_gave_to_another_flow_does_not_count(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    for key in list(judge.maps["connections"].keys()):
        value = bytearray(judge.maps["connections"].lookup(key) or b"")
        value[36] ^= 1  # of the key inside, which is read last
        judge.maps["connections"].update(key, bytes(value))
    assert not judge.meet(flow.answer(), other(flow.opener)).passed


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("opener", list(Direction))
def test_a_port_may_be_used_again_by_who_may_open(judge: Judge, version: int, opener: Direction) -> None:
    flow = Conversation(version, Protocol.TCP, opener, PORT[opener], next(NUMBERS))
    opened(judge, flow)
    assert judge.meet(flow.answer(), other(opener)).passed
    against = Conversation(version, Protocol.TCP, other(opener), flow.number, flow.port)
    assert not judge.meet(against.opening(), other(opener)).passed, "a SYN of who may not open"
    for direction in (opener, other(opener)):
        assert judge.meet(flow.ending(direction), direction).passed
    assert not judge.meet(against.opening(), other(opener)).passed, "not after the end either"
    age(judge, 15 * SECOND_NS)
    assert is_dropped(judge.meet(flow.middle(other(opener)), other(opener))), "ten seconds after the end nothing answers"
    opened(judge, flow)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("opener", list(Direction))
def test_after_a_reset_answers_pass_for_ten_seconds(judge: Judge, version: int, opener: Direction) -> None:
    flow = Conversation(version, Protocol.TCP, opener, PORT[opener], next(NUMBERS))
    opened(judge, flow)
    assert judge.meet(flow.reset(opener), opener).passed
    assert judge.meet(flow.middle(other(opener)), other(opener)).passed
    age(judge, 15 * SECOND_NS)
    assert not judge.meet(flow.middle(other(opener)), other(opener)).passed


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("how", [OnDeny.RESET, OnDeny.DROP])
def test_nothing_passes_on_a_connection_that_was_cut(judge: Judge, version: int, how: OnDeny) -> None:
    judge.enforce([said(*Direction, how=how)])
    flow = Conversation(version, Protocol.TCP, Direction.INGRESS, 80, next(NUMBERS))
    opened(judge, flow)
    assert judge.meet(flow.answer(), Direction.EGRESS).passed
    judge.enforce([said(how=how)])
    for direction in Direction:
        for frame in (flow.middle(direction), flow.reset(direction), flow.reset(direction, b"x"), flow.ending(direction)):
            assert not judge.meet(frame, direction).passed


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("opener", list(Direction))
def test_who_may_only_answer_begins_no_association_of_its_own(judge: Judge, version: int, opener: Direction) -> None:
    flow = Conversation(version, Protocol.SCTP, opener, PORT[opener], next(NUMBERS))
    opened(judge, flow)
    assert judge.meet(flow.answer(), other(opener)).passed
    against = Conversation(version, Protocol.SCTP, other(opener), flow.number, flow.port)
    assert is_dropped(judge.meet(against.opening(), other(opener)))
    assert judge.meet(flow.middle(other(opener)), other(opener)) == Met(True, None)
    opened(judge, flow)


def test_errors_about_a_live_flow_reach_who_sent(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    judge.meet(flow.answer(), other(flow.opener))
    is_echo = flow.protocol in (Protocol.ICMP, Protocol.ICMPV6)
    for direction in Direction:
        about_request = direction is not flow.opener  # quotes what the opener has sent
        if not is_echo or about_request:
            assert judge.meet(flow.error_about(direction), direction).passed, direction


def test_errors_that_are_not_about_it_do_not(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    wrong, own = ("203.0.113.9", "10.0.0.2") if flow.version == 4 else ("2001:db8:9::9", "fd00::2")
    for direction in Direction:
        quoted_other = {"quoted_destination": wrong} if direction is Direction.INGRESS else {"quoted_source": wrong, "receiver": wrong}
        for changes in (quoted_other, {"receiver": own if direction is Direction.INGRESS else wrong}):
            assert not judge.meet(flow.error_about(direction, **changes), direction).passed, (direction, changes)
    assert not judge.meet(flow.error_about(Direction.EGRESS, source=wrong), Direction.EGRESS).passed, "told by an address that is not its own"


@pytest.mark.parametrize("direction", list(Direction))
def test_an_error_must_quote_enough_within_its_own_length(judge: Judge, flow: Conversation, direction: Direction) -> None:
    opened(judge, flow)
    judge.meet(flow.answer(), other(flow.opener))
    whole = flow.error_about(direction)
    assert judge.meet(whole, direction).passed or flow.protocol in (Protocol.ICMP, Protocol.ICMPV6)
    at = 16 if flow.version == 4 else 18  # of the length in the IP header
    for missing in (1, 4, 8, 27):
        shorter = (int.from_bytes(whole[at : at + 2], "big") - missing).to_bytes(2, "big")
        assert not judge.meet(whole[:at] + shorter + whole[at + 2 :], direction).passed, "the rest is padding"
        assert not judge.meet(whole[:at] + shorter + whole[at + 2 : -missing], direction).passed


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
@pytest.mark.parametrize("direction", list(Direction))
def test_an_error_about_a_later_fragment_has_no_ports_to_quote(judge: Judge, protocol: Protocol, direction: Direction) -> None:
    flow = Conversation(4, protocol, Direction.INGRESS, 80, next(NUMBERS))
    opened(judge, flow)
    whole = flow.error_about(direction)
    assert judge.meet(whole, direction).passed
    inside = 14 + 20 + 8 + 6  # the quoted header's fragment offset
    assert not judge.meet(whole[:inside] + b"\0\1" + whole[inside + 2 :], direction).passed


def test_errors_about_what_was_refused_or_is_over_do_not(judge: Judge, flow: Conversation) -> None:
    refused = Conversation(flow.version, Protocol.UDP, flow.opener, 99, next(NUMBERS))
    assert not judge.meet(refused.opening(), flow.opener).passed
    opened(judge, flow)
    for direction in Direction:
        assert not judge.meet(refused.error_about(direction), direction).passed
    age(judge, LIFETIMES_NS[Protocol.TCP] + 5 * SECOND_NS)
    for direction in Direction:
        assert not judge.meet(flow.error_about(direction), direction).passed


def test_without_a_control_word_nothing_passes(judge: Judge, flow: Conversation) -> None:
    opened(judge, flow)
    before = judge.maps["control"].lookup(bytes(4))
    assert before is not None
    judge.maps["control"].update(bytes(4), bytes(8) + before[8:])
    try:
        assert not judge.meet(flow.opening(), flow.opener).passed
        assert not judge.meet(flow.middle(other(flow.opener)), other(flow.opener)).passed
    finally:
        judge.maps["control"].update(bytes(4), before)
