"""Packets made to be read in one way by the datapath and in another by whoever receives them."""

from __future__ import annotations

import struct
import typing
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pybpf import elf, loading
from pybpf.compiler import compile_programs
from pybpf.compiler.lang import Action, ProgramArray, Skb, program
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import IcmpType, Port, Protocol
from pybpf.kernel_progs.abi import Event, Fragmented, Reason, Verdict
from tests.compiler.policy.made import HERE, policy, port, ports, rule, selecting
from tests.support.extension_headers import destination_options, fragment, routing
from tests.support.frame_judging import CONTEXT, Judge
from tests.support.frames import Frame, Other, Vlan, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6, Packet
from tests.support.neighbours import neighbour_advertisement, target_link_layer
from tests.support.transports import Icmp, Raw, Tcp, Udp, echo, echo_v6, transport_bytes

pytestmark = pytest.mark.kernel
IN, OUT = Direction.INGRESS, Direction.EGRESS
PEER, OWN, PEER6, OWN6 = "10.0.0.9", "10.0.0.1", "fd00::9", "fd00::1"
ALLOWED, DENIED = 53, 54
entries = ProgramArray(1)


@program("tc")
def push_tag(packet: Skb) -> int:
    """A tag beside the frame, as devices and the kernel's receive path leave them; then on to the datapath."""
    if packet.vlan_push(5):
        entries.tail_call(packet, 0)
    return Action.SHOT


@pytest.fixture(scope="module")
def loaded() -> Iterator[Judge]:
    with ExitStack() as owned:
        yield Judge(owned)


@pytest.fixture
def judge(loaded: Judge) -> Iterator[Judge]:
    """Both directions are enforced: anybody may ask for UDP 53, TCP 53, echoes and GRE at the endpoint, and it may send nothing but TCP 53."""
    asked: list[Port] = [port(ALLOWED, Protocol.UDP), port(ALLOWED), port(0, Protocol.GRE), *(IcmpType(*each, HERE) for each in ((Protocol.ICMP, 8), (Protocol.ICMPV6, 128)))]
    loaded.enforce([policy(selecting(app="a"), rule(None, [ports(*asked)]), rule(None, [ports(port(ALLOWED))], OUT))])
    yield loaded
    for name in ("connections", "fragments"):
        for key in list(loaded.maps[name].keys()):
            loaded.maps[name].delete(key)


def met(judge: Judge, packet: Packet | Frame, direction: Direction = IN) -> Reason | None:
    """Why the packet was dropped; None when it passed."""
    frame = packet if isinstance(packet, Frame) else Frame(packet)
    result = judge.meet(frame_bytes(frame), direction)
    if result.passed:
        assert result.event is None or result.event.verdict == Verdict.FORWARDED
        return None
    assert result.event is not None and result.event.verdict == Verdict.DROPPED
    return Reason(result.event.reason)


def event_of(judge: Judge, frame: Frame) -> Event:
    """The event of a frame to the endpoint."""
    event = judge.meet(frame_bytes(frame), IN).event
    assert event is not None
    return event


def datagram(destination_port: int, length: int = 16) -> bytes:
    """The first bytes of a UDP datagram of a kilobyte."""
    return struct.pack(">HHHH", 4000, destination_port, 1008, 0) + bytes(length - 8)


class MakePiece(typing.Protocol):
    """A fragment of a datagram to the endpoint."""

    def __call__(self, content: bytes, offset: int = 0, *, more: bool = True, protocol: int = 17, identification: int = 7) -> Packet: ...


def piece4(content: bytes, offset: int = 0, *, more: bool = True, protocol: int = 17, identification: int = 7, source: str = PEER) -> Ipv4:
    return Ipv4(source, OWN, Raw(protocol, content), identification=identification, offset=offset, more=more)


def piece6(content: bytes, offset: int = 0, *, more: bool = True, protocol: int = 17, identification: int = 7) -> Ipv6:
    return Ipv6(PEER6, OWN6, Raw(protocol, content), extensions=(fragment(identification, offset, more=more),))


