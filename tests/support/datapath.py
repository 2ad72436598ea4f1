"""The datapath's programs in the kernel, fed with packets by BPF_PROG_TEST_RUN: one endpoint, a few peers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from itertools import count
from types import TracebackType
from typing import Self

from pybpf import elf, loading
from pybpf.compiler import shape_module
from pybpf.compiler.lower.http_tables import HttpTables
from pybpf.enforce import contents
from pybpf.enforce.datapath import STAGES, datapath_elf
from pybpf.enforce.switching import ControlWord
from pybpf.eventlog import LogReader
from pybpf.kept_objects import Wanted, elf_objects
from pybpf.kernel_progs import abi
from pybpf.kernel_progs.matching import Stream
from pybpf.programs import SkbContext, TestRun
from pybpf.variables import with_values
from tests.support.packets import ACK, PSH, SYN, Segment, frame, reply_to

SERVICE, CLIENT, STRANGER = "10.0.0.2", "10.0.0.1", "10.0.0.9"
CLIENT_IDENTITY, SERVICE_IDENTITY = 256, 257
ENDPOINT, DEFAULT_RULE, PORT_RULE = 1, 90, 91
INTERFACE = 1
SIDES = {abi.Direction.INGRESS: 2, abi.Direction.EGRESS: 3}
REFUSED = 9  # the decision of the default deny
PASSED, SHOT = 0xFFFFFFFF, 2  # TC_ACT_UNSPEC: what passes is for the programs behind ours


class Datapath:
    """The service endpoint, ingress enforced: the client may talk to port 80 (inspected) and 81 (not)."""

    def __init__(self, tables: HttpTables, refusal: abi.Refusal = abi.Refusal.FORBIDDEN) -> None:
        self._refusal = refusal
        with ExitStack() as owned:
            self.core = owned.enter_context(loading.load(elf.parse(datapath_elf())))
            (octets,) = elf_objects([Wanted(f"rule set {tables.shape}", partial(shape_module, tables.shape))])
            spec = with_values(elf.parse(octets), tables.arrays)
            shared = {name: self.core.maps[name] for name in spec.maps if name in self.core.maps and not name.startswith(".")}
            self.http = owned.enter_context(loading.load(spec, maps=shared))
            self.log = owned.enter_context(LogReader(self.core.maps))
            self._word = ControlWord(self.core.maps["control"])
            owned.callback(self._word.close)
            self._actions: dict[int, dict[int, int]] = {0: {}, 1: {}}
            self._ports = count(1024)
            self._fill()
            self._owned = owned.pop_all()

    def _fill(self) -> None:
        maps = self.core.maps
        for stage, name in STAGES.items():
            maps["stages"].update(number(stage), self.core.programs[name])
        maps["rule_sets"].update(number(0), self.http.programs["judge_http"])
        rates = abi.Control.of(events_per_second=1 << 30, connections_sampled=1, answers_per_second=1 << 30, requests_sampled=1)
        maps["control"].update(number(0), bytes(rates))
        for address, identity, owner in ((CLIENT, CLIENT_IDENTITY, 0), (SERVICE, SERVICE_IDENTITY, ENDPOINT)):
            maps["addresses"].update(contents.address(IPv4Address(address)), contents.owner((identity, 0), (owner, 0)))
        refusal = self._refusal
        for which, action in ((each, each) for each in (abi.PolicyAction.ALLOW, abi.PolicyAction.INSPECT, abi.PolicyAction.WATCH)):
            maps["decisions"].update(number(which), contents.decision(action, refusal, rule=PORT_RULE, rule_set=0, audit_rule=0))
        maps["decisions"].update(number(REFUSED), contents.decision(0, abi.Refusal.DROP, rule=DEFAULT_RULE, rule_set=0, audit_rule=0))
        for direction in abi.Direction:
            side, page = SIDES[direction], 3 * direction
            maps["peers"].update(contents.peer(side, abi.ANY_PEER), number(REFUSED))
            maps["peers"].update(contents.peer(side, CLIENT_IDENTITY), number(page | abi.IS_PAGE))
            maps["pages"].update(number(page), _page({6: (page + 1) | abi.IS_PAGE}))
            maps["pages"].update(number(page + 1), _page({0: (page + 2) | abi.IS_PAGE}))
        self.set_endpoint(ingress=1, egress=0)
        self.set_policy(80, abi.PolicyAction.INSPECT)
        self.set_policy(81, abi.PolicyAction.ALLOW)

    def set_endpoint(self, *, ingress: int, egress: int) -> None:
        """Which directions are enforced."""
        sides = [SIDES[each] if enforced else abi.OPEN_SIDE for each, enforced in ((abi.Direction.INGRESS, ingress), (abi.Direction.EGRESS, egress))]
        value = contents.endpoint(ENDPOINT, (SERVICE_IDENTITY, 0), (sides[0], 0), (sides[1], 0))
        self.core.maps["endpoints"].update(number(INTERFACE), value)
        self._word.set(self._word.revision + 1, 1)

    def set_policy(self, port: int, action: int, *, direction: int = abi.Direction.INGRESS) -> None:
        """What the client may do at `port`, one below 256; action 0: nothing."""
        self._actions[direction][port] = action or REFUSED
        self.core.maps["pages"].update(number(3 * direction + 2), _page(self._actions[direction]))
        self._word.set(self._word.revision + 1, 1)

    def receive(self, data: bytes) -> TestRun:
        """A frame on its way to the endpoint."""
        return self.core.programs["to_endpoint"].test_run(data, context=SkbContext(ifindex=INTERFACE).pack())

    def send(self, data: bytes) -> TestRun:
        """A frame on its way from the endpoint."""
        return self.core.programs["from_endpoint"].test_run(data, context=SkbContext(ifindex=INTERFACE).pack())

    def events(self) -> list[abi.Event]:
        """The events since the last call."""
        return [abi.Event.view(bytearray(record.event)) for record in self.log.read(0)]

    def connect(self, *, port: int = 80, client: str = CLIENT, sequence: int = 1000) -> Segment:
        """A handshake through the datapath; the segment the client would send next, without payload."""
        syn = Segment(client, SERVICE, next(self._ports), port, sequence=sequence, flags=SYN)
        self.receive(frame(syn))
        answer = reply_to(syn, sequence=5000, flags=SYN | ACK)
        self.send(frame(answer))
        ready = replace(syn, sequence=sequence + 1, acknowledgement=5001, flags=ACK)
        self.receive(frame(ready))
        return replace(ready, flags=ACK | PSH)

    def request(self, at: Segment, pieces: Sequence[bytes]) -> list[TestRun]:
        """The pieces, one segment each, one after the other from where `at` is."""
        runs, sequence = [], at.sequence
        for piece in pieces:
            runs.append(self.receive(frame(replace(at, sequence=sequence, payload=piece))))
            sequence += len(piece)
        return runs

    def key(self, at: Segment) -> bytes:
        """The key of the client's connection in `connections`."""
        local, remote = (contents.address(IPv4Address(each)) for each in (SERVICE, at.source))
        ports = at.destination_port.to_bytes(2, "big") + at.source_port.to_bytes(2, "big")
        return local + remote + ports + ENDPOINT.to_bytes(2, "little") + bytes([6, 0])

    def stream(self, at: Segment) -> Stream | None:
        """What is known of the client's inspected connection."""
        slot = self.slot(at)
        found = self.core.maps["streams"].lookup(number(slot))
        return None if found is None or slot == abi.NO_STREAM else Stream.view(bytearray(found))

    def set_stream(self, at: Segment, stream: Stream) -> None:
        """Make this be known of it."""
        self.core.maps["streams"].update(number(self.slot(at)), bytes(stream))

    def slot(self, at: Segment) -> int:
        """Where that is kept."""
        found = self.core.maps["connections"].lookup(self.key(at))
        return abi.NO_STREAM if found is None else abi.Connection.view(bytearray(found)).stream

    def counted(self, reason: abi.Reason) -> int:
        """How many packets were dropped or answered for it."""
        found = self.core.maps["counters"].lookup_per_cpu(number(abi.Counted.REASONS + reason)) or []
        return sum(int.from_bytes(each, "little") for each in found)

    def packets(self) -> tuple[int, int]:
        """How many packets to the endpoint were counted, and how many of them as refused."""
        found = self.core.maps["endpoint_counts"].lookup_per_cpu(number(ENDPOINT * 2)) or []
        counts = [abi.EndpointCount.view(bytearray(each)) for each in found]
        return sum(each.packets for each in counts), sum(each.refused for each in counts)

    def close(self) -> None:
        """Unload everything."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _page(entries: dict[int, int]) -> bytes:
    return contents.page([(index, entries.get(index, REFUSED)) for index in range(abi.PAGE_ENTRIES)])


def number(value: int) -> bytes:
    """An index as a map key."""
    return value.to_bytes(4, "little")
