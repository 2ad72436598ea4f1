"""What the kernel knows of replies: where a 403 may stand, what was answered and when, whether another protocol begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from pybpf.compiler.lower.http_tables import http_tables
from pybpf.kernel_progs import abi
from pybpf.kernel_progs.abi import PolicyAction, Reason, Verdict
from pybpf.kernel_progs.matching import Stream, Upgrade
from tests.support.datapath import PASSED, SHOT, Datapath, number
from tests.support.packets import ACK, FIN, PSH, RST, Segment, frame, parse, reply_to
from tests.support.rules import http_rules

pytestmark = pytest.mark.kernel

RULES = http_rules(("GET", "/open.*"), ("HEAD", "/open.*"), ("GET", "/socket"), ("GET", "/socket"))
RULES[3] = replace(RULES[3], websocket=True)
GET = b"GET /open HTTP/1.1\r\nHost: flights\r\n\r\n"
BAD = b"GET /closed HTTP/1.1\r\nHost: flights\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SOCKET = b"GET /socket HTTP/1.1\r\nHost: flights\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FRAME = b"\x81\x05hello"


@pytest.fixture(scope="module")
def loaded() -> Iterator[Datapath]:
    with Datapath(http_tables(RULES, range(1, 5))) as datapath:
        yield datapath


@pytest.fixture
def datapath(loaded: Datapath) -> Datapath:
    loaded.set_policy(80, PolicyAction.INSPECT)
    loaded.events()
    return loaded


@dataclass
class Talk:
    """A connection through the datapath, and how far both ends are."""

    datapath: Datapath
    at: Segment
    replied: int = 5001

    def ask(self, payload: bytes, *, acknowledges: int | None = None) -> bytes | None:
        """A segment of the client: what goes on to the server, None when nothing does."""
        segment = replace(self.at, payload=payload, acknowledgement=self.replied if acknowledges is None else acknowledges, flags=ACK | PSH)
        run = self.datapath.receive(frame(segment))
        if run.return_value != PASSED:
            assert run.return_value == SHOT
            return None
        if run.data == frame(segment):
            self.at = replace(self.at, sequence=self.at.sequence + len(payload))
        return run.data

    def passes(self, payload: bytes) -> bool:
        """Whether it goes on as it is."""
        before = self.at.sequence
        self.ask(payload)
        return self.at.sequence == before + len(payload)

    def answer(self, payload: bytes, *, ahead: int = 0) -> None:
        """A segment of the server, which always passes."""
        segment = reply_to(self.at, sequence=self.replied + ahead, flags=ACK | PSH, payload=payload)
        assert self.datapath.send(frame(segment)).data == frame(segment)
        if ahead == 0:
            self.replied += len(payload)

    @property
    def stream(self) -> Stream:
        found = self.datapath.stream(self.at)
        assert found is not None
        return found


@pytest.fixture
def talk(datapath: Datapath) -> Talk:
    return Talk(datapath, datapath.connect())


def verdict(talk: Talk) -> Verdict:
    return Verdict(talk.datapath.events()[-1].verdict)


@pytest.mark.parametrize("cut", [1, 17, 60, 1000])
def test_a_403_stands_where_the_last_reply_ended(talk: Talk, cut: int) -> None:
    for _ in range(3):
        assert talk.passes(GET)
        for start in range(0, len(OK), cut):
            talk.answer(OK[start : start + cut])
    talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_403


@pytest.mark.parametrize("missing", [OK, OK[-1:], b"HTTP/1.1 200 OK\r\n\r\n"])
def test_where_a_reply_is_outstanding_it_is_a_reset(talk: Talk, missing: bytes) -> None:
    assert talk.passes(GET)
    talk.answer(OK.removesuffix(missing) if OK.endswith(missing) else missing)
    data = talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_RESET and data is not None and parse(data).flags & RST


def test_the_client_must_have_all_of_it(talk: Talk) -> None:
    assert talk.passes(GET)
    talk.answer(OK)
    talk.ask(BAD, acknowledges=talk.replied - 1)
    assert verdict(talk) == Verdict.REFUSED_RESET


def test_a_refused_request_behind_an_allowed_one_in_the_same_packet_takes_both(talk: Talk) -> None:
    talk.ask(GET + BAD)
    assert verdict(talk) == Verdict.REFUSED_RESET


def test_the_reply_to_head_has_no_body_even_when_head_comes_in_pieces(talk: Talk) -> None:
    for request in ([GET.replace(b"GET", b"HEAD")], [b"HE", b"AD", b" /open HTTP/1.1\r\nHost: flights\r\n\r\n"]):
        assert all(talk.passes(piece) for piece in request)
        talk.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    assert talk.passes(GET)
    talk.answer(OK)
    talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_403


def test_replies_that_come_again_or_late_change_nothing(talk: Talk) -> None:
    assert talk.passes(GET)
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"
    talk.answer(body)
    talk.answer(b"z" * 1000, ahead=1000)
    talk.answer(b"z" * 1000)
    talk.replied += 1000
    talk.answer(b"z" * 1000)
    talk.replied -= 3000
    talk.answer(b"z" * 1000)
    talk.replied += 2000
    assert talk.stream.reply.lost == 0
    talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_403


def test_a_gap_before_a_reply_loses_them(talk: Talk) -> None:
    assert talk.passes(GET)
    talk.answer(OK[5:], ahead=5)
    assert talk.stream.reply.lost == 1
    talk.replied += len(OK)
    talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_RESET


def replied(datapath: Datapath, event: abi.Event) -> abi.Replied:
    found = datapath.core.maps["log_replies"].lookup(number((event.number - 1) % abi.MAX_EVENTS))
    assert found is not None
    return abi.Replied.view(bytearray(found))


def text(datapath: Datapath, event: abi.Event) -> bytes:
    found = datapath.core.maps["log_texts"].lookup(number((event.number - 1) % abi.MAX_EVENTS))
    assert found is not None
    return found[: event.text_bytes]


@pytest.mark.parametrize("cut", [1, 3, 30, 1000])
def test_an_event_has_the_head_and_what_was_answered(talk: Talk, cut: int) -> None:
    for status in (b"200", b"404"):
        for start in range(0, len(GET), cut):
            assert talk.passes(GET[start : start + cut])
        event = talk.datapath.events()[-1]
        assert (event.verdict, event.rule) == (Verdict.FORWARDED, 1)
        assert text(talk.datapath, event) == GET
        assert replied(talk.datapath, event).number != event.number
        talk.answer(OK.replace(b"200", status))
        answer = replied(talk.datapath, event)
        assert (answer.number, answer.status) == (event.number, int(status))
        assert 0 < answer.after_ns < 10**10


def test_requests_in_one_packet_have_an_event_each(talk: Talk) -> None:
    talk.datapath.events()
    other = GET.replace(b"/open", b"/open/other")
    assert talk.passes(GET + other + GET[:9])
    first, second = talk.datapath.events()
    assert text(talk.datapath, first).startswith(GET) and text(talk.datapath, second).startswith(other)
    assert talk.passes(GET[9:])
    (third,) = talk.datapath.events()
    assert text(talk.datapath, third) == GET


@pytest.mark.parametrize("cut", [1, 20, 1000])
def test_a_refused_request_is_told_with_its_head(talk: Talk, cut: int) -> None:
    path = b"/closed/" + b"x" * 300
    for start in range(0, len(path) + 4, cut):
        talk.ask((b"GET " + path + b" HTTP/1.1\r\n")[start : start + cut])
        events = [event for event in talk.datapath.events() if event.verdict != Verdict.FORWARDED]
        if events:
            assert b"GET /closed".startswith(text(talk.datapath, events[0])[:11])
            assert len(text(talk.datapath, events[0])) >= len(b"GET /c")
            return
    raise AssertionError("it was not refused")


def test_nothing_follows_a_wish_for_another_protocol_before_its_answer(talk: Talk) -> None:
    assert talk.passes(SOCKET)
    assert talk.stream.upgrade == Upgrade.AWAITED
    assert not talk.passes(FRAME) and not talk.passes(GET)
    assert talk.datapath.events()[-1].reason == Reason.AHEAD
    again = replace(talk.at, sequence=talk.at.sequence - len(SOCKET), payload=SOCKET)
    assert talk.datapath.receive(frame(again)).data == frame(again)
    talk.answer(SWITCH[:30])
    assert not talk.passes(FRAME)
    talk.answer(SWITCH[30:] + FRAME)
    assert talk.passes(FRAME) and talk.passes(BAD)
    assert talk.at.sequence == talk.stream.next_sequence


def test_after_another_answer_requests_follow(talk: Talk) -> None:
    assert talk.passes(SOCKET)
    talk.answer(OK.replace(b"200", b"400"))
    assert talk.passes(GET)
    talk.answer(OK)
    talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_403


def test_the_answer_to_an_earlier_request_lets_nothing_follow(talk: Talk) -> None:
    assert talk.passes(GET + SOCKET)
    talk.answer(SWITCH)  # to GET: it is the first
    assert not talk.passes(FRAME)


def test_a_101_in_a_body_or_without_a_wish_changes_nothing(talk: Talk) -> None:
    assert talk.passes(GET)
    talk.answer(SWITCH)
    talk.ask(BAD)
    assert verdict(talk) == Verdict.REFUSED_RESET
    other = Talk(talk.datapath, talk.datapath.connect())
    assert other.passes(GET + SOCKET)
    other.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SWITCH) + SWITCH)
    assert not other.passes(FRAME)
    other.answer(SWITCH)
    assert other.passes(FRAME)


@pytest.mark.parametrize(
    "stream",
    [
        SOCKET + b"x", SOCKET + GET, SOCKET.replace(b"/socket", b"/open"), SOCKET.replace(b"websocket", b"h2c"), SOCKET.replace(b"websocket", b"websocket, h2c"),
        SOCKET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\nx"), SOCKET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        SOCKET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\n\r\n"), SOCKET.replace(b"Upgrade: w", b"Upgrade : w"),
    ],
)  # fmt: skip
def test_other_wishes_are_refused(talk: Talk, stream: bytes) -> None:
    assert not talk.passes(stream)
    assert verdict(talk) in (Verdict.REFUSED_403, Verdict.REFUSED_RESET)


def test_a_plain_request_needs_a_rule_for_plain_requests(talk: Talk) -> None:
    assert talk.passes(SOCKET.replace(b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b""))
    assert talk.datapath.events()[-1].rule == 3


def test_the_end_of_replies_is_no_reply(talk: Talk) -> None:
    assert talk.passes(SOCKET)
    ending = reply_to(talk.at, sequence=talk.replied, flags=ACK | FIN)
    talk.datapath.send(frame(ending))
    assert not talk.passes(FRAME)