# ---- fragments


@pytest.mark.parametrize("piece", [piece4, piece6])
def test_later_fragments_have_the_first_ones_ports_whatever_they_say(judge: Judge, piece: MakePiece) -> None:
    for wanted, reason in ((ALLOWED, None), (DENIED, Reason.POLICY)):
        assert met(judge, piece(datagram(wanted))) == reason
        for said in (ALLOWED, DENIED):
            assert met(judge, piece(datagram(said), 16)) == reason


@pytest.mark.parametrize("piece", [piece4, piece6])
def test_without_its_first_one_no_fragment_passes(judge: Judge, piece: MakePiece) -> None:
    assert met(judge, piece(datagram(ALLOWED), 16)) is Reason.FRAGMENT
    assert met(judge, piece(datagram(ALLOWED), identification=8)) is None
    assert met(judge, piece(datagram(ALLOWED), 16)) is Reason.FRAGMENT


@pytest.mark.parametrize("piece", [piece4, piece6])
def test_no_fragment_passes_that_lies_over_the_first_one(judge: Judge, piece: MakePiece) -> None:
    assert met(judge, piece(datagram(ALLOWED, 64))) is None
    assert [met(judge, piece(datagram(DENIED), offset)) for offset in (8, 48, 56)] == [Reason.FRAGMENT] * 3
    assert met(judge, piece(datagram(DENIED), 64)) is None


def test_extension_headers_behind_the_fragment_header_count_as_the_first_fragments_bytes(judge: Judge) -> None:
    options = bytes([17, 1]) + bytes(14)
    assert met(judge, piece6(options + datagram(ALLOWED), protocol=60)) is None
    assert [met(judge, piece6(datagram(DENIED), offset)) for offset in (16, 24)] == [Reason.FRAGMENT] * 2
    assert met(judge, piece6(datagram(DENIED), 32)) is None


def test_the_same_identification_under_another_protocol_is_another_ipv4_datagram(judge: Judge) -> None:
    assert met(judge, piece4(bytes(64), protocol=47)) is None
    assert met(judge, piece4(bytes(64), 64, protocol=17)) is Reason.FRAGMENT
    assert met(judge, piece4(bytes(64), 64, protocol=47)) is None


def test_an_ipv6_fragment_is_of_the_protocol_that_the_first_one_names(judge: Judge) -> None:
    assert met(judge, piece6(datagram(DENIED))) is Reason.POLICY
    assert met(judge, piece6(bytes(64), 64, protocol=47)) is Reason.POLICY  # RFC 8200 section 4.5: only the first one's next header counts


def test_fragments_of_another_sender_or_direction_are_of_another_datagram(judge: Judge) -> None:
    assert met(judge, piece4(datagram(ALLOWED))) is None
    assert met(judge, piece4(datagram(ALLOWED), 16, source="10.0.0.8")) is Reason.FRAGMENT
    assert met(judge, replace(piece4(datagram(ALLOWED), 16), source=OWN, destination=PEER), OUT) is Reason.FRAGMENT


def test_of_two_first_fragments_the_later_one_counts_and_each_is_judged(judge: Judge) -> None:
    assert met(judge, piece4(datagram(ALLOWED))) is None
    assert met(judge, piece4(datagram(DENIED))) is Reason.POLICY
    assert met(judge, piece4(bytes(8), 16, more=False)) is Reason.POLICY


def test_a_first_fragment_counts_for_sixty_seconds(judge: Judge) -> None:
    assert met(judge, piece4(datagram(ALLOWED))) is None
    (key,) = judge.maps["fragments"].keys()
    entry = Fragmented.view(bytearray(judge.maps["fragments"].lookup(key) or b""))
    for seconds, reason in ((55, None), (61, Reason.FRAGMENT)):
        aged = Fragmented.view(bytearray(bytes(entry)))
        aged.seen_ns = max(0, entry.seen_ns - seconds * 1_000_000_000)
        judge.maps["fragments"].update(key, bytes(aged))
        assert met(judge, piece4(bytes(8), 16, more=False)) == reason


