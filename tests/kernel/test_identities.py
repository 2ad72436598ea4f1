"""Who is at an address, whose an address is, and what counts while policies change: both columns of every table, or one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_address, ip_network
from itertools import count, product

import pytest

from pybpf.enforce import contents
from pybpf.enforce.datapath import Datapath, load_datapath
from pybpf.enforce.switching import ControlWord
from pybpf.eventlog import LogReader
from pybpf.kernel_progs.abi import (
    ANY_PEER,
    BOTH_COLUMNS,
    CLOSED_SIDE,
    OPEN_SIDE,
    WORLD_IPV4,
    WORLD_IPV6,
    Connection,
    Control,
    Direction,
    Event,
    PolicyAction,
    Reason,
    Verdict,
)
from pybpf.programs import SkbContext
from tests.support.frame_judging import PASSED
from tests.support.frames import Frame, frame_bytes
from tests.support.ip_packets import Ipv4, Ipv6
from tests.support.transports import Udp

pytestmark = pytest.mark.kernel
INTERFACE, ENDPOINT, OTHER, SELF = 1, 7, 8, 300
CONTEXT = SkbContext(ifindex=INTERFACE).pack()
PROGRAMS = {Direction.INGRESS: "to_endpoint", Direction.EGRESS: "from_endpoint"}
OWN, PEER = {4: "10.0.0.1", 6: "fd00::1"}, {4: "192.0.2.7", 6: "2001:db8::7"}
ALLOWS, REFUSES, NO_SIDE = 2, 3, 4  # numbers of sides; nothing is said of the last
SIDES = {ALLOWS: PolicyAction.ALLOW, REFUSES: PolicyAction.REFUSE}
ANY_SIDE = (ALLOWS, REFUSES, OPEN_SIDE, CLOSED_SIDE, NO_SIDE)
PORTS = count(20_000)


class Tables:
    """A datapath whose tables are written entry by entry: one endpoint, and sides that decide the same of everything."""

    def __init__(self, owned: ExitStack) -> None:
        self._datapath: Datapath = load_datapath(owned)
        self.maps = self._datapath.maps
        self._word = ControlWord(self.maps["control"])
        owned.callback(self._word.close)
        self.maps["control"].update(bytes(4), bytes(Control.of(events_per_second=1 << 30, connections_sampled=1, answers_per_second=1 << 30)))
        self._log = owned.enter_context(LogReader(self.maps))
        for side, action in SIDES.items():
            self.maps["decisions"].update(contents.number(side), contents.decision(action, 0, rule=side, rule_set=0, audit_rule=0))
            self.maps["peers"].update(contents.peer(side, ANY_PEER), contents.number(side))
        self.reset()

    def reset(self) -> None:
        """Both sides allow everything in both columns, and the endpoint owns its addresses."""
        for name in ("connections", "networks", "addresses"):
            for key in list(self.maps[name].keys()):
                self.maps[name].delete(key)
        for address in OWN.values():
            self.own(address, ENDPOINT, ENDPOINT)
        self.sides((ALLOWS, ALLOWS))
        self.count(1)

    def own(self, address: str, *by_column: int) -> None:
        """These endpoints may send from the address."""
        first, second = by_column
        self.maps["addresses"].update(contents.address(ip_address(address)), contents.owner((SELF, SELF), (first, second)))

    def sides(self, columns: tuple[int, int], number: int = ENDPOINT) -> None:
        """Of both directions."""
        self.maps["endpoints"].update(contents.number(INTERFACE), contents.endpoint(number, (SELF, SELF), columns, columns))

    def count(self, columns: int) -> None:
        """From now on these columns count."""
        self._word.set(self._word.revision + 1, columns)

    def meet(self, direction: Direction, version: int = 4, *, port: int = 0, own: str = "", peer: str = "") -> Event | None:
        """The event of a datagram between the endpoint's address and the peer's; None for a silent pass."""
        local, remote = own or OWN[version], peer or PEER[version]
        ends = (remote, local) if direction is Direction.INGRESS else (local, remote)
        numbers = (53, port or next(PORTS)) if direction is Direction.INGRESS else (port or next(PORTS), 53)
        frame = frame_bytes(Frame((Ipv4 if version == 4 else Ipv6)(*ends, Udp(*numbers))))
        passed = self.passes(direction, frame)
        events = [Event.view(bytearray(record.event)) for record in self._log.read(0)]
        event = events[0] if events else None
        assert passed is (event is None or event.verdict == Verdict.FORWARDED), "dropped, and not told"
        return event

    def passes(self, direction: Direction, frame: bytes) -> bool:
        """Whether the frame gets through."""
        return self._datapath.programs[PROGRAMS[direction]].test_run(frame, context=CONTEXT).return_value == PASSED


@pytest.fixture(scope="module")
def loaded() -> Iterator[Tables]:
    with ExitStack() as owned:
        yield Tables(owned)


@pytest.fixture
def tables(loaded: Tables) -> Tables:
    loaded.reset()
    return loaded


def reason(event: Event | None) -> Reason | None:
    """Why it was dropped; None for a pass."""
    return None if event is None or event.verdict == Verdict.FORWARDED else Reason(event.reason)


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("columns", range(4))
def test_a_packet_passes_only_if_every_column_that_counts_lets_it(tables: Tables, direction: Direction, columns: int) -> None:
    for pair in product(ANY_SIDE, ANY_SIDE):
        tables.sides(pair)
        tables.count(columns)
        counting = [side for column, side in enumerate(pair) if columns >> column & 1]
        passes = bool(counting) and all(side in (ALLOWS, OPEN_SIDE) for side in counting)
        assert (reason(tables.meet(direction)) is None) is passes, (pair, columns)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_connection_passes_only_if_every_column_that_counts_lets_it(tables: Tables, direction: Direction) -> None:
    other = Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS
    for pair, columns in product(product(SIDES, SIDES), range(4)):
        tables.reset()
        port = next(PORTS)
        assert reason(tables.meet(direction, port=port)) is None
        tables.sides(pair)
        tables.count(columns)
        passes = columns != 0 and all(side == ALLOWS for column, side in enumerate(pair) if columns >> column & 1)
        for each in (direction, other, other, direction):
            assert (reason(tables.meet(each, port=port)) is None) is passes, (pair, columns, each)


def test_without_a_policy_that_is_loaded_the_reason_says_so(tables: Tables) -> None:
    port = next(PORTS)
    tables.meet(Direction.EGRESS, port=port)
    tables.count(0)
    assert [reason(tables.meet(Direction.EGRESS, port=each)) for each in (port, next(PORTS))] == [Reason.NOT_LOADED, Reason.NOT_LOADED]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("columns", [1, 2, BOTH_COLUMNS])
def test_an_address_is_the_endpoints_only_if_every_column_that_counts_says_so(tables: Tables, version: int, columns: int) -> None:
    for owners in product((ENDPOINT, OTHER, 0), repeat=2):
        tables.own(OWN[version], *owners)
        tables.count(columns)
        owned = all(owner == ENDPOINT for column, owner in enumerate(owners) if columns >> column & 1)
        assert reason(tables.meet(Direction.EGRESS, version)) == (None if owned else Reason.SPOOFED_SOURCE), owners


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("opener", list(Direction))
def test_an_address_that_is_taken_away_sends_no_more_on_its_connections(tables: Tables, version: int, opener: Direction) -> None:
    port = next(PORTS)
    assert reason(tables.meet(opener, version, port=port)) is None
    tables.own(OWN[version], OTHER, OTHER)
    tables.count(1)
    assert reason(tables.meet(Direction.INGRESS, version, port=port)) is None, "what may be heard at it is policy's to say"
    assert reason(tables.meet(Direction.EGRESS, version, port=port)) is Reason.SPOOFED_SOURCE
    assert reason(tables.meet(Direction.INGRESS, version, port=port)) is None
    assert reason(tables.meet(Direction.EGRESS, version, port=port)) is Reason.SPOOFED_SOURCE


@pytest.mark.parametrize("version", [4, 6])
def test_what_comes_for_an_address_that_is_not_the_endpoints_opens_nothing(tables: Tables, version: int) -> None:
    tables.own(OWN[version], OTHER, OTHER)
    tables.count(1)
    assert tables.meet(Direction.INGRESS, version) is None, "it passes by policy, and is no new connection"
    assert not list(tables.maps["connections"].keys())


@pytest.mark.parametrize("version", [4, 6])
def test_endpoint_zero_is_nobody(tables: Tables, version: int) -> None:
    tables.own(OWN[version], 0, 0)
    tables.sides((ALLOWS, ALLOWS), number=0)
    tables.count(1)
    assert reason(tables.meet(Direction.EGRESS, version)) is Reason.SPOOFED_SOURCE


def test_an_interface_that_is_no_endpoints_lets_nothing_pass(tables: Tables) -> None:
    tables.maps["endpoints"].delete(contents.number(INTERFACE))
    frame = frame_bytes(Frame(Ipv4(PEER[4], OWN[4], Udp())))
    assert not any(tables.passes(direction, frame) for direction in Direction)


@pytest.mark.parametrize(("networks", "address", "identity"), [
    ({}, "192.0.2.7", WORLD_IPV4), ({}, "2001:db8::7", WORLD_IPV6),
    ({"192.0.2.0/24": 1000}, "192.0.2.7", 1000), ({"192.0.2.0/24": 1000}, "192.0.3.7", WORLD_IPV4),
    ({"0.0.0.0/0": 1000, "192.0.2.0/24": 1001, "192.0.2.7/32": 1002}, "192.0.2.7", 1002),
    ({"0.0.0.0/0": 1000, "192.0.2.0/24": 1001, "192.0.2.7/32": 1002}, "192.0.2.8", 1001),
    ({"0.0.0.0/0": 1000, "192.0.2.0/24": 1001, "192.0.2.7/32": 1002}, "198.51.100.1", 1000),
    ({"0.0.0.0/0": 1000}, "2001:db8::7", WORLD_IPV6), ({"::/0": 1000}, "2001:db8::7", 1000),
    ({"2001:db8::/32": 1000, "2001:db8::/64": 1001, "2001:db8::7/128": 1002}, "2001:db8::7", 1002),
    ({"2001:db8::/32": 1000, "2001:db8::/64": 1001, "2001:db8::7/128": 1002}, "2001:db8:1::7", 1000),
])  # fmt: skip
@pytest.mark.parametrize("direction", list(Direction))
def test_an_address_has_the_identity_of_the_longest_network(
    tables: Tables, networks: dict[str, int], address: str, identity: int, direction: Direction
) -> None:
    for network, its in networks.items():
        tables.maps["networks"].update(contents.network(ip_network(network)), contents.pair((its, 0)))
    event = tables.meet(direction, 6 if ":" in address else 4, peer=address)
    assert event is not None
    ends = (event.source_identity, event.destination_identity)
    assert ends == ((identity, SELF) if direction is Direction.INGRESS else (SELF, identity))


def test_an_address_of_its_own_goes_before_any_network_and_counts_by_column(tables: Tables) -> None:
    network, exact = contents.network(ip_network("192.0.2.7/32")), contents.address(ip_address(PEER[4]))
    tables.maps["networks"].update(network, contents.pair((1000, 1001)))
    tables.maps["addresses"].update(exact, contents.owner((500, 0), (0, 0)))
    for columns, identity in ((1, 500), (2, 1001)):
        tables.count(columns)
        event = tables.meet(Direction.EGRESS)
        assert event is not None and event.destination_identity == identity


def test_the_peers_own_entry_goes_before_everybodys(tables: Tables) -> None:
    tables.maps["addresses"].update(contents.address(ip_address(PEER[4])), contents.owner((500, 0), (0, 0)))
    tables.maps["peers"].update(contents.peer(ALLOWS, 500), contents.number(REFUSES))
    try:
        assert reason(tables.meet(Direction.INGRESS)) is Reason.POLICY
        assert reason(tables.meet(Direction.INGRESS, peer="192.0.2.8")) is None
    finally:
        tables.maps["peers"].delete(contents.peer(ALLOWS, 500))


def test_a_decision_that_is_not_there_refuses(tables: Tables) -> None:
    tables.maps["peers"].update(contents.peer(NO_SIDE, ANY_PEER), contents.number((1 << 31) | 16383))
    tables.sides((NO_SIDE, NO_SIDE))
    tables.count(1)
    try:
        assert reason(tables.meet(Direction.INGRESS)) is Reason.POLICY, "a page of nothing says decision 0"
    finally:
        tables.maps["peers"].delete(contents.peer(NO_SIDE, ANY_PEER))


def test_an_entry_from_the_future_is_another_processors(tables: Tables) -> None:
    port = next(PORTS)
    tables.meet(Direction.EGRESS, port=port)
    for key in list(tables.maps["connections"].keys()):
        value = bytearray(tables.maps["connections"].lookup(key) or b"")
        Connection.view(value).seen_ns += 10**9
        tables.maps["connections"].update(key, bytes(value))
    assert tables.meet(Direction.INGRESS, port=port) is None
