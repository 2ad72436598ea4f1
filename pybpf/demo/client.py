"""A plain HTTP client inside a namespace, which says exactly what came of a request.

Two ways to cut a request head into TCP segments: as it comes, and one byte per segment, each on its way before the
next is handed to the kernel. Every wait is bounded.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from pybpf.demo import answers, namespaces

CONNECT_SECONDS: Final = 1.5  # long enough for the first SYN and the one repeated after a second
ANSWER_SECONDS: Final = 5.0
ANY_PORT: Final = 0  # the kernel chooses, perhaps one that was used a moment ago
# linux/tcp.h, struct tcp_info: where tcpi_total_retrans, tcpi_notsent_bytes and tcpi_data_segs_out lie
_TCP_INFO_BYTES: Final = 160
_RETRANSMITTED, _NOT_SENT, _DATA_SEGMENTS = 100, 144, 156


class Cut(Enum):
    """How a request is cut into TCP segments."""

    WHOLE = "whole head"
    ONE_BYTE_SEGMENTS = "head in 1-byte segments"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response. `closed_cleanly`: the peer then ended the stream with FIN and sent nothing more."""

    status: int
    body: bytes
    closed_cleanly: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """The connection was never answered."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The connection was answered with an error: `error` is the errno's name, such as ECONNREFUSED for a RST."""

    error: str


@dataclass(frozen=True, slots=True)
class Reset:
    """A RST in place of an answer, after these bytes of one."""

    received: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """A FIN in place of an answer, after these bytes of one."""

    received: bytes


@dataclass(frozen=True, slots=True)
class Silent:
    """Connected, but within the time no more than these bytes of an answer came."""

    received: bytes


@dataclass(frozen=True, slots=True)
class Garbled:
    """These bytes are no HTTP response, or not one this client reads."""

    received: bytes


Outcome = Answer | Dropped | Unreachable | Reset | Ended | Silent | Garbled


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one request. `segments` counts the TCP segments with new bytes that left for it."""

    client_port: int
    segments: int
    outcome: Outcome


def head(address: tuple[str, int], method: str, path: str, *, connection: str) -> bytes:
    """A request head as any client would send it; `connection` is "close" or "keep-alive"."""
    host, port = address
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}" if port == 80 else f"Host: {host}:{port}",
        "User-Agent: pybpf-demo",
        "Accept: */*",
        f"Connection: {connection}",
        *(["Content-Length: 0"] if method in ("POST", "PUT", "PATCH") else []),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


def ask(
    namespace: str, address: tuple[str, int], method: str, path: str, *, cut: Cut, client_port: int = ANY_PORT
) -> Exchange:
    """Make one request on a connection of its own, from inside `namespace`."""
    return converse(namespace, address, [(method, path)], cut=cut, client_port=client_port)[0]


def converse(
    namespace: str,
    address: tuple[str, int],
    requests: Sequence[tuple[str, str]],
    *,
    cut: Cut,
    client_port: int = ANY_PORT,
) -> tuple[Exchange, ...]:
    """Make requests (method, path) one after another on one kept connection, from inside `namespace`.

    One exchange per request made; they end with the first that closed the connection or failed.
    """
    return namespaces.run(namespace, lambda: _converse(address, requests, cut, client_port))


def _converse(
    address: tuple[str, int], requests: Sequence[tuple[str, str]], cut: Cut, client_port: int
) -> tuple[Exchange, ...]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.bind(("0.0.0.0", client_port))  # the port is known, and ours, also when connecting fails
        port = connection.getsockname()[1]
        failure = _connect(connection, address)
        if failure is not None:
            return (Exchange(port, 0, failure),)
        exchanges: list[Exchange] = []
        for position, (method, path) in enumerate(requests, start=1):
            before = _segments(connection)
            _send(connection, head(address, method, path, connection="close" if position == len(requests) else "keep-alive"), cut)
            outcome, goes_on = _receive(connection)
            exchanges.append(Exchange(port, _segments(connection) - before, outcome))
            if not goes_on:
                break
        return tuple(exchanges)


def _connect(connection: socket.socket, address: tuple[str, int]) -> Dropped | Unreachable | None:
    """None when connected."""
    connection.settimeout(CONNECT_SECONDS)
    try:
        connection.connect(address)
    except TimeoutError:
        return Dropped()
    except OSError as error:
        if error.errno is None:
            raise
        return Unreachable(errno.errorcode.get(error.errno, str(error.errno)))
    connection.settimeout(ANSWER_SECONDS)
    return None


def _send(connection: socket.socket, request: bytes, cut: Cut) -> None:
    """Send the request, or as much of it as the peer lets us: what became of it shows in what is received."""
    try:
        match cut:
            case Cut.WHOLE:
                connection.sendall(request)
            case Cut.ONE_BYTE_SEGMENTS:
                for byte in request:
                    if _is_readable(connection):
                        return  # answered before the request was complete, as a refusal may be
                    connection.sendall(bytes([byte]))
                    _await_departure(connection)
            case _:
                assert_never(cut)
    except (ConnectionError, TimeoutError):
        return


def _await_departure(connection: socket.socket) -> None:
    """Wait until every byte has left: bytes that wait for the congestion window would share a segment."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while _tcp_info(connection, _NOT_SENT) and not _is_readable(connection):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.0002)


def _receive(connection: socket.socket) -> tuple[Outcome, bool]:
    """The outcome of the request sent last, and whether the connection can take another."""
    received = b""
    try:
        while (response := answers.parse(received)) is None:
            piece = connection.recv(65536)
            if not piece:
                return Ended(received), False
            received += piece
    except ConnectionResetError:
        return Reset(received), False
    except TimeoutError:
        return Silent(received), False
    except ValueError:
        return Garbled(received), False
    extra = len(received) > response.length_bytes
    if not response.closes:
        return (Garbled(received), False) if extra else (Answer(response.status, response.body, closed_cleanly=False), True)
    return Answer(response.status, response.body, closed_cleanly=not extra and _is_at_end(connection)), False


def _is_at_end(connection: socket.socket) -> bool:
    """Whether the next thing that comes is the FIN."""
    try:
        return connection.recv(1) == b""
    except (ConnectionResetError, TimeoutError):
        return False


def _is_readable(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])


def _segments(connection: socket.socket) -> int:
    """Segments with data sent so far on this connection, repetitions not counted."""
    return _tcp_info(connection, _DATA_SEGMENTS) - _tcp_info(connection, _RETRANSMITTED)


def _tcp_info(connection: socket.socket, offset: int) -> int:
    """One 32-bit field of struct tcp_info (tcpi_data_segs_out since Linux 4.6)."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    return int(struct.unpack_from("=I", info, offset)[0])
