"""The datapath decides packets as the design says: connections, streams, refusals, spoofing, what is not understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pybpf.kernel_progs.abi import Direction, PolicyAction, Reason, Verdict
from pybpf.kernel_progs.matching import StreamState
from pybpf.programs import TestRun
from tests.support.datapath import CLIENT, DEFAULT_RULE, PASSED, PORT_RULE, SERVICE, SHOT, STRANGER, Datapath
from tests.support.frames import Frame, frame_bytes
from tests.support.neighbours import ARP_REQUEST, Arp
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Segment, frame, parse, reply_to, verify_checksums
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel

GET = b"GET /flights HTTP/1.1\r\nHost: flights\r\n\r\n"
POST = b"POST /flights HTTP/1.1\r\nHost: flights\r\nContent-Length: 5\r\n\r\n12345"
RULES = [("GET", "/flights"), ("POST", "/flights")]
BAD = b"GET /bookings HTTP/1.1\r\nHost: flights\r\n\r\n"


@pytest.fixture(scope="module")
def loaded() -> Iterator[Datapath]:
    with Datapath(tables_of(RULES)) as datapath:
        yield datapath


@pytest.fixture
def datapath(loaded: Datapath) -> Datapath:
    loaded.set_endpoint(ingress=1, egress=0)
    loaded.set_policy(80, PolicyAction.INSPECT)
    loaded.set_policy(81, PolicyAction.ALLOW)
    loaded.events()
    return loaded


def passed(run: TestRun, data: bytes) -> bool:
    """Whether the packet went on as it was."""
    return run.return_value == PASSED and run.data == data


def is_reset(run: TestRun) -> bool:
    return run.return_value == PASSED and bool(parse(run.data).flags & RST)


def test_an_allowed_request_passes_unchanged_and_names_its_rule(datapath: Datapath) -> None:
    at = datapath.connect()
    run = datapath.request(at, [POST])[0]
    assert passed(run, frame(replace(at, payload=POST)))
    opened, judged = datapath.events()
    assert (opened.verdict, opened.rule) == (Verdict.FORWARDED, PORT_RULE)
    assert (judged.verdict, judged.rule, judged.reason) == (Verdict.FORWARDED, 2, Reason.POLICY)


def test_a_refused_request_becomes_a_reset_for_the_receiver(datapath: Datapath) -> None:
    at = datapath.connect()
    run = datapath.request(at, [BAD])[0]
    reset = parse(run.data)
    assert is_reset(run) and verify_checksums(run.data)
    assert (reset.sequence, reset.acknowledgement, reset.payload) == (at.sequence, at.acknowledgement, b"")
    assert (reset.source, reset.destination) == (CLIENT, SERVICE)
    assert datapath.events()[-1].verdict == Verdict.REFUSED_403


def test_a_request_in_single_bytes_is_refused_at_the_first_byte_no_rule_accepts(datapath: Datapath) -> None:
    at = datapath.connect()
    runs = datapath.request(at, [bytes([byte]) for byte in BAD])
    wrong = BAD.index(b"b")
    assert [run.return_value for run in runs[:wrong]] == [PASSED] * wrong
    assert is_reset(runs[wrong])
    assert parse(runs[wrong].data).sequence == at.sequence + wrong


def test_every_request_of_a_connection_is_judged(datapath: Datapath) -> None:
    at = datapath.connect()
    runs = datapath.request(at, [GET, POST + GET, GET + BAD])
    assert [is_reset(run) for run in runs] == [False, False, True]


def test_a_second_request_is_refused_by_reset_for_a_response_may_be_under_way(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET, BAD])
    assert datapath.events()[-1].verdict == Verdict.REFUSED_RESET


def test_bytes_of_the_receiver_under_way_turn_the_403_into_a_reset(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.send(frame(reply_to(replace(at, sequence=at.sequence), sequence=5001, flags=ACK | PSH, payload=b"hello")))
    datapath.request(at, [BAD])
    assert datapath.events()[-1].verdict == Verdict.REFUSED_RESET


def test_after_a_refusal_data_is_answered_by_reset_and_nothing_reaches_the_receiver(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [BAD])
    after = replace(at, sequence=at.sequence + len(BAD))
    assert is_reset(datapath.receive(frame(replace(after, payload=GET))))
    assert datapath.receive(frame(replace(after, flags=ACK))).return_value == SHOT
    assert datapath.receive(frame(replace(after, flags=ACK | FIN))).return_value == SHOT


def test_a_syn_ack_that_is_sent_again_does_not_rewind_the_stream(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET[:7]])
    syn = replace(at, sequence=at.sequence - 1, flags=SYN)
    datapath.send(frame(reply_to(syn, sequence=5000, flags=SYN | ACK)))
    assert datapath.receive(frame(replace(at, payload=POST))).return_value == SHOT


def test_nothing_is_judged_before_the_receivers_syn_ack(datapath: Datapath) -> None:
    syn = Segment(CLIENT, SERVICE, 999, 80, sequence=1, flags=SYN)
    assert passed(datapath.receive(frame(syn)), frame(syn))
    assert datapath.receive(frame(replace(syn, sequence=2, flags=ACK | PSH, payload=GET))).return_value == SHOT


def test_an_inspected_port_without_a_known_connection_answers_reset(datapath: Datapath) -> None:
    lost = Segment(CLIENT, SERVICE, 998, 80, sequence=7, acknowledgement=9, flags=ACK | PSH, payload=GET)
    assert is_reset(datapath.receive(frame(lost)))
    assert datapath.events()[-1].reason == Reason.NO_CONNECTION


def test_a_usual_syn_passes_and_one_with_data_does_not(datapath: Datapath) -> None:
    usual = bytes.fromhex("020405b40402080a0000000000000000010303070000")[:20]
    syn = Segment(CLIENT, SERVICE, 996, 80, flags=SYN, options=usual)
    assert datapath.receive(frame(syn)).return_value == PASSED
    assert datapath.receive(frame(replace(syn, payload=GET))).return_value == SHOT


def test_a_peer_without_a_rule_is_dropped_by_the_default_deny(datapath: Datapath) -> None:
    assert datapath.receive(frame(Segment(STRANGER, SERVICE, 5, 80, flags=SYN))).return_value == SHOT
    event = datapath.events()[-1]
    assert (event.verdict, event.reason, event.rule) == (Verdict.DROPPED, Reason.POLICY, DEFAULT_RULE)


def test_taking_a_right_away_cuts_an_established_connection(datapath: Datapath) -> None:
    at = datapath.connect(port=81)
    assert datapath.request(at, [b"anything"])[0].return_value == PASSED
    datapath.set_policy(81, 0)
    assert datapath.request(at, [b"anything"])[0].return_value == SHOT


def test_a_port_that_becomes_inspected_resets_connections_it_does_not_know(datapath: Datapath) -> None:
    at = datapath.connect(port=81)
    datapath.set_policy(81, PolicyAction.INSPECT)
    assert is_reset(datapath.request(at, [GET])[0])


def test_the_endpoint_sends_only_from_its_own_address(datapath: Datapath) -> None:
    spoofed = Segment(STRANGER, CLIENT, 5, 80, flags=SYN)
    assert datapath.send(frame(spoofed)).return_value == SHOT
    assert datapath.events()[-1].reason == Reason.SPOOFED_SOURCE


def test_replies_to_the_endpoints_own_connections_pass_without_an_ingress_rule(datapath: Datapath) -> None:
    syn = Segment(SERVICE, STRANGER, 4000, 443, sequence=50, flags=SYN)
    assert datapath.send(frame(syn)).return_value == PASSED
    answer = frame(reply_to(syn, sequence=70, flags=SYN | ACK))
    assert passed(datapath.receive(answer), answer)
    assert datapath.receive(frame(Segment(STRANGER, SERVICE, 443, 4000, flags=SYN))).return_value == SHOT


def test_a_packet_out_of_an_unenforced_side_does_not_open_the_enforced_one(datapath: Datapath) -> None:
    stray = Segment(SERVICE, STRANGER, 80, 6000, sequence=1, flags=ACK | PSH, payload=b"push")
    assert datapath.send(frame(stray)).return_value == PASSED
    assert datapath.receive(frame(reply_to(stray, sequence=9, flags=ACK, payload=GET))).return_value == SHOT


def test_egress_policy_is_enforced_on_what_the_endpoint_sends(datapath: Datapath) -> None:
    datapath.set_endpoint(ingress=0, egress=1)
    datapath.set_policy(88, PolicyAction.ALLOW, direction=Direction.EGRESS)
    allowed = Segment(SERVICE, CLIENT, 4001, 88, flags=SYN)
    assert datapath.send(frame(allowed)).return_value == PASSED
    assert datapath.send(frame(replace(allowed, destination_port=89))).return_value == SHOT


@pytest.mark.parametrize(
    "damage",
    [{"version": 0x46}, {"protocol": 17}, {"kind": 0x86DD}, {"version": 0x65}],
    ids=str,
)
def test_what_is_not_understood_is_dropped_where_a_policy_is_enforced(datapath: Datapath, damage: dict[str, int]) -> None:
    segment = Segment(CLIENT, SERVICE, 5, 81, flags=SYN, payload=b"x" * 20)
    assert datapath.receive(frame(segment, **damage)).return_value == SHOT


def test_address_resolution_passes(datapath: Datapath) -> None:
    request = frame_bytes(Frame(Arp(ARP_REQUEST, CLIENT, SERVICE)))
    assert datapath.receive(request).return_value == PASSED


def test_headers_that_contradict_each_other_are_dropped(datapath: Datapath) -> None:
    good = frame(Segment(CLIENT, SERVICE, 5, 81, flags=SYN))
    longer = good[:16] + (2000).to_bytes(2, "big") + good[18:]
    assert datapath.receive(longer).return_value == SHOT
    assert datapath.receive(good[:46] + b"\x10" + good[47:]).return_value == SHOT


def test_a_busy_connection_drops_instead_of_racing(datapath: Datapath) -> None:
    at = datapath.connect()
    stream = datapath.stream(at)
    assert stream is not None and stream.state == StreamState.OPEN
    stream.busy = 1
    datapath.set_stream(at, stream)
    assert datapath.request(at, [GET])[0].return_value == SHOT
    assert datapath.events()[-1].reason == Reason.BUSY


def test_a_missing_program_drops(datapath: Datapath) -> None:
    at = datapath.connect()
    rule_sets = datapath.core.maps["rule_sets"]
    rule_sets.delete(bytes(4))
    try:
        assert datapath.request(at, [GET])[0].return_value == SHOT
    finally:
        rule_sets.update(bytes(4), datapath.http.programs["judge_http"])


def test_a_head_over_the_limit_is_refused_however_it_is_cut(datapath: Datapath) -> None:
    head = b"GET /flights HTTP/1.1\r\nHost: a\r\nX: " + b"v" * 8192
    pieces = [head[start : start + 1200] for start in range(0, len(head), 1200)]
    runs = datapath.request(datapath.connect(), pieces)
    assert [is_reset(run) for run in runs] == [False] * (len(runs) - 1) + [True]
    assert datapath.events()[-1].reason == Reason.TOO_LARGE
