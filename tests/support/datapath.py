"""The datapath's programs in the kernel, fed with packets by BPF_PROG_TEST_RUN: one endpoint, a few peers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import count
from types import TracebackType
from typing import Self

from pybpf import elf, loading
from pybpf.compiler import build, datapath_module, rule_set_module
from pybpf.compiler.lower import HttpTables
from pybpf.kernel_progs import abi, state
from pybpf.programs import SkbContext, TestRun
from pybpf.ringbuf import RingReader
from tests.support.packets import ACK, PSH, SYN, Segment, frame, reply_to

SERVICE, CLIENT, STRANGER = "10.0.0.2", "10.0.0.1", "10.0.0.9"
CLIENT_IDENTITY, SERVICE_IDENTITY = 256, 257
ENDPOINT, DEFAULT_RULE, PORT_RULE = 1, 90, 91
INTERFACE = 1
PASSED, SHOT = 0, 2


class Datapath:
    """The service endpoint, ingress enforced: the client may talk to port 80 (inspected) and 81 (not)."""

    def __init__(self, tables: HttpTables) -> None:
        with ExitStack() as owned:
            self.core = owned.enter_context(loading.load(elf.parse(build(datapath_module()).elf)))
            spec = elf.parse(build(rule_set_module(tables)).elf)
            shared = {name: self.core.maps[name] for name in spec.maps if name in self.core.maps}
            self.http = owned.enter_context(loading.load(spec, maps=shared))
            self.ring = owned.enter_context(RingReader(self.core.maps["events"]))
            self._ports = count(1024)
            self._fill()
            self._owned = owned.pop_all()

    def _fill(self) -> None:
        maps = self.core.maps
        maps["stages"].update(number(state.STAGE_REFUSE), self.core.programs["refuse_packet"])
        maps["rule_sets"].update(number(0), self.http.programs["judge_http"])
        self.set_endpoint(ingress=1, egress=0)
        for address, identity in ((CLIENT, CLIENT_IDENTITY), (SERVICE, SERVICE_IDENTITY)):
            key = abi.AddressKey.of(prefix_bits=32, address=int(IPv4Address(address)))
            maps["identities"].update(bytes(key), bytes(abi.Identity.of(identity=identity)))
        self.set_policy(80, abi.PolicyAction.INSPECT)
        self.set_policy(81, abi.PolicyAction.ALLOW)

    def set_endpoint(self, *, ingress: int, egress: int) -> None:
        """Which directions are enforced."""
        value = abi.Endpoint.of(
            id=ENDPOINT, identity=SERVICE_IDENTITY, address=int(IPv4Address(SERVICE)), ingress_enforced=ingress, egress_enforced=egress,
            ingress_rule=DEFAULT_RULE, egress_rule=DEFAULT_RULE,
        )  # fmt: skip
        self.core.maps["endpoints"].update(number(INTERFACE), bytes(value))

    def set_policy(self, port: int, action: int, *, direction: int = abi.Direction.INGRESS) -> None:
        """What the client may do at `port`; action 0: nothing."""
        key = bytes(abi.PolicyKey.of(endpoint=ENDPOINT, identity=CLIENT_IDENTITY, direction=direction, protocol=6, port=port))
        if action:
            self.core.maps["policies"].update(key, bytes(abi.PolicyEntry.of(action=action, rule_set=0, rule=PORT_RULE)))
        else:
            self.core.maps["policies"].delete(key)

    def receive(self, data: bytes) -> TestRun:
        """A frame on its way to the endpoint."""
        return self.core.programs["to_endpoint"].test_run(data, context=SkbContext(ifindex=INTERFACE).pack())

    def send(self, data: bytes) -> TestRun:
        """A frame on its way from the endpoint."""
        return self.core.programs["from_endpoint"].test_run(data, context=SkbContext(ifindex=INTERFACE).pack())

    def events(self) -> list[abi.Event]:
        """The events since the last call."""
        return [abi.Event.view(bytearray(record)) for record in self.ring.read(0)]

    def connect(self, *, port: int = 80, client: str = CLIENT) -> Segment:
        """A handshake through the datapath; the segment the client would send next, without payload."""
        syn = Segment(client, SERVICE, next(self._ports), port, sequence=1000, flags=SYN)
        self.receive(frame(syn))
        answer = reply_to(syn, sequence=5000, flags=SYN | ACK)
        self.send(frame(answer))
        ready = replace(syn, sequence=1001, acknowledgement=5001, flags=ACK)
        self.receive(frame(ready))
        return replace(ready, flags=ACK | PSH)

    def request(self, at: Segment, pieces: Sequence[bytes]) -> list[TestRun]:
        """The pieces, one segment each, one after the other from where `at` is."""
        runs, sequence = [], at.sequence
        for piece in pieces:
            runs.append(self.receive(frame(replace(at, sequence=sequence, payload=piece))))
            sequence += len(piece)
        return runs

    def connection(self, at: Segment) -> abi.Connection | None:
        """The connection table's entry of the client's connection."""
        key = abi.ConnectionKey.of(
            endpoint=ENDPOINT, local_address=int(IPv4Address(SERVICE)), remote_address=int(IPv4Address(at.source)),
            local_port=at.destination_port, remote_port=at.source_port,
        )  # fmt: skip
        found = self.core.maps["connections"].lookup(bytes(key))
        return None if found is None else abi.Connection.view(bytearray(found))

    def close(self) -> None:
        """Unload everything."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def number(value: int) -> bytes:
    """An index as a map key."""
    return value.to_bytes(4, "little")
