"""What refused senders get, byte for byte, who gets nothing, and how our own answers go by the endpoint's other hook."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count

import pytest

from pybpf.compiler.policy.model.policy import Direction, OnDeny, Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.kernel_progs.abi import Control, Counted, EndpointCount, Event, Verdict
from pybpf.kernel_progs.answers import ANSWER_MARK
from pybpf.programs import SkbContext, TestRun
from tests.compiler.policy.made import policy, port, ports, rule, selecting
from tests.support.checksums import internet_checksum, pseudo_header
from tests.support.conversations import OWN, PEER, Conversation, other
from tests.support.frame_judging import ENTRIES, INTERFACE, PASSED, Judge
from tests.support.frames import Frame, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6, Packet, error_about, fragments
from tests.support.packets import ACK, RST, SYN
from tests.support.transports import Raw, Tcp, Transport, Udp, echo, echo_v6

pytestmark = pytest.mark.kernel
IN, OUT = Direction
PORTS = count(33_000)
EVERYTHING, LOOPBACK = 3, "lo"  # ETH_P_ALL
ICMP_OF = {4: (1, 3, 13, 20), 6: (58, 1, 1, 40)}  # protocol, type and code of "administratively prohibited", bytes of the quoted IP header


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with ExitStack() as owned:
        yield Judge(owned)


@pytest.fixture(scope="module")
def wire() -> Iterator[socket.socket]:
    """What goes over the one interface that test runs have."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING)) as made:
        made.bind((LOOPBACK, EVERYTHING))
        made.settimeout(0.05)
        yield made


def said(how: OnDeny, *allowed: int) -> list[Policy]:
    """Both directions are enforced; TCP may go to these ports."""
    return [policy(selecting(app="a"), *(rule(None, [ports(*(port(each) for each in allowed))] if allowed else [], each) for each in Direction), on_deny=how)]


def run(judge: Judge, frame: bytes, direction: Direction, mark: int = 0) -> tuple[TestRun, Event | None]:
    met = judge.datapath.programs[ENTRIES[direction]].test_run(frame, context=SkbContext(ifindex=INTERFACE, mark=mark).pack())
    events = judge.events()
    assert len(events) <= 1
    return met, events[0] if events else None


def packet_of(version: int, direction: Direction, content: Transport) -> Packet:
    """Between the endpoint and a peer far away."""
    ends = (PEER[version], OWN[version]) if direction is IN else (OWN[version], PEER[version])
    return Ipv4(*ends, content) if version == 4 else Ipv6(*ends, content)


@dataclass(frozen=True, slots=True)
class Answered:
    """An IP packet without options and what is in it; lengths and checksums were right."""

    macs: bytes
    addresses: bytes
    hops: int
    protocol: int
    content: bytes

    @property
    def numbers(self) -> tuple[int, int, int, int, int]:
        """Of a TCP segment: ports, sequence number, acknowledgement, flags."""
        source, destination, sequence, acknowledgement, words, flags = struct.unpack_from(">HHIIBB", self.content)
        assert words == 0x50
        return source, destination, sequence, acknowledgement, flags


def read(frame: bytes) -> Answered:
    """What it says; AssertionError for a wrong length or checksum."""
    packet = frame[14:]
    if packet[0] == 0x45:
        assert internet_checksum(packet[:20]) == 0 and int.from_bytes(packet[2:4], "big") == len(packet)
        found = Answered(frame[:12], packet[12:20], packet[8], packet[9], packet[20:])
    else:
        assert packet[0] == 0x60 and int.from_bytes(packet[4:6], "big") == len(packet) - 40
        found = Answered(frame[:12], packet[8:40], packet[7], packet[6], packet[40:])
    half = len(found.addresses) // 2
    covered = b"" if found.protocol == 1 else pseudo_header(found.addresses[:half], found.addresses[half:], found.protocol, len(found.content))
    assert internet_checksum(covered + found.content) == 0
    return found


def turned(frame: bytes) -> tuple[bytes, bytes]:
    """The MAC addresses of an answer to it, and the IP addresses."""
    packet = frame[14:]
    addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
    half = len(addresses) // 2
    return frame[6:12] + frame[:6], addresses[half:] + addresses[:half]


