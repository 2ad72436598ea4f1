"""Bytes that come again, early or in other pieces: what of them passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pybpf.kernel_progs.abi import MAX_RETAINED, NO_STREAM, PolicyAction, Reason
from pybpf.kernel_progs.matching import CHUNK_BYTES, MOST_PAGES, Retained
from tests.support.datapath import CLIENT, PASSED, SERVICE, SHOT, Datapath, number
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Segment, frame, parse, reply_to, verify_checksums
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel

GET = b"GET /flights HTTP/1.1\r\nHost: flights\r\n\r\n"
BAD = b"GET /bookings HTTP/1.1\r\nHost: flights\r\n\r\n"
LARGE = b"GET /flights HTTP/1.1\r\nHost: flights\r\nCookie: " + b"c" * 3400 + b"\r\n\r\n"


def post(body_bytes: int) -> bytes:
    return b"POST /flights HTTP/1.1\r\nHost: flights\r\nContent-Length: %d\r\n\r\n" % body_bytes


@pytest.fixture(scope="module")
def loaded() -> Iterator[Datapath]:
    with Datapath(tables_of([("GET", "/flights"), ("POST", "/flights")])) as datapath:
        yield datapath


@pytest.fixture
def datapath(loaded: Datapath) -> Datapath:
    loaded.set_policy(80, PolicyAction.INSPECT)
    loaded.events()
    return loaded


def passes(datapath: Datapath, at: Segment, offset: int, payload: bytes, *, flags: int = ACK | PSH) -> bool:
    """Whether these bytes reach the receiver as they are, `offset` behind the first of the stream."""
    data = frame(replace(at, sequence=at.sequence + offset, payload=payload, flags=flags))
    run = datapath.receive(data)
    return run.return_value == PASSED and run.data == data


def acknowledge(datapath: Datapath, at: Segment, octets: int, *, fin: int = 0) -> None:
    """The receiver has so many bytes."""
    got = replace(at, sequence=at.sequence + octets, payload=b"")
    datapath.send(frame(replace(reply_to(got, sequence=5001, flags=ACK), acknowledgement=at.sequence + octets + fin)))


def owned_pages(datapath: Datapath, at: Segment) -> int:
    slot = datapath.slot(at)
    assert slot != NO_STREAM
    retained = datapath.core.maps["retained"]
    return sum(1 for _, value in retained.items() if Retained.view(bytearray(value)).owner == slot)


def set_owners(datapath: Datapath, owner: int) -> None:
    """Make every page this slot's."""
    value = bytes(Retained.of(owner=owner))
    for page in range(1, MAX_RETAINED):
        datapath.core.maps["retained"].update(number(page), value)


def test_the_same_bytes_pass_again_and_others_do_not(datapath: Datapath) -> None:
    at = datapath.connect()
    assert passes(datapath, at, 0, GET) and passes(datapath, at, 0, GET)
    for place in range(len(GET)):
        other = GET[:place] + bytes([GET[place] ^ 1]) + GET[place + 1 :]
        assert not passes(datapath, at, 0, other)
        assert datapath.events()[-1].reason == Reason.REPLAYED
    assert passes(datapath, at, 0, GET)


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 1400, 2047, 2048, 2049])
def test_they_pass_in_any_pieces(datapath: Datapath, cut: int) -> None:
    at = datapath.connect()
    pieces = [LARGE[start : start + cut] for start in range(0, len(LARGE), cut)]
    datapath.request(at, [LARGE] if cut < 1400 else pieces)
    assert passes(datapath, at, 0, LARGE)
    for start in range(0, len(LARGE), max(cut, 97)):
        assert passes(datapath, at, start, LARGE[start : start + cut])
    for place in (0, 5, cut, 2046, 2047, 2048, 2049, len(LARGE) - 1):
        start = max(0, place - 3)
        other = bytearray(LARGE[start : place + 3])
        other[place - start] ^= 0x20
        assert not passes(datapath, at, start, bytes(other)), place


def test_judged_bytes_and_new_ones_in_one_segment(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [GET, GET[:9]])
    assert not passes(datapath, at, 4, GET[4:] + BAD)
    assert passes(datapath, at, 4, GET[4:] + GET)
    assert passes(datapath, at, len(GET) + 3, GET[3:] + GET)
    run = datapath.receive(frame(replace(at, sequence=at.sequence + 2 * len(GET), payload=GET + BAD)))
    assert parse(run.data).flags & RST and parse(run.data).sequence == at.sequence + 3 * len(GET)


