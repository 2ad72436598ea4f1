"""A server of a few lines for tests with real connections: what it was asked, and what bodies it was sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedRWPair

from pybpf.demo import namespaces
from pybpf.demo.network import Network

PORT = 8080


@dataclass
class Server:
    """Answers every request with 200 and remembers it; reads bodies by Content-Length or in chunks."""

    listener: socket.socket
    requests: list[bytes] = field(default_factory=list)
    octets: int = 0
    reset: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            try:
                while line := stream.readline():
                    fields: dict[bytes, bytes] = {}
                    while (header := stream.readline()) not in (b"\r\n", b""):
                        name, _, value = header.partition(b":")
                        fields[name.lower()] = value.strip().lower()
                    self.requests.append(line.strip())
                    if b"expect" in fields:
                        stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        stream.flush()
                    self.octets += _body_length(stream, fields)
                    stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    stream.flush()
            except OSError:
                self.reset.set()


def _body_length(stream: BufferedRWPair, fields: dict[bytes, bytes]) -> int:
    """The octets of a body, which is read."""
    if fields.get(b"transfer-encoding") != b"chunked":
        return len(stream.read(int(fields.get(b"content-length", b"0"))))
    total = 0
    while size := int(stream.readline(), 16):
        total += len(stream.read(size))
        stream.readline()
    stream.readline()
    return total


@contextmanager
def serving(built: Network) -> Iterator[Server]:
    """A server in the namespace "server" of a network, for as long as the context lasts."""
    listener = namespaces.run(built.place("server").namespace, lambda: socket.create_server(("", PORT), backlog=64))
    made = Server(listener)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    yield made
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)
