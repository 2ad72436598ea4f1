"""Two processors meet on one connection: one value for each place, whoever comes first, and nothing is judged twice or not at all."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pybpf.kernel_progs.abi import PolicyAction, Reason
from pybpf.kernel_progs.matching import Stream
from tests.kernel.test_one_value import requests_in
from tests.support import http_oracle
from tests.support.datapath import PASSED, Datapath
from tests.support.packets import ACK, PSH, Segment, frame, parse, reply_to
from tests.support.rules import tables_of

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="missing: a second processor")]

RULES: list[http_oracle.Rule] = [("GET", "/open.*"), ("POST", "/open")]
GOOD = b"".join(b"GET /open/%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(40))
EVIL = GOOD.replace(b"/open", b"/shut")
ROUNDS, SEGMENTS = 12, 1500


@pytest.fixture(scope="module")
def datapath() -> Iterator[Datapath]:
    with Datapath(tables_of(RULES)) as made:
        made.set_endpoint(ingress=1, egress=0)
        made.set_policy(80, PolicyAction.INSPECT)
        yield made


class Sender(threading.Thread):
    """One of two on the same connection, each on a processor of its own: segments from where the other one is, more or less."""

    def __init__(self, datapath: Datapath, at: Segment, processor: int, seed: int) -> None:
        super().__init__()
        self.datapath, self.at, self.processor, self.source = datapath, at, processor, random.Random(seed)
        self.passed: list[tuple[int, bytes]] = []

    def run(self) -> None:
        os.sched_setaffinity(threading.get_native_id(), {self.processor})
        for _ in range(SEGMENTS):
            stream = self.datapath.stream(self.at)
            reached = ((stream.next_sequence if stream is not None else self.at.sequence) - self.at.sequence) % (1 << 32)
            start = max(0, min(len(GOOD) - 1, reached - self.source.choice((0, 0, 0, 5, 30))))
            payload = self.source.choice((GOOD, GOOD, GOOD, GOOD, EVIL))[start : start + self.source.choice((1, 7, 30, 90))]
            run = self.datapath.receive(frame(replace(self.at, sequence=(self.at.sequence + start) % (1 << 32), payload=payload, flags=ACK | PSH)))
            if run.return_value == PASSED and parse(run.data).flags & PSH and parse(run.data).payload:
                self.passed.append((start, parse(run.data).payload))
            if self.source.random() < 0.1:
                got = replace(self.at, sequence=(self.at.sequence + self.source.randrange(reached + 1)) % (1 << 32), payload=b"")
                self.datapath.send(frame(reply_to(got, sequence=5001, flags=ACK)))


def test_a_place_has_one_value(datapath: Datapath) -> None:
    processors = sorted(os.sched_getaffinity(0))[:2]
    requests = 0
    for number in range(ROUNDS):
        at = datapath.connect(sequence=(1 << 32) - 400)
        at = replace(at, sequence=((1 << 32) - 399) % (1 << 32))
        senders = [Sender(datapath, at, processor, number * 2 + processor) for processor in processors]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(60)
        values: dict[int, int] = {}
        for start, payload in senders[0].passed + senders[1].passed:
            for place, octet in enumerate(payload, start):
                assert values.setdefault(place, octet) == octet, (number, place)
        length = next(place for place in range(len(values) + 1) if place not in values)
        assert length == len(values), "what passed has no gaps"
        requests += len(requests_in(bytes(values[place] for place in range(length))))
        stream = datapath.stream(at)
        assert isinstance(stream, Stream) and stream.busy == 0
    assert requests > ROUNDS * 5


def test_they_did_meet(datapath: Datapath) -> None:
    """Else the test above would have shown nothing."""
    assert datapath.counted(Reason.BUSY) + datapath.counted(Reason.REPLAYED) > 0