def test_what_the_receiver_has_never_passes_again(datapath: Datapath) -> None:
    """Under SYN cookies the receiver may make a new connection of an old handshake, whose bytes these then would be."""
    at = datapath.connect()
    datapath.request(at, [GET, GET])
    acknowledge(datapath, at, len(GET))
    for offset, payload in ((0, GET), (0, BAD), (4, GET[4:] + GET), (len(GET) - 1, b"\n" + BAD), (-500, BAD)):
        again = frame(replace(at, sequence=at.sequence + offset, payload=payload, flags=ACK | PSH | FIN, options=b"\1\1\x08\x0a12345678"))
        run = datapath.receive(again)
        assert run.return_value == PASSED and verify_checksums(run.data)
        empty = parse(run.data)
        assert (empty.payload, empty.flags, empty.sequence, empty.options) == (b"", ACK, at.sequence + offset, b"\1\1\x08\x0a12345678")
    assert passes(datapath, at, len(GET), GET)


def test_a_judged_head_is_given_back_when_it_is_acknowledged(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [LARGE])
    assert owned_pages(datapath, at) == 2
    acknowledge(datapath, at, 2048)
    assert owned_pages(datapath, at) == 2, "the opener is heard of again soon"
    assert passes(datapath, at, 2048, LARGE[2048:])
    assert owned_pages(datapath, at) == 1
    acknowledge(datapath, at, len(LARGE))
    assert owned_pages(datapath, at) == 0


def test_a_receiver_can_only_acknowledge_what_was_judged(datapath: Datapath) -> None:
    at = datapath.connect()
    acknowledge(datapath, at, 5000)
    acknowledge(datapath, at, -5000)
    datapath.request(at, [GET])
    assert passes(datapath, at, 0, GET) and not passes(datapath, at, 0, BAD[: len(GET)])
    acknowledge(datapath, at, len(GET), fin=1)
    stream = datapath.stream(at)
    assert stream is not None and (stream.heard, stream.held) == (stream.next_sequence, 0)


def test_all_of_it_holds_across_the_end_of_the_numbers(datapath: Datapath) -> None:
    for first in (2**32 - 20, 2**32 - len(GET), 2**31 - 20):
        at = datapath.connect(sequence=first - 1)
        assert passes(datapath, at, 0, GET) and passes(datapath, at, 0, GET + GET)
        assert not passes(datapath, at, 10, GET[10:] + BAD)
        assert passes(datapath, at, 2 * len(GET), post(1000)) and passes(datapath, at, 2 * len(GET) + len(post(1000)) + 500, b"b" * 500)
        acknowledge(datapath, at, len(GET))
        assert not passes(datapath, at, 0, GET) and passes(datapath, at, len(GET), GET)


# ---- opaque bytes ----


def test_opaque_bytes_pass_in_any_order_and_again_with_other_content(datapath: Datapath) -> None:
    at = datapath.connect()
    head = post(3000)
    datapath.request(at, [head])
    start = len(head)
    assert passes(datapath, at, start + 2000, b"c" * 1000)
    assert passes(datapath, at, start, b"a" * 1000) and passes(datapath, at, start + 1000, b"b" * 1000)
    assert passes(datapath, at, start + 500, b"x" * 2000)
    assert passes(datapath, at, start + 3000, GET)
    assert not passes(datapath, at, start + 2990, b"x" * 10 + BAD[: len(GET)])
    assert passes(datapath, at, start + 2990, b"x" * 10 + GET)
    assert passes(datapath, at, 0, head + b"y" * 3000 + GET)


def test_what_begins_in_opaque_bytes_is_judged_from_where_they_end(datapath: Datapath) -> None:
    at = datapath.connect()
    head = post(3000)
    datapath.request(at, [head])
    assert passes(datapath, at, len(head) + 2500, b"b" * 500 + GET[:20])
    assert passes(datapath, at, len(head) + 100, b"b" * 2900 + GET)
    run = datapath.receive(frame(replace(at, sequence=at.sequence + len(head) + 3000 + len(GET), payload=BAD)))
    assert parse(run.data).flags & RST


def test_bytes_ahead_of_what_is_opaque_are_dropped(datapath: Datapath) -> None:
    at = datapath.connect()
    assert not passes(datapath, at, 4, GET[4:])
    assert datapath.events()[-1].reason == Reason.AHEAD
    datapath.request(at, [post(1000)])
    assert not passes(datapath, at, len(post(1000)) + 1001, GET[1:])
    assert passes(datapath, at, len(post(1000)) + 1000, GET)


def test_a_fin_ahead_of_it_is_dropped_too(datapath: Datapath) -> None:
    at = datapath.connect()
    assert not passes(datapath, at, 4, b"", flags=FIN | ACK)
    datapath.request(at, [post(1000)])
    assert not passes(datapath, at, len(post(1000)) + 1001, b"", flags=FIN | ACK)
    assert passes(datapath, at, len(post(1000)) + 1000, b"", flags=FIN | ACK)
    assert passes(datapath, at, len(post(1000)), b"b" * 1000, flags=FIN | ACK)