def answer_to(judge: Judge, wire: socket.socket, frame: bytes, direction: Direction) -> tuple[Answered | None, TestRun, Event]:
    """What went back over the wire to who sent this, what went on, and the event."""
    macs, _ = turned(frame)
    while heard(wire) is not None:
        pass
    met, event = run(judge, frame, direction)
    assert event is not None
    while (found := heard(wire)) is not None:
        if found[:12] == macs:
            assert turned(frame)[1] in found
            return read(found), met, event
    return None, met, event


def heard(wire: socket.socket) -> bytes | None:
    try:
        return wire.recv(2048)
    except TimeoutError:
        return None


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("direction", list(Direction))
def test_a_syn_is_answered_by_a_reset_of_its_sequence_number(judge: Judge, wire: socket.socket, version: int, direction: Direction) -> None:
    judge.enforce(said(OnDeny.RESET))
    frame = frame_bytes(Frame(packet_of(version, direction, Tcp(next(PORTS), 99, sequence=0xFFFFFFFF, acknowledgement=0, flags=SYN))))
    answer, met, event = answer_to(judge, wire, frame, direction)
    assert answer is not None and event.verdict == Verdict.REFUSED_RESET and met.return_value == 2
    assert (answer.macs, answer.addresses) == turned(frame) and answer.hops == 64
    assert answer.numbers == (99, event.source_port, 0, 0, RST | ACK)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("direction", list(Direction))