def test_an_entry_that_the_kernel_gave_to_another_datagram_does_not_count(judge: Judge) -> None:
    assert met(judge, piece4(datagram(ALLOWED))) is None
    (key,) = judge.maps["fragments"].keys()
    entry = Fragmented.view(bytearray(judge.maps["fragments"].lookup(key) or b""))
    entry.key.identification ^= 1
    judge.maps["fragments"].update(key, bytes(entry))
    assert met(judge, piece4(bytes(8), 16, more=False)) is Reason.FRAGMENT


def test_a_fragment_header_that_splits_nothing_is_judged_alone(judge: Judge) -> None:
    whole = Ipv6(PEER6, OWN6, Udp(4000, DENIED, bytes(8)), extensions=(fragment(7),))
    assert met(judge, piece6(datagram(ALLOWED))) is None
    assert met(judge, whole) is Reason.POLICY  # RFC 6946
    assert met(judge, piece6(bytes(8), 16, more=False)) is None  # it changed nothing
    assert met(judge, replace(whole, content=Udp(4000, ALLOWED, bytes(8)), extensions=(fragment(8),))) is None
    assert met(judge, piece6(bytes(8), 16, more=False, identification=8)) is Reason.FRAGMENT


def test_neighbour_discovery_in_fragments_is_dropped_where_nothing_is_enforced_too(loaded: Judge) -> None:
    loaded.enforce([])
    claim = neighbour_advertisement(OWN6, PEER6, target_link_layer(bytes(6)))
    whole = transport_bytes(claim.content, bytes(16), bytes(16))
    assert met(loaded, replace(claim, source=OWN6, content=Raw(58, whole[:24]), extensions=(fragment(7, more=True),)), OUT) is Reason.MALFORMED


# ---- echoes


@pytest.mark.parametrize(("question", "others"), [
    (Ipv4(PEER, OWN, echo(0)), [Icmp(kind) for kind in (0, 5, 9, 13, 17)]),
    (Ipv6(PEER6, OWN6, echo_v6(0)), [replace(echo_v6(0), kind=kind) for kind in (129, 130, 137, 139)]),
])  # fmt: skip
def test_an_echo_with_identifier_zero_lets_nothing_but_its_answer_pass(judge: Judge, question: Packet, others: list[Icmp]) -> None:
    assert met(judge, question) is None
    back = replace(question, source=question.destination, destination=question.source)
    answer = echo(0, kind=0) if isinstance(question, Ipv4) else echo_v6(0, kind=129)
    assert met(judge, replace(back, content=answer), OUT) is None
    assert met(judge, back, OUT) is Reason.POLICY  # a question of its own
    for each in others:
        assert met(judge, replace(question, content=each)) is Reason.POLICY, each


# ---- what the frame is


@pytest.mark.parametrize("kind", [0x88CC, 0x8847, 0x8864, 0x9100, 0x0027, 0x05DC, 0x88E5, 0])
def test_another_ethertype_passes_only_where_nothing_is_enforced(judge: Judge, kind: int) -> None:
    frame = Frame(Other(kind, b"\x45" + bytes(60)))
    assert [met(judge, frame, direction) for direction in Direction] == [Reason.UNSUPPORTED] * 2
    judge.enforce([policy(selecting(app="a"), rule(None, [ports(port(ALLOWED))]))])
    assert [met(judge, frame, direction) for direction in (IN, OUT)] == [Reason.UNSUPPORTED, None]
    judge.enforce([])
    assert [met(judge, frame, direction) for direction in Direction] == [None, None]


def test_a_third_tag_hides_no_packet(judge: Judge) -> None:
    packet = Ipv4(PEER, OWN, Udp(4000, ALLOWED))
    assert [met(judge, Frame(packet, (Vlan(),) * tags)) for tags in range(5)] == [None, None, None, Reason.UNSUPPORTED, Reason.UNSUPPORTED]


