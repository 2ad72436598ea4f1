"""Hostile senders: what once let bytes pass unjudged, or could have, as cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pybpf.kernel_progs.abi import Direction, PolicyAction, Reason
from pybpf.kernel_progs.headers import URG
from pybpf.kernel_progs.matching import StreamState
from tests.support.datapath import CLIENT, PASSED, SERVICE, SHOT, Datapath
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Segment, frame, parse, reply_to
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel

GET = b"GET /flights HTTP/1.1\r\nHost: flights\r\n\r\n"
BAD = b"GET /closed HTTP/1.1\r\nHost: flights\r\n\r\n"


@pytest.fixture(scope="module")
def loaded() -> Iterator[Datapath]:
    with Datapath(tables_of([("GET", "/flights"), ("POST", "/flights")])) as datapath:
        yield datapath


@pytest.fixture
def datapath(loaded: Datapath) -> Datapath:
    loaded.set_endpoint(ingress=1, egress=0)
    loaded.set_policy(80, PolicyAction.INSPECT)
    loaded.events()
    return loaded


def reaches_the_server(datapath: Datapath, segment: Segment) -> bool:
    """Whether these bytes go on as they are."""
    data = frame(segment)
    run = datapath.receive(data)
    return run.return_value == PASSED and run.data == data


def answered(datapath: Datapath, syn: Segment, *, sequence: int) -> bool:
    """The server's SYN-ACK to `syn` with this initial number; whether it passed."""
    return datapath.send(frame(reply_to(syn, sequence=sequence, flags=SYN | ACK))).return_value == PASSED


def acknowledge(datapath: Datapath, sent: Segment) -> None:
    datapath.send(frame(reply_to(sent, sequence=5001, flags=ACK)))


@pytest.mark.parametrize("payload", [b"", GET])
def test_urgent_data_is_never_marked(datapath: Datapath, payload: bytes) -> None:
    at = datapath.connect()
    assert not reaches_the_server(datapath, replace(at, flags=ACK | URG, payload=payload))
    assert datapath.events()[-1].reason == Reason.URGENT


def test_the_same_initial_number_on_a_reused_port_is_a_new_stream(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET])
    acknowledge(datapath, replace(at, payload=GET))
    reset = replace(at, sequence=at.sequence + len(GET), flags=RST | ACK)
    assert reaches_the_server(datapath, reset)
    syn = replace(at, sequence=at.sequence - 1, acknowledgement=0, flags=SYN)
    datapath.receive(frame(syn))
    assert answered(datapath, syn, sequence=9000)
    again = replace(at, acknowledgement=9001)
    datapath.receive(frame(replace(again, flags=ACK)))
    assert not reaches_the_server(datapath, replace(again, payload=BAD))


def test_another_syn_ack_does_not_replace_a_stream_that_is_open(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET[:9]])
    syn = replace(at, sequence=at.sequence + 500, flags=SYN)
    assert not answered(datapath, syn, sequence=5000)
    assert not answered(datapath, replace(at, sequence=at.sequence - 1, flags=SYN), sequence=7000)


def test_a_duplicate_syn_ack_after_the_first_acknowledged_byte_is_dropped(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET])
    acknowledge(datapath, replace(at, payload=GET))
    assert not answered(datapath, replace(at, sequence=at.sequence - 1, flags=SYN), sequence=5000)


@pytest.mark.parametrize("offset", [100_000, -100_000])
def test_only_the_last_answered_handshake_opens_the_stream(datapath: Datapath, offset: int) -> None:
    """SYN cookies: the server would take the handshake of either answer, the stream follows one."""
    first = Segment(CLIENT, SERVICE, 20_000 + (offset > 0), 80, sequence=500_000, flags=SYN)
    second = replace(first, sequence=first.sequence + offset)
    for syn, number in ((first, 5000), (second, 7000)):
        datapath.receive(frame(syn))
        assert answered(datapath, syn, sequence=number)
    other = replace(first, sequence=first.sequence + 1, acknowledgement=5001, flags=ACK)
    assert not reaches_the_server(datapath, other)
    assert not reaches_the_server(datapath, replace(other, flags=ACK | PSH, payload=BAD))
    right = replace(second, sequence=second.sequence + 1, acknowledgement=7001, flags=ACK | PSH, payload=GET)
    assert reaches_the_server(datapath, right)


def test_bytes_from_before_the_stream_began_do_not_count_as_known(datapath: Datapath) -> None:
    at = datapath.connect()
    assert not reaches_the_server(datapath, replace(at, sequence=at.sequence - 500, payload=BAD))


def test_an_allowed_answer_of_the_server_makes_nobody_a_replying_side(datapath: Datapath) -> None:
    datapath.set_endpoint(ingress=1, egress=1)
    datapath.set_policy(60, PolicyAction.ALLOW, direction=Direction.EGRESS)
    challenge = Segment(SERVICE, CLIENT, 80, 60, sequence=50, flags=ACK)
    assert datapath.send(frame(challenge)).return_value == PASSED
    client = replace(reply_to(challenge, sequence=9, flags=ACK | PSH), payload=BAD)
    assert not reaches_the_server(datapath, client)


def test_a_refused_large_packet_leaves_the_stream_where_it_was(datapath: Datapath) -> None:
    at = datapath.connect()
    body = b"POST /flights HTTP/1.1\r\nHost: a\r\nContent-Length: 2500\r\n\r\n" + b"x" * 2500
    datapath.request(at, [body + BAD])
    stream = datapath.stream(at)
    assert stream is not None and stream.state == StreamState.REFUSED
    assert (stream.next_sequence, stream.matcher.opaque_left) == (at.sequence, 0)


def test_a_late_acknowledgement_of_the_openers_fin_counts(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET])
    acknowledge(datapath, replace(at, payload=GET, flags=ACK | FIN))
    stream = datapath.stream(at)
    assert stream is not None and stream.acknowledged == stream.next_sequence


def test_a_reset_of_an_unknown_connection_is_not_answered(datapath: Datapath) -> None:
    lost = Segment(CLIENT, SERVICE, 997, 80, sequence=7, acknowledgement=9, flags=RST | ACK)
    assert datapath.receive(frame(lost)).return_value == SHOT


def test_the_receivers_reset_carries_the_number_it_expects(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET[:9]])
    run = datapath.receive(frame(replace(at, sequence=at.sequence + 9, payload=b"\x00")))
    assert parse(run.data).sequence == at.sequence + 9