def test_a_segment_of_a_cut_connection_becomes_two_resets_with_the_numbers_that_each_end_awaits(
    judge: Judge, wire: socket.socket, version: int, direction: Direction
) -> None:
    flow = Conversation(version, Protocol.TCP, IN, 80, next(PORTS))
    judge.enforce(said(OnDeny.RESET, 80))
    assert run(judge, flow.opening(), IN)[0].return_value == run(judge, flow.answer(), OUT)[0].return_value == PASSED
    judge.enforce(said(OnDeny.RESET))
    ends = (flow.number, 80) if direction is IN else (80, flow.number)
    segment = Tcp(*ends, sequence=1000, acknowledgement=0xFFFFFFF0, flags=ACK, options=bytes([1, 1, 1, 1]), payload=b"x" * 501)
    frame = frame_bytes(Frame(packet_of(version, direction, segment)))
    answer, met, event = answer_to(judge, wire, frame, direction)
    assert answer is not None and event.verdict == Verdict.REFUSED_RESET and met.return_value == PASSED
    assert (answer.macs, answer.addresses, answer.numbers) == (*turned(frame), (*ends[::-1], 0xFFFFFFF0, 1501, RST | ACK))
    onward = read(met.data)
    assert (onward.macs, onward.addresses) == (frame[:12], (found := turned(frame)[1])[len(found) // 2 :] + found[: len(found) // 2])
    assert onward.numbers == (*ends, 1000, 0xFFFFFFF0, RST | ACK) and len(onward.content) == 20


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("content", [Tcp(1, 99, flags=SYN), Udp(1, 99, b"hello"), Raw(47, b"a tunnelled packet")], ids=["tcp", "udp", "gre"])
def test_a_prohibited_sender_is_told_by_icmp_about_its_own_packet(
    judge: Judge, wire: socket.socket, version: int, direction: Direction, content: Transport
) -> None:
    judge.enforce(said(OnDeny.ICMP))
    frame = frame_bytes(Frame(packet_of(version, direction, content)))
    answer, met, event = answer_to(judge, wire, frame, direction)
    protocol, kind, code, header = ICMP_OF[version]
    assert answer is not None and event.verdict == Verdict.REFUSED_PROHIBITED and met.return_value == 2
    assert (answer.macs, answer.addresses, answer.protocol, answer.hops) == (*turned(frame), protocol, 64)
    assert answer.content[:2] == bytes([kind, code]) and answer.content[4:8] == bytes(4)
    assert answer.content[8:] == frame[14 : 14 + header + 8]


def unanswerable() -> Iterator[tuple[str, bytes]]:
    """Refused packets for the endpoint that nobody is told of."""
    for version in (4, 6):
        yield f"reset{version}", frame_bytes(Frame(packet_of(version, IN, Tcp(1, 99, flags=RST))))
        yield f"error{version}", frame_bytes(Frame(error_about(packet_of(version, OUT, Udp(1, 2)), 3 if version == 4 else 1, 1)))
        for content in (Tcp(1, 99, flags=SYN), Udp(1, 99)):
            name, packet = f"{type(content).__name__.lower()}{version}", packet_of(version, IN, content)
            yield f"{name} in a frame for all", frame_bytes(Frame(packet, destination_mac=b"\xff" * 6))
            yield f"{name} in a frame for a group", frame_bytes(Frame(packet, destination_mac=bytes.fromhex("3333000000fb")))
            for source in ("0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255") if version == 4 else ("::", "::1", "ff02::1"):
                yield f"{name} from {source}", frame_bytes(Frame(replace(packet, source=source)))
            for destination in ("224.0.0.251", "255.255.255.255") if version == 4 else ("ff02::fb", "ff0e::1"):
                yield f"{name} to {destination}", frame_bytes(Frame(replace(packet, destination=destination)))


@pytest.mark.parametrize("how", [OnDeny.RESET, OnDeny.ICMP])
def test_what_must_not_be_answered_is_dropped_in_silence(judge: Judge, wire: socket.socket, how: OnDeny) -> None:
    judge.enforce(said(how))
    senders: dict[bytes, str] = {}
    for number, (name, frame) in enumerate(unanswerable()):
        sender = bytes.fromhex("0200000001") + bytes([number])
        senders[sender] = name
        assert run(judge, frame[:6] + sender + frame[12:], IN)[0].return_value == 2, name
    while (found := heard(wire)) is not None:
        assert found[:6] not in senders, (senders[found[:6]], found.hex())


@pytest.mark.parametrize("version", [4, 6])
def test_of_a_refused_datagram_in_fragments_the_first_is_answered(judge: Judge, wire: socket.socket, version: int) -> None:
    judge.enforce(said(OnDeny.ICMP))
    pieces = [frame_bytes(Frame(each)) for each in fragments(packet_of(version, IN, Udp(next(PORTS), 99, bytes(64))), 32, identification=next(PORTS))]
    verdicts = [answer_to(judge, wire, each, IN)[2].verdict for each in pieces]
    first = Verdict.REFUSED_PROHIBITED if version == 4 else Verdict.DROPPED  # behind an extension header nothing is quoted
    assert verdicts == [first, Verdict.DROPPED, Verdict.DROPPED]


def ours(version: int, direction: Direction) -> list[bytes]:
    """Answers as we send them, on their way in `direction`."""
    refused = packet_of(version, other(direction), Udp(next(PORTS), 99))
    error = error_about(refused, *ICMP_OF[version][1:3])
    assert isinstance(refused.content, Udp)
    return [
        frame_bytes(Frame(packet_of(version, direction, Tcp(99, next(PORTS), sequence=0, flags=RST | ACK)))),
        frame_bytes(Frame(error)),
    ]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("how", list(OnDeny))
def test_our_own_answers_pass_where_nothing_is_allowed_and_lose_their_mark(judge: Judge, version: int, direction: Direction, how: OnDeny) -> None:
    judge.enforce(said(how))
    for frame in ours(version, direction):
        met, event = run(judge, frame, direction, ANSWER_MARK)
        assert (met.return_value, met.data, event) == (PASSED, frame, None)
        assert SkbContext.unpack(met.context).mark == 0
        assert run(judge, frame, direction)[0].return_value == 2, "without the mark"
        assert run(judge, frame, direction, ANSWER_MARK ^ 1)[0].return_value == 2


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("direction", list(Direction))
def test_the_mark_lets_nothing_pass_but_what_we_make(judge: Judge, version: int, direction: Direction) -> None:
    judge.enforce(said(OnDeny.DROP))
    reset, error = ours(version, direction)
    ask = echo(1, 1) if version == 4 else echo_v6(1, 1)
    others: list[Transport] = [Tcp(99, 1, flags=SYN), Tcp(99, 1, flags=ACK), Tcp(99, 1, flags=RST | SYN), Tcp(99, 1, flags=RST, payload=b"x"), Udp(99, 1), Raw(47, b"x"), ask]
    others.append(Tcp(99, 1, flags=RST, options=bytes(4)))
    for frame in (reset + b"x", error + b"x", *(frame_bytes(Frame(packet_of(version, direction, each))) for each in others)):
        assert run(judge, frame, direction, ANSWER_MARK)[0].return_value == 2
    for spoofed in ("192.0.2.99", "10.0.0.9") if version == 4 else ("2001:db8::99", "fd00::9"):
        answer = replace(packet_of(version, OUT, Tcp(99, 1, flags=RST | ACK)), source=spoofed)
        assert run(judge, frame_bytes(Frame(answer)), OUT, ANSWER_MARK)[0].return_value == 2


def test_a_mark_of_others_stays(judge: Judge) -> None:
    judge.enforce([])
    met, _ = run(judge, frame_bytes(Frame(packet_of(4, IN, Udp(next(PORTS), 99)))), IN, 0x4000)
    assert met.return_value == PASSED and SkbContext.unpack(met.context).mark == 0x4000


@pytest.mark.parametrize("how", list(OnDeny))
def test_refusals_are_counted_however_they_are_told(judge: Judge, how: OnDeny) -> None:
    judge.enforce(said(how))
    before, frame = refused(judge), frame_bytes(Frame(packet_of(4, IN, Tcp(next(PORTS), 99, flags=SYN))))
    run(judge, frame, IN)
    assert [now - then for now, then in zip(refused(judge), before, strict=True)] == [1, len(frame), 1]


def refused(judge: Judge) -> tuple[int, int, int]:
    """Packets to the endpoint, their octets, and how many of them were refused."""
    found = judge.maps["endpoint_counts"].lookup_per_cpu((2).to_bytes(4, "little"))
    counts = [EndpointCount.view(bytearray(each)) for each in found or []]
    return sum(each.packets for each in counts), sum(each.octets for each in counts), sum(each.refused for each in counts)


def test_answers_over_the_rate_are_counted_and_dropped(judge: Judge) -> None:
    judge.enforce(said(OnDeny.ICMP))
    before = judge.maps["control"].lookup(bytes(4))
    assert before is not None
    limited = Control.view(bytearray(before))
    limited.answers_per_second = 2
    judge.maps["control"].update(bytes(4), bytes(limited))
    try:
        time.sleep(1.1)  # a bucket is for a second
        suppressed = counted(judge)
        verdicts = [event.verdict for _, event in (run(judge, frame_bytes(Frame(packet_of(6, IN, Udp(next(PORTS), 99)))), IN) for _ in range(10)) if event]
    finally:
        judge.maps["control"].update(bytes(4), before)
    answered = verdicts.count(Verdict.REFUSED_PROHIBITED)
    assert len(verdicts) == 10 and 2 <= answered <= 8 and verdicts.count(Verdict.DROPPED) == 10 - answered == counted(judge) - suppressed


def counted(judge: Judge) -> int:
    found = judge.maps["counters"].lookup_per_cpu(int(Counted.ANSWERS_SUPPRESSED).to_bytes(4, "little"))
    return sum(int.from_bytes(each, "little") for each in found or [])


@pytest.mark.parametrize("how", list(OnDeny))
@pytest.mark.parametrize("direction", list(Direction))
def test_a_policy_in_audit_refuses_nothing_and_tells(judge: Judge, direction: Direction, how: OnDeny) -> None:
    judge.enforce([replace(each, audit=True) for each in said(how)])
    for version in (4, 6):
        for content in (Tcp(next(PORTS), 99, flags=SYN), Tcp(next(PORTS), 99, flags=ACK), Udp(next(PORTS), 99), Raw(47, b"x")):
            frame = frame_bytes(Frame(packet_of(version, direction, content)))
            met, event = run(judge, frame, direction)
            assert (met.return_value, met.data) == (PASSED, frame)
            assert event is not None and event.verdict == Verdict.AUDITED and event.rule != 0
    spoofed = replace(packet_of(4, OUT, Udp()), source="10.0.0.9")
    assert run(judge, frame_bytes(Frame(spoofed)), OUT)[0].return_value == 2
