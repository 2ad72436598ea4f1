"""Invariant I1 against a sender that may do anything: whatever a receiver assembles of what passes, it reads requests that are allowed.

The sender cuts, repeats, overlaps, reorders and replaces bytes of a stream by those of another one of the same length. The receiver
acknowledges what it has, whenever it likes, and assembles with any preference: the first bytes that came for a place, or the last.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from pybpf.kernel_progs.abi import PolicyAction
from tests.support import http_oracle
from tests.support.datapath import PASSED, Datapath
from tests.support.packets import ACK, PSH, Segment, frame, parse, reply_to
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel

RULES: list[http_oracle.Rule] = [("GET", "/open.*"), ("POST", "/open")]
CONVERSATIONS, SEED = (3_000, time.time_ns()) if "PYBPF_FUZZ" in os.environ else (600, 2026)
SEGMENTS = 60


@pytest.fixture(scope="module")
def datapath() -> Iterator[Datapath]:
    with Datapath(tables_of(RULES)) as made:
        made.set_endpoint(ingress=1, egress=0)
        made.set_policy(80, PolicyAction.INSPECT)
        yield made


@dataclass
class Receiver:
    """What has passed, by its place in the stream, as two stacks would keep it."""

    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def take(self, offset: int, payload: bytes) -> None:
        for place, octet in enumerate(payload, offset):
            self.first.setdefault(place, octet)
            self.last[place] = octet

    def assembled(self) -> list[bytes]:
        """What each would read, as far as nothing is missing."""
        length = next(place for place in range(len(self.first) + 1) if place not in self.first)
        return [bytes(kept[place] for place in range(length)) for kept in (self.first, self.last)]


def requests_in(stream: bytes) -> list[tuple[str, str]]:
    """The heads that are whole in a stream, which must be strict and allowed."""
    found = []
    while b"\r\n\r\n" in stream:
        request = http_oracle.first_request(stream)
        if request is None:  # the last, whose body is not all there
            head = stream[: stream.find(b"\r\n\r\n") + 4]
            line, *lines = head[:-4].split(b"\r\n")
            fields = http_oracle.strict_fields(lines)
            method, target, _ = line.decode().split(" ")
            assert fields is not None, stream
            request = http_oracle.Request(method, target, fields, len(stream))
        assert http_oracle.is_allowed(request, RULES), stream
        found.append((request.method, request.target))
        stream = stream[request.length :]
    return found


def two_streams(source: random.Random) -> tuple[bytes, bytes]:
    """One that is allowed, and one of the same length with what is not, in heads, framing and bodies."""
    good = evil = b""
    for _ in range(source.randrange(1, 4)):
        path = source.choice([b"/open", b"/open/a", b"/open?x=1"])
        other = path.replace(b"open", source.choice([b"shut", b"OPEN", b"open"]))
        if source.random() < 0.5:
            good += b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path
            evil += b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % other
            continue
        hidden = b"GET /shut HTTP/1.1\r\nHost: a\r\n\r\n"
        if source.random() < 0.5:
            good += b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: %02d\r\n\r\n" % (len(hidden) + 20) + b"x" * (len(hidden) + 20)
            evil += b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: %02d\r\n\r\n" % 20 + b"x" * 20 + hidden
        else:
            good += b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
            evil += b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00\r\n%s\r\n0\r\n\r\n" % hidden
    return good, evil


class Conversation:
    """A connection whose first byte has a number near the wrap as often as not."""

    def __init__(self, datapath: Datapath, source: random.Random) -> None:
        self.datapath, self.source = datapath, source
        start = source.choice([1000, (1 << 32) - source.randrange(1, 300)])
        self.at = replace(datapath.connect(sequence=start), sequence=(start + 1) % (1 << 32))
        self.receiver = Receiver()
        self.streams = two_streams(source)

    def run(self) -> list[list[tuple[str, str]]]:
        reached = 0
        for _ in range(SEGMENTS):
            start = self.source.choice([reached, reached, max(reached - self.source.randrange(40), 0), self.source.randrange(len(self.streams[0]))])
            length = self.source.choice([1, 3, 17, 40, 200])
            self.send(start, self.source.choice((0, 0, 0, 1)), length)
            reached = len(self.receiver.assembled()[0])
            if self.source.random() < 0.3:
                self.acknowledge(self.source.randrange(reached + 1))
        return [requests_in(stream) for stream in self.receiver.assembled()]

    def send(self, start: int, which: int, length: int) -> int:
        """Bytes of one of the streams; how many of them passed."""
        payload = self.streams[which][start : start + length]
        run = self.datapath.receive(frame(replace(self.at, sequence=(self.at.sequence + start) % (1 << 32), payload=payload, flags=ACK | PSH)))
        if run.return_value != PASSED:
            return 0
        passed = parse(run.data)
        if passed.flags & PSH and passed.payload:
            self.receiver.take(start, passed.payload)
        return len(passed.payload)

    def acknowledge(self, octets: int) -> None:
        got = replace(self.at, sequence=(self.at.sequence + octets) % (1 << 32), payload=b"")
        self.datapath.send(frame(reply_to(got, sequence=5001, flags=ACK)))


def test_whatever_is_assembled_was_allowed(datapath: Datapath) -> None:
    source = random.Random(SEED)
    requests = refused = 0
    for _ in range(CONVERSATIONS):
        conversation = Conversation(datapath, source)
        first, last = conversation.run()
        assert first == last, conversation.streams
        requests += len(first)
        refused += len(conversation.receiver.assembled()[0]) < len(conversation.streams[0])
    assert requests > CONVERSATIONS and refused > CONVERSATIONS // 5


def test_a_segment_is_one_value_or_none(datapath: Datapath) -> None:
    """The receiver's bookkeeping itself: what is equal to what was judged passes, anything else does not."""
    conversation = Conversation(datapath, random.Random(1))
    conversation.streams = (b"GET /open HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /shut HTTP/1.1\r\nHost: a\r\n\r\n")
    assert conversation.send(0, 0, 10) == 10
    assert conversation.send(0, 1, 10) == 0 and conversation.send(4, 0, 10) == 10
    assert isinstance(conversation.at, Segment) and conversation.receiver.first == conversation.receiver.last
