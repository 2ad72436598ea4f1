"""Frames built, read, and damaged: the support that the datapath's tests stand on."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from tests.support import neighbours
from tests.support.checksums import crc32c, internet_checksum, pseudo_header
from tests.support.extension_headers import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    FRAGMENT,
    HOP_BY_HOP,
    ROUTING,
    Extension,
    authentication,
    destination_options,
    fragment,
    hop_by_hop,
    options_extension,
    routing,
)
from tests.support.fragment_trains import fragment_trains
from tests.support.frame_reading import FragmentPlace, Kind, Reading, Refusal, read
from tests.support.frames import Frame, Other, Vlan, frame_bytes
from tests.support.generated_frames import pieces, valid_frames, valid_packet
from tests.support.ip_packets import Ipv4, Ipv6, Packet, error_about, packet_bytes
from tests.support.malformed import DAMAGES, damaged_frames, truncations
from tests.support.transports import (
    Chunk,
    Icmp,
    Icmpv6,
    Raw,
    Sctp,
    Tcp,
    Transport,
    Udp,
    echo,
    echo_v6,
    protocol_of,
)

STEPPED_OVER = (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS)

# worked out by hand
SYN_V4 = bytes.fromhex(
    "020000000002020000000001 0800 4500003c1c4640004006 b1e6 ac100a63ac100a0c 8ca40050 00000001 00000000 a0027210 0000 0000"
    "020405b4 0402080a 0000000100000000 01030307".replace(" ", "")
)
NEIGHBOUR_V6 = bytes.fromhex(
    "3333ff000002020000000001 86dd 6000000000203aff fe800000000000000000000000000001 ff0200000000000000000001ff000002"
    "8700 0000 00000000 fe800000000000000000000000000002 0101020000000001".replace(" ", "")
)
ARP_WHO_HAS = bytes.fromhex("020000000002020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002".replace(" ", ""))


# ---- expected readings, from the values


def expected(frame: Frame) -> Reading:
    """The reading of a frame with a whole packet, worked out from its value."""
    at = 14 + 4 * len(frame.vlans)
    match frame.content:
        case Ipv4() as packet:
            start = at + 20 + (len(packet.options) + 3) // 4 * 4
            common = Reading(
                Kind.IPV4, len(frame.vlans), at, source=IPv4Address(packet.source), destination=IPv4Address(packet.destination),
                hop_limit=packet.hops, protocol=protocol_of(packet.content), l4_offset=start,
            )  # fmt: skip
            return expected_transport(common, packet.content, len(packet_bytes(packet)) - (start - at))
        case Ipv6() as packet:
            return expected_ipv6(Reading(Kind.IPV6, len(frame.vlans), at), packet)
        case neighbours.Arp():
            return Reading(Kind.ARP, len(frame.vlans), at)
        case Other():
            return Reading(Kind.OTHER, len(frame.vlans), at)


def expected_ipv6(common: Reading, packet: Ipv6) -> Reading:
    ends = [index for index, each in enumerate(packet.extensions) if each.kind not in STEPPED_OVER]
    over = packet.extensions[: ends[0]] if ends else packet.extensions
    start = common.l3_offset + 40 + sum(1 + len(each.content) for each in over)
    content = Raw(packet.extensions[ends[0]].kind) if ends else packet.content
    common = replace(
        common, source=IPv6Address(packet.source), destination=IPv6Address(packet.destination), hop_limit=packet.hops,
        protocol=protocol_of(content), l4_offset=start,
    )  # fmt: skip
    return expected_transport(common, content, common.l3_offset + len(packet_bytes(packet)) - start)


def expected_transport(common: Reading, content: Transport, length: int) -> Reading:
    header = 0
    match content:
        case Tcp():
            header = 20 + (len(content.options) + 3) // 4 * 4
            common = replace(common, source_port=content.source_port, destination_port=content.destination_port, tcp_flags=content.flags)
        case Udp() | Sctp():
            header = 8 if isinstance(content, Udp) else 12
            common = replace(common, source_port=content.source_port, destination_port=content.destination_port)
        case Icmp() | Icmpv6() if isinstance(content, Icmp) == (common.kind is Kind.IPV4):
            header = 8
            is_echo = content.kind in ((0, 8) if isinstance(content, Icmp) else (128, 129))
            identifier = int.from_bytes(content.rest[:2], "big") if is_echo else 0
            common = replace(common, icmp_type=content.kind, icmp_code=content.code, icmp_identifier=identifier)
    return replace(common, payload_offset=common.l4_offset + header, payload_length=length - header)


def is_fragment(frame: Frame) -> bool:
    match frame.content:
        case Ipv4(more=more, offset=offset):
            return more or offset > 0
        case Ipv6(extensions=extensions):
            return any(each.kind == FRAGMENT and each.content[1:3] != b"\0\0" for each in extensions)
        case _:
            return False


def reading_of(packet: Packet) -> Reading:
    return read(frame_bytes(Frame(packet)))


# ---- round trips


def test_what_is_built_is_what_is_read() -> None:
    for frame in valid_frames(seed=1, count=4000):
        if not is_fragment(frame):
            assert read(frame_bytes(frame)) == expected(frame), frame


def test_fragments_say_where_they_belong_and_together_are_the_packet() -> None:
    source = random.Random(2)
    for _ in range(400):
        parts = pieces(source, valid_packet(source))
        at = 0
        for part in parts:
            frame = frame_bytes(Frame(part))
            reading = read(frame)
            assert reading.refused is None and reading.fragment is not None
            assert (reading.fragment.offset, reading.fragment.more) == (at, part is not parts[-1]), part
            assert isinstance(part.content, Raw)
            at += len(part.content.payload)
            if reading.fragment.offset:
                assert frame[reading.payload_offset : reading.payload_offset + reading.payload_length] == part.content.payload
                assert (reading.source_port, reading.destination_port, reading.tcp_flags, reading.icmp_type) == (0, 0, 0, 0)


@pytest.mark.parametrize("content", [
    Tcp(1, 2, flags=2, options=bytes(40), payload=bytes(999)), Udp(1, 2, bytes(999)), Sctp(1, 2, chunks=(Chunk(0, 3, bytes(999)),)),
], ids=lambda content: type(content).__name__)  # fmt: skip
@pytest.mark.parametrize("kind", [Ipv4, Ipv6])
def test_a_first_fragment_has_the_ports_of_its_packet(kind: type[Ipv4] | type[Ipv6], content: Transport) -> None:
    whole = reading_of(kind(content=content))
    [first, *_] = pieces(random.Random(3), kind(content=content))
    reading = reading_of(first)
    assert (reading.source_port, reading.destination_port, reading.tcp_flags) == (1, 2, whole.tcp_flags)


def test_checksums_of_valid_frames_are_right() -> None:
    for frame in valid_frames(seed=4, count=1500):
        if isinstance(frame.content, Ipv4 | Ipv6) and not is_fragment(frame):
            reading, data = read(frame_bytes(frame)), frame_bytes(replace(frame, trailer=b""))
            if reading.kind is Kind.IPV4:
                assert internet_checksum(data[reading.l3_offset : reading.l4_offset]) == 0
            assert right_checksum(reading, data), frame


def right_checksum(reading: Reading, data: bytes) -> bool:
    assert reading.source is not None and reading.destination is not None
    content = data[reading.l4_offset :]
    pseudo = pseudo_header(reading.source.packed, reading.destination.packed, reading.protocol, len(content))
    match reading.kind, reading.protocol:
        case (_, 6) | (Kind.IPV6, 58):
            return internet_checksum(pseudo + content) == 0
        case _, 17:
            unsummed = reading.kind is Kind.IPV4 and content[6:8] == b"\0\0"
            return unsummed or internet_checksum(pseudo + content) == 0
        case Kind.IPV4, 1:
            return internet_checksum(content) == 0
        case _, 132:
            return crc32c(content[:8] + bytes(4) + content[12:]) == int.from_bytes(content[8:12], "little")
        case _:
            return True


def test_known_sums() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720 appendix B.4
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # RFC 1071 section 3
    assert internet_checksum(bytes.fromhex("45000073000040004011 0000 c0a80001c0a800c7".replace(" ", ""))) == 0xB861


# ---- by hand


def test_the_builder_makes_a_frame_worked_out_by_hand() -> None:
    syn = Tcp(36004, 80, 1, 0, 2, 0x7210, options=bytes.fromhex("020405b40402080a000000010000000001030307"), checksum=0)
    packet = Ipv4("172.16.10.99", "172.16.10.12", syn, identification=0x1C46, dont_fragment=True)
    assert frame_bytes(Frame(packet)) == SYN_V4


def test_the_builder_makes_a_neighbour_solicitation_worked_out_by_hand() -> None:
    packet = neighbours.neighbour_solicitation("fe80::1", "fe80::2", neighbours.source_link_layer(bytes.fromhex("020000000001")))
    assert isinstance(packet.content, Icmpv6)
    without_sum = replace(packet, content=replace(packet.content, checksum=0))
    assert frame_bytes(Frame(without_sum, destination_mac=bytes.fromhex("3333ff000002"))) == NEIGHBOUR_V6


def test_the_builder_makes_an_arp_request_worked_out_by_hand() -> None:
    assert frame_bytes(Frame(neighbours.Arp())) == ARP_WHO_HAS


def test_a_frame_by_hand_is_read() -> None:
    assert read(SYN_V4) == Reading(
        Kind.IPV4, 0, 14, source=IPv4Address("172.16.10.99"), destination=IPv4Address("172.16.10.12"), hop_limit=64, protocol=6,
        l4_offset=34, source_port=36004, destination_port=80, tcp_flags=2, payload_offset=74,
    )  # fmt: skip
    tagged = SYN_V4[:12] + bytes.fromhex("88a80064 81000065".replace(" ", "")) + SYN_V4[12:]
    assert (read(tagged).vlans, read(tagged).l3_offset, read(tagged).destination_port) == (2, 22, 80)
    assert read(NEIGHBOUR_V6).icmp_type == neighbours.NEIGHBOUR_SOLICITATION
    assert (read(NEIGHBOUR_V6).hop_limit, read(NEIGHBOUR_V6).payload_length) == (255, 24)
    assert read(ARP_WHO_HAS).kind is Kind.ARP


def test_padding_belongs_to_no_packet() -> None:
    assert read(SYN_V4 + b"junk") == read(SYN_V4)


def test_a_third_tag_is_another_ethertype() -> None:
    assert read(frame_bytes(Frame(vlans=(Vlan(),) * 3))) == Reading(Kind.OTHER, 2, 22)


def test_an_error_quotes_the_packet_it_is_about() -> None:
    about = Ipv4(content=Tcp(40000, 443, options=bytes(8), payload=b"secret"))
    error = error_about(about, 3, 13)
    data = frame_bytes(Frame(error))
    reading = read(data)
    assert (reading.icmp_type, reading.icmp_code, str(reading.destination), reading.payload_length) == (3, 13, "10.0.0.1", 28)
    assert data[reading.payload_offset :] == packet_bytes(about)[:28]
    assert reading_of(error_about(Ipv6(content=Udp(payload=bytes(2000))), 1, 1)).payload_length == 1280 - 48


def test_only_echo_has_an_identifier() -> None:
    assert [reading_of(Ipv4(content=echo(77, kind=kind))).icmp_identifier for kind in (8, 0, 3, 13)] == [77, 77, 0, 0]
    assert [reading_of(Ipv6(content=echo_v6(77, kind=kind))).icmp_identifier for kind in (128, 129, 1, 135)] == [77, 77, 0, 0]


@pytest.mark.parametrize("packet", [Ipv4(content=echo_v6(7)), Ipv6(content=echo(7))])
def test_the_other_version_s_icmp_is_refused(packet: Packet) -> None:
    assert reading_of(packet).refused is Refusal.MALFORMED


# ---- the limits, each from both sides


@pytest.mark.parametrize(("extensions", "refused"), [
    ((destination_options(),) * 8, None),
    ((destination_options(),) * 9, Refusal.TOO_MANY_HEADERS),
    ((destination_options(bytes(254)), destination_options(bytes(254))), None),
    ((destination_options(bytes(254)), destination_options(bytes(262))), Refusal.TOO_MANY_HEADERS),
    ((hop_by_hop(), destination_options(), routing(4, 0), fragment(1), destination_options()), None),
    ((destination_options(), hop_by_hop()), Refusal.MALFORMED),
    ((hop_by_hop(), hop_by_hop()), Refusal.MALFORMED),
    ((fragment(1), fragment(1)), Refusal.MALFORMED),
    ((routing(0, 0),), Refusal.SOURCE_ROUTE),
    ((routing(2, 1, ("fd00::9",)),), Refusal.SOURCE_ROUTE),
    ((routing(2, 0, ("fd00::9",)),), None),
    ((options_extension(HOP_BY_HOP, bytes(6)),), None),
])  # fmt: skip
def test_extension_headers_are_stepped_over_up_to_a_limit(extensions: tuple[Extension, ...], refused: Refusal | None) -> None:
    reading = reading_of(Ipv6(content=Udp(1, 2), extensions=extensions))
    assert reading.refused == refused
    assert refused or (reading.protocol, reading.destination_port) == (17, 2)


def test_authentication_is_not_stepped_over() -> None:
    reading = reading_of(Ipv6(extensions=(hop_by_hop(), authentication())))
    assert (reading.protocol, reading.l4_offset, reading.destination_port) == (AUTHENTICATION, 14 + 48, 0)


@pytest.mark.parametrize(("options", "refused"), [
    (b"\x94\4\0\0", None), (b"\1\1\1\1", None), (b"\0\x83\3\0", None), (b"\x83\3\4\0", Refusal.SOURCE_ROUTE), (b"\1\x89\3\4", Refusal.SOURCE_ROUTE),
    (b"\x07\4\4\0\x83\3\4\0", Refusal.SOURCE_ROUTE), (b"\x07\0\0\0", Refusal.MALFORMED), (b"\x07\1\0\0", Refusal.MALFORMED),
    (b"\x07\5\0\0", Refusal.MALFORMED), (b"\1\1\1\7", Refusal.MALFORMED), (b"\x07\2\x07\2", None),
])  # fmt: skip
def test_ipv4_options_are_stepped_over_except_source_routes(options: bytes, refused: Refusal | None) -> None:
    assert reading_of(Ipv4(options=options)).refused == refused


@pytest.mark.parametrize(("packet", "refused"), [
    (Ipv4(content=Raw(6, bytes(12) + b"\x50" + bytes(7)), more=True), Refusal.MALFORMED),  # 20 bytes are not in units of eight
    (Ipv4(content=Raw(6, bytes(12) + b"\x50" + bytes(11)), more=True), None),
    (Ipv4(content=Raw(6, bytes(12) + b"\x70" + bytes(11)), more=True), Refusal.FRAGMENT),
    (Ipv4(content=Raw(6, bytes(12) + b"\x40" + bytes(11)), more=True), Refusal.MALFORMED),
    (Ipv4(content=Raw(6, bytes(16)), more=True), Refusal.FRAGMENT),
    (Ipv4(content=Raw(6, bytes(3)), offset=8), None),
    (Ipv4(content=Raw(47), offset=8), Refusal.FRAGMENT),
    (Ipv6(content=Raw(47), extensions=(fragment(1, 8),)), Refusal.FRAGMENT),
    (Ipv6(content=Raw(47), extensions=(fragment(1),)), None),
    (Ipv4(content=Raw(17, bytes(7)), offset=65528), None),
    (Ipv4(content=Raw(17, bytes(8)), offset=65528), Refusal.MALFORMED),
    (Ipv6(content=Raw(17, bytes(7)), extensions=(fragment(1, 65528),)), None),
    (Ipv6(content=Raw(17, bytes(8)), extensions=(fragment(1, 65528),)), Refusal.MALFORMED),
    (Ipv6(content=Raw(60, b"\x11\0" + bytes(6)), extensions=(fragment(1, more=True),)), Refusal.FRAGMENT),
    (Ipv6(content=Raw(60, b"\x11\0" + bytes(10) + b"\0\x09" + bytes(2)), extensions=(fragment(1, more=True),)), None),
    (Ipv6(content=Raw(60, b"\x11\1" + bytes(6)), extensions=(fragment(1),)), Refusal.MALFORMED),
])  # fmt: skip
def test_the_edges_of_fragments(packet: Packet, refused: Refusal | None) -> None:
    assert reading_of(packet).refused == refused


def test_a_fragment_header_that_splits_nothing_makes_no_fragment() -> None:
    reading = reading_of(Ipv6(extensions=(fragment(5),)))
    assert (reading.fragment, reading.destination_port) == (None, 80)
    assert reading_of(Ipv6(content=Raw(6, bytes(8)), extensions=(fragment(0xFFFFFFFF, 8),))).fragment == FragmentPlace(0xFFFFFFFF, 8, False, 8)


def test_an_ipv6_fragment_is_as_long_as_all_behind_its_fragment_header() -> None:
    reading = reading_of(Ipv6(content=Raw(60, b"\x11\0" + bytes(6) + b"\0\1\0\2\0\x10\0\0" + bytes(8)), extensions=(fragment(1, more=True),)))
    assert reading.fragment == FragmentPlace(1, 0, True, 24) and reading.destination_port == 2


@pytest.mark.parametrize(("source", "destination"), [("::ffff:10.0.0.1", "fd00::2"), ("fd00::1", "::ffff:10.0.0.1")])
def test_an_ipv4_address_is_none_of_ipv6(source: str, destination: str) -> None:
    assert reading_of(Ipv6(source, destination)).refused is Refusal.MALFORMED
    assert reading_of(Ipv6("::10.0.0.1", "::fffe:10.0.0.1")).refused is None


def test_udp_ends_where_it_says_and_the_rest_is_padding() -> None:
    assert reading_of(Ipv4(content=Udp(payload=bytes(20), length=18))).payload_length == 10
    assert reading_of(Ipv4(content=Udp(payload=bytes(20), length=29))).refused is Refusal.MALFORMED
    assert reading_of(Ipv4(content=Udp(payload=bytes(20), length=7))).refused is Refusal.MALFORMED


# ---- damage


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_that_is_always_wrong_is_always_refused(what: str) -> None:
    source, damage = random.Random(what), DAMAGES[what]
    for _ in range(100):
        frame = damage.make(source)
        reading = read(frame)
        assert damage.refusal is None or reading.refused is damage.refusal, frame.hex()


def test_every_truncation_of_a_packet_is_refused() -> None:
    for frame in valid_frames(seed=6, count=150):
        if isinstance(frame.content, Ipv4 | Ipv6):
            for cut in truncations(frame_bytes(replace(frame, trailer=b""))):
                assert read(cut).refused is Refusal.MALFORMED, cut.hex()


def test_whatever_comes_is_read_within_the_frame() -> None:
    source = random.Random(7)
    frames = [each.frame for each in damaged_frames(seed=8, count=6000)] + [source.randbytes(source.randrange(200)) for _ in range(2000)]
    for frame in frames:
        reading = read(frame)
        if reading.refused is None and reading.kind in (Kind.IPV4, Kind.IPV6):
            assert reading.l3_offset < reading.l4_offset <= reading.payload_offset, frame.hex()
            assert reading.payload_offset + reading.payload_length <= len(frame), frame.hex()
        if reading.refused is not None:
            assert reading == Reading(reading.kind, reading.vlans, reading.l3_offset, reading.refused)


def test_fragments_that_lie_together_are_valid_one_by_one() -> None:
    for train in fragment_trains(seed=9, count=300):
        for frame in train:
            reading = read(frame)
            assert reading.refused is None and reading.fragment is not None, frame.hex()


def test_the_same_seed_makes_the_same_frames() -> None:
    assert list(valid_frames(seed=5, count=50)) == list(valid_frames(seed=5, count=50))
    assert list(damaged_frames(seed=5, count=80)) == list(damaged_frames(seed=5, count=80))
    assert list(damaged_frames(seed=5, count=80)) != list(damaged_frames(seed=6, count=80))