@pytest.mark.parametrize("inside", range(3))
def test_a_tag_that_the_kernel_keeps_beside_the_frame_counts_as_one(judge: Judge, inside: int) -> None:
    with loading.load(elf.parse(compile_programs(push_tag).elf)) as pushing:
        pushing.maps["entries"].update(bytes(4), judge.datapath.programs["to_endpoint"])
        for wanted, verdict in ((ALLOWED, Verdict.FORWARDED), (DENIED, Verdict.DROPPED)):
            frame = Frame(Ipv4(PEER, OWN, Udp(4000 + inside, wanted)), (Vlan(),) * inside)
            pushing.programs["push_tag"].test_run(frame_bytes(frame), context=CONTEXT)
            (event,) = judge.events()
            assert (event.verdict, event.vlan_tags) == ((verdict, inside + 1) if inside < 2 else (Verdict.DROPPED, 2))


def test_what_was_told_of_one_packet_is_not_told_of_the_next(judge: Judge) -> None:
    assert event_of(judge, Frame(Ipv4(PEER, OWN, Udp(4000, DENIED)))).version == 4
    for frame in (Frame(Other(0x88CC, bytes(60))), Frame(Ipv4(PEER, OWN, version=5)), Frame(Ipv6(PEER6, OWN6, payload_bytes=9999))):
        event = event_of(judge, frame)
        ends = bytes(event.source_address) + bytes(event.destination_address)
        assert (event.version, ends, event.source_port, event.destination_port, event.protocol, event.rule) == (0, bytes(32), 0, 0, 0, 0)


# ---- lengths and headers


@pytest.mark.parametrize(("packet", "reason"), [
    (Ipv4(PEER, OWN, Udp(1, ALLOWED), total_bytes=0), Reason.MALFORMED),  # not "as long as the frame"
    (Ipv4(PEER, OWN, Tcp(1, ALLOWED, flags=2), total_bytes=20), Reason.MALFORMED),
    (Ipv6(PEER6, OWN6, Udp(1, ALLOWED), payload_bytes=0), Reason.MALFORMED),
    (Ipv6(PEER6, OWN6, Udp(1, ALLOWED, length=0)), Reason.MALFORMED),  # a jumbogram's (RFC 2675 section 4)
    (Ipv4(PEER, OWN, Udp(1, ALLOWED, bytes(9), length=16)), None),  # what follows is nobody's
    (Ipv4(PEER, OWN, Raw(51, bytes(64))), Reason.POLICY),  # what AH holds is not looked for
    (Ipv6(PEER6, OWN6, Udp(1, ALLOWED), extensions=(routing(4, 1, (OWN6,)),)), Reason.SOURCE_ROUTE),
    (Ipv6(PEER6, OWN6, Udp(1, ALLOWED), extensions=(destination_options(),) * 9), Reason.TOO_MANY_HEADERS),
    (Ipv4(PEER, OWN, Udp(1, ALLOWED), options=b"\x83\7\4" + bytes(4)), Reason.SOURCE_ROUTE),
    (Ipv6("::ffff:10.0.0.9", OWN6, Udp(1, ALLOWED)), Reason.MALFORMED),
    (Ipv6(PEER6, "::ffff:10.0.0.1", Udp(1, ALLOWED)), Reason.MALFORMED),
    (Ipv6(PEER6, OWN6, echo(1)), Reason.MALFORMED),
    (Ipv4(PEER, OWN, echo_v6(1)), Reason.MALFORMED),
    (piece4(b"", 8), Reason.FRAGMENT),
    (piece6(b"", 8, more=False), Reason.FRAGMENT),
    (replace(piece4(datagram(ALLOWED)), dont_fragment=True), None),
])  # fmt: skip
def test_a_packet_that_others_might_read_differently(judge: Judge, packet: Packet, reason: Reason | None) -> None:
    assert met(judge, packet) == reason