def test_no_byte_gets_the_number_of_another_however_large_the_body(datapath: Datapath) -> None:
    """Once round the sequence numbers within a body, the head that is not acknowledged would be opaque."""
    at = datapath.connect()
    head = post(10**12)
    datapath.request(at, [head])
    offset = len(head)
    for _ in range(8):
        for ahead in (2**30 - 5000, 2**29):
            if passes(datapath, at, offset + ahead, b"b" * 100):
                offset += ahead + 100
    assert offset <= 2**30
    assert not passes(datapath, at, 0, BAD[: len(head)])
    assert passes(datapath, at, 0, head)
    acknowledge(datapath, at, offset)
    assert passes(datapath, at, offset + 2**29, b"b" * 100)


# ---- no room ----


def test_a_stream_that_is_never_acknowledged_is_held_back(datapath: Datapath) -> None:
    at = datapath.connect()
    pieces = [GET[:-2] + b"X: " + b"y" * 150 + b"\r\n\r\n"] * (MOST_PAGES + 8)
    runs = datapath.request(at, pieces)
    assert [run.return_value for run in runs] == [PASSED] * MOST_PAGES + [SHOT] * 8
    assert {event.reason for event in datapath.events()[-3:]} <= {Reason.OUTSTANDING, Reason.AHEAD}
    sent = MOST_PAGES * len(pieces[0])
    assert not passes(datapath, at, sent, pieces[0])
    assert passes(datapath, at, 0, pieces[0])
    acknowledge(datapath, at, 2 * len(pieces[0]))
    more = [passes(datapath, at, sent + number * len(pieces[0]), pieces[0]) for number in range(3)]
    assert more == [True, True, False]


def test_a_packet_that_finds_no_room_leaves_nothing_behind(datapath: Datapath) -> None:
    at = datapath.connect()
    full, start = GET * (CHUNK_BYTES // len(GET)), 0
    for _ in range(MOST_PAGES - 1):
        assert passes(datapath, at, start, full)
        start += len(full)
    following = (GET * 90)[: CHUNK_BYTES + 1200]
    assert not passes(datapath, at, start, following)
    stream = datapath.stream(at)
    assert stream is not None and stream.held == owned_pages(datapath, at) == MOST_PAGES - 1
    assert stream.next_sequence == at.sequence + start
    assert not passes(datapath, at, 0, BAD) and passes(datapath, at, 0, GET)
    assert passes(datapath, at, start, following[:CHUNK_BYTES])


def test_single_bytes_share_a_page(datapath: Datapath) -> None:
    at = datapath.connect()
    assert all(run.return_value == PASSED for run in datapath.request(at, [bytes([byte]) for byte in LARGE[:3000]]))
    assert owned_pages(datapath, at) == 2
    assert passes(datapath, at, 0, LARGE[:3000])


def test_without_a_free_page_bytes_are_held_back_until_there_is_one(datapath: Datapath) -> None:
    other, at = datapath.connect(), datapath.connect()
    set_owners(datapath, datapath.slot(other))
    try:
        assert not passes(datapath, at, 0, GET)
        assert datapath.events()[-1].reason == Reason.OUTSTANDING
    finally:
        set_owners(datapath, 0)
    assert passes(datapath, at, 0, GET)


def test_pages_of_whoever_is_gone_are_found(datapath: Datapath) -> None:
    others = [datapath.connect() for _ in range(4)]
    for other in others:
        datapath.request(other, [LARGE])
    kept = {int.from_bytes(key, "little") for key, value in datapath.core.maps["retained"].items() if Retained.view(bytearray(value)).owner != 0}
    busy = bytes(Retained.of(owner=1))
    for page in set(range(1, MAX_RETAINED)) - kept:
        datapath.core.maps["retained"].update(number(page), busy)
    try:
        for other in others:
            datapath.core.maps["connections"].delete(datapath.key(other))
        at = datapath.connect()
        tries = sum(1 for _ in range(20000) if not passes(datapath, at, 0, GET))
        assert tries < 20000
    finally:
        set_owners(datapath, 0)


def test_who_is_refused_keeps_no_pages(datapath: Datapath) -> None:
    at = datapath.connect()
    datapath.request(at, [LARGE])
    stream = datapath.stream(at)
    assert stream is not None and stream.held == owned_pages(datapath, at) == 2
    datapath.receive(frame(replace(at, sequence=at.sequence + len(LARGE), payload=BAD)))
    assert owned_pages(datapath, at) == 0


def test_a_fin_takes_no_room(datapath: Datapath) -> None:
    at = datapath.connect()
    assert passes(datapath, at, 0, GET, flags=ACK | PSH | FIN)
    assert passes(datapath, at, 0, GET, flags=ACK | PSH | FIN)
    acknowledge(datapath, at, len(GET), fin=1)
    stream = datapath.stream(at)
    assert stream is not None and stream.held == 0
    assert passes(datapath, at, len(GET), b"", flags=ACK | FIN)
    assert datapath.receive(frame(Segment(CLIENT, SERVICE, at.source_port, 80, sequence=77, flags=SYN))).return_value == PASSED
