"""Numbered packets between workloads, again and again, sent and received by a process of its own while the test changes something.

Headers are made here, so that one workload sends from any address and each packet is a new flow where that is wanted. Their checksums
are wrong: nobody on the way looks at them, raw sockets get the packets all the same, and the receiver's own stack answers nothing.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import struct
import time
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing.connection import Connection
from typing import Final

from pybpf.compiler.policy.model.ports import Protocol
from pybpf.demo import namespaces
from tests.support.topology import FAMILIES, Name, Topology

SO_RCVBUFFORCE: Final = 33  # include/uapi/asm-generic/socket.h, as the next two
SO_TIMESTAMPNS: Final = 35
SO_MEMINFO: Final = 55
_DROPS: Final = 8  # SK_MEMINFO_DROPS, include/uapi/linux/sock_diag.h
_BUFFER_BYTES: Final = 1 << 26
_TCP: Final = struct.Struct("!HHIIBBHHH")  # RFC 9293 section 3.1; the sequence number is the round, the window the stream
_UDP: Final = struct.Struct("!HHHHII")  # RFC 768, with stream and round as content
_TIME: Final = struct.Struct("@qq")  # struct timespec
_SYN: Final = 2
_WRONG_CHECKSUM: Final = 1
_FIRST_PORT, _PORTS = 20_000, 40_000
_LATE_SECONDS: Final = 0.1
_NO_ROOM: Final = (errno.EAGAIN, errno.ENOBUFS)


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets of one kind: SYNs, or datagrams. `source` need not be an address that policy gives to the sender. `renews`: each has a
    source port of its own, and so each is a new flow."""

    sender: Name
    source: str
    destination: Name
    version: int
    protocol: Protocol
    port: int
    renews: bool


@dataclass(frozen=True, slots=True)
class Flooded:
    """What happened, in CLOCK_REALTIME. `began_ns` are the beginnings of all rounds and the end of the last; `arrived_ns` is when the
    kernel had each packet at its destination, round by round, 0 for those that it never had."""

    streams: tuple[Stream, ...]
    began_ns: array[int]
    arrived_ns: array[int]
    overrun: int  # packets that found no room on their way out or in a receiver's buffer

    @property
    def rounds(self) -> int:
        return len(self.began_ns) - 1

    def round(self, number: int) -> Sequence[int]:
        """When the packets of a round arrived, by stream."""
        return self.arrived_ns[number * len(self.streams) : (number + 1) * len(self.streams)]


class Flood:
    """One packet of every stream in each round, from the beginning of the block to its end; then `result` says what came of them."""

    def __init__(self, network: Topology, streams: Sequence[Stream]) -> None:
        self._streams = tuple(streams)
        at = {each.name: each for each in network.workloads}
        self.result: Flooded
        with ExitStack() as owned:
            self._senders = [owned.enter_context(namespaces.run(at[each.sender].namespace, partial(_sender, each))) for each in streams]
            self._receivers = [
                (version, protocol, owned.enter_context(namespaces.run(at[name].namespace, partial(_receiver, version, protocol, at[name].address(version)))))
                for name, version, protocol in product({each.destination for each in streams}, FAMILIES, (Protocol.TCP, Protocol.UDP))
            ]
            self._targets = [(at[each.destination].address(each.version), 0) for each in streams]
            self._owned = owned.pop_all()

    def __enter__(self) -> Flood:
        fork = multiprocessing.get_context("fork")
        self._told, child = fork.Pipe()
        self._process = fork.Process(target=self._run, args=(child,), daemon=True)
        self._process.start()
        assert self._told.recv() == "begun"
        return self

    def __exit__(self, *_: object) -> None:
        self._told.send("stop")
        self.result = Flooded(self._streams, *self._told.recv())
        self._process.join()
        self._owned.close()

    def _run(self, told: Connection) -> None:
        """In the process of its own."""
        began_ns, arrived_ns, unsent = array("q"), array("q"), 0
        none = array("q", bytes(8 * len(self._streams)))
        while not told.poll():
            number = len(began_ns)
            arrived_ns.extend(none)
            began_ns.append(time.time_ns())
            for index, (sender, stream, target) in enumerate(zip(self._senders, self._streams, self._targets, strict=True)):
                try:
                    sender.sendto(_packet(index, stream, number), target)
                except OSError as error:
                    if error.errno not in _NO_ROOM:
                        raise
                    unsent += 1
            self._receive(arrived_ns)
            if number == 1:
                told.send("begun")
        began_ns.append(time.time_ns())
        time.sleep(_LATE_SECONDS)
        self._receive(arrived_ns)
        told.send((began_ns, arrived_ns, unsent + sum(_drops(each) for _, _, each in self._receivers)))
        os._exit(0)  # what the parent owns is not given back here

    def _receive(self, arrived_ns: array[int]) -> None:
        """Note all that is there."""
        for version, protocol, receiver in self._receivers:
            try:
                while True:
                    content, told, _, _ = receiver.recvmsg(128, 64)
                    seconds, nanoseconds = _TIME.unpack(told[0][2])
                    index, number = _number(content[20:] if version == 4 else content, protocol)
                    arrived_ns[number * len(self._streams) + index] = seconds * 1_000_000_000 + nanoseconds
            except BlockingIOError:
                continue


def _sender(stream: Stream) -> socket.socket:
    made = socket.socket(FAMILIES[stream.version], socket.SOCK_RAW, stream.protocol)
    made.bind((stream.source, 0))
    made.setblocking(False)
    return made


def _receiver(version: int, protocol: Protocol, address: str) -> socket.socket:
    made = socket.socket(FAMILIES[version], socket.SOCK_RAW, protocol)
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER_BYTES)
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    made.bind((address, 0))
    made.setblocking(False)
    return made


def _packet(index: int, stream: Stream, number: int) -> bytes:
    """What lies above IP."""
    source = _FIRST_PORT + (index + number * 61 if stream.renews else index) % _PORTS
    if stream.protocol is Protocol.TCP:
        return _TCP.pack(source, stream.port, number, 0, _TCP.size // 4 << 4, _SYN, index, _WRONG_CHECKSUM, 0)
    return _UDP.pack(source, stream.port, _UDP.size, _WRONG_CHECKSUM, index, number)


def _number(content: bytes, protocol: Protocol) -> tuple[int, int]:
    """Stream and round."""
    if protocol is Protocol.TCP:
        _, _, number, _, _, _, index, _, _ = _TCP.unpack(content[: _TCP.size])
    else:
        *_, index, number = _UDP.unpack(content[: _UDP.size])
    return index, number


def _drops(receiver: socket.socket) -> int:
    """How many packets found no room."""
    figures: tuple[int, ...] = struct.unpack("=9I", receiver.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
    return figures[_DROPS]
