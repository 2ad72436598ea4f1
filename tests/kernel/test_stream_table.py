"""The table of inspected connections: who gets a slot, who keeps it, and what happens when there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from mmap import mmap

import pytest

from pybpf.kernel_progs.abi import MAX_STREAMS, PolicyAction, Reason
from pybpf.kernel_progs.matching import Stream, StreamState
from pybpf.kernel_progs.slots import HALF_OPEN_NS, REFUSED_NS
from tests.support.datapath import CLIENT, PASSED, SERVICE, SHOT, Datapath, number
from tests.support.packets import ACK, RST, SYN, Segment, frame, parse, reply_to
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel
GET = b"GET /flights HTTP/1.1\r\nHost: flights\r\n\r\n"


@pytest.fixture(scope="module")
def loaded() -> Iterator[Datapath]:
    with Datapath(tables_of([("GET", "/flights")])) as datapath:
        yield datapath


@pytest.fixture
def datapath(loaded: Datapath) -> Datapath:
    loaded.set_policy(80, PolicyAction.INSPECT)
    fill(loaded, Stream())
    loaded.events()
    return loaded


def fill(datapath: Datapath, stream: Stream, *, but: int = 0) -> None:
    """Make every slot say this, except one."""
    streams, octets = datapath.core.maps["streams"], len(bytes(stream))
    kept = streams.lookup(number(but))
    assert kept is not None
    with mmap(streams.fileno(), octets * MAX_STREAMS) as memory:
        memory[:] = bytes(stream) * MAX_STREAMS
        memory[but * octets : (but + 1) * octets] = kept


def taken(state: StreamState, *, for_ns: int = 0) -> Stream:
    """A stream of somebody else's that came to its state so long ago."""
    return Stream.of(state=state, changed_ns=time.clock_gettime_ns(time.CLOCK_MONOTONIC) - for_ns)


def syn(port: int) -> Segment:
    return Segment(CLIENT, SERVICE, port, 80, sequence=1000, flags=SYN)


def opens(datapath: Datapath, port: int) -> bool:
    """Whether a SYN from this port passes; when not, it is for want of a slot, which is counted."""
    before = datapath.counted(Reason.TABLE_FULL)
    run = datapath.receive(frame(syn(port)))
    full = datapath.counted(Reason.TABLE_FULL) - before
    assert (run.return_value, full) in ((PASSED, 0), (SHOT, 1))
    return full == 0


def test_a_syn_takes_a_slot_and_the_connection_knows_it(datapath: Datapath) -> None:
    slots = {datapath.slot(datapath.connect()) for _ in range(20)}
    assert len(slots) == 20 and 0 not in slots
    assert all(bytes(Stream.view(bytearray(datapath.core.maps["streams"].lookup(number(slot)) or b"")).key) for slot in slots)


def test_a_syn_that_comes_again_keeps_its_slot(datapath: Datapath) -> None:
    assert opens(datapath, 2001)
    slot = datapath.slot(syn(2001))
    assert opens(datapath, 2001) and datapath.slot(syn(2001)) == slot


@pytest.mark.parametrize(
    ("state", "lasts_ns"), [(StreamState.OPENING, HALF_OPEN_NS), (StreamState.ANSWERED, HALF_OPEN_NS), (StreamState.REFUSED, REFUSED_NS)]
)
def test_a_full_table_refuses_until_the_time_of_somebody_is_over(datapath: Datapath, state: StreamState, lasts_ns: int) -> None:
    fill(datapath, taken(state, for_ns=lasts_ns - 1_000_000_000))
    assert not opens(datapath, 2002)
    fill(datapath, taken(state, for_ns=lasts_ns + 1_000_000_000))
    assert opens(datapath, 2002)


def test_an_open_stream_keeps_its_slot_when_all_others_are_taken(datapath: Datapath) -> None:
    at = datapath.connect()
    fill(datapath, taken(StreamState.OPENING), but=datapath.slot(at))
    assert not any(opens(datapath, port) for port in range(3000, 3100))
    assert datapath.request(at, [GET])[0].return_value == PASSED


def test_an_open_stream_without_a_connection_has_lost_its_slot(datapath: Datapath) -> None:
    fill(datapath, taken(StreamState.OPEN))
    assert opens(datapath, 2003)


def test_who_has_lost_his_slot_is_reset(datapath: Datapath) -> None:
    at = datapath.connect()
    fill(datapath, taken(StreamState.OPEN))
    run = datapath.request(at, [GET])[0]
    assert run.return_value == PASSED and parse(run.data).flags & RST and parse(run.data).payload == b""
    assert datapath.events()[-1].reason == Reason.NO_CONNECTION


def test_without_a_slot_a_syn_ack_does_not_pass(datapath: Datapath) -> None:
    assert opens(datapath, 2004)
    fill(datapath, Stream())
    assert datapath.send(frame(reply_to(syn(2004), sequence=5000, flags=SYN | ACK))).return_value == SHOT
    assert opens(datapath, 2004)
    assert datapath.send(frame(reply_to(syn(2004), sequence=5000, flags=SYN | ACK))).return_value == PASSED


def test_a_slot_that_is_held_for_good_is_nobodys(datapath: Datapath) -> None:
    fill(datapath, Stream.of(busy=1))
    assert not opens(datapath, 2005)


def test_every_packet_of_an_inspected_connection_is_counted_once(datapath: Datapath) -> None:
    at = datapath.connect()
    before = datapath.packets()
    refused = replace(at, sequence=at.sequence + len(GET), payload=b"\0")
    runs = [*datapath.request(at, [GET[:5], GET[5:]]), *(datapath.receive(frame(refused)) for _ in range(3))]
    passed, dropped = datapath.packets()
    assert passed - before[0] == len(runs)
    assert dropped - before[1] == 3
