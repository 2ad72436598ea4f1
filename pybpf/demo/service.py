"""The flights API: a small HTTP/1.1 service, run as a process of its own inside a namespace.

    python service.py PORT LOG_FD

Writes "ready" to standard output when it listens, and to LOG_FD one JSON object per request that reached it, before
it answers: {"method", "path", "address", "port"}, the last two the client's. Ends when standard input does, which is
also when its parent dies; what had arrived by then is read and logged first, so that the log of an ended service is
complete. It stands alone (standard library only), so that the process starts fast and needs no path.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Final
from urllib.parse import urlsplit

IDLE_SECONDS: Final = 5.0
MAX_BODY_BYTES: Final = 1 << 20
FLIGHTS: Final = [{"id": "123", "from": "WAW", "to": "LIS"}, {"id": "124", "from": "KRK", "to": "OSL"}]

# method, path -> status, content (None: no content)
ROUTES: Final = (
    ("GET", re.compile("/flights"), 200, FLIGHTS),
    ("GET", re.compile("/flights/[^/]+"), 200, FLIGHTS[0]),
    ("POST", re.compile("/flights"), 201, {"id": "125"}),
    ("GET", re.compile("/bookings"), 200, [{"id": "7", "flight": "123"}]),
    ("DELETE", re.compile("/bookings/[^/]+"), 204, None),
)
NOT_FOUND: Final = (404, {"error": "not found"})


def route(method: str, target: str) -> tuple[int, object]:
    """Status and JSON content for a request; the query of the target does not matter."""
    path = urlsplit(target).path
    for known, pattern, status, content in ROUTES:
        if known == method and pattern.fullmatch(path):
            return status, content
    return NOT_FOUND


class Service(ThreadingTCPServer):
    """The listening socket, and the connections that are open."""

    # Not http.server.HTTPServer, whose bind asks a name server, and in a demo's namespace there is none.
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, log_fd: int) -> None:
        self.log_fd = log_fd
        self._open: set[socket.socket] = set()
        super().__init__(("0.0.0.0", port), Connection)

    def finish(self) -> None:
        """Take what has arrived, let every connection read to the end of that, and close."""
        self.shutdown()
        while select.select([self], [], [], 0)[0]:
            self.handle_request()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # what the kernel holds already can still be read
        self.server_close()  # waits for the threads of the connections

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int]) -> None:
        assert isinstance(request, socket.socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that is reset is what this demo is about; anything else is our own bug and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Connection(BaseHTTPRequestHandler):
    """One connection; the base class parses requests and calls do_METHOD for each."""

    server: Service
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer one request; POST and DELETE differ in their routes only."""
        if "transfer-encoding" in self.headers:
            self.send_error(411)
            return
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.send_error(400)
            return
        self.rfile.read(int(length))
        status, content = route(self.command, self.path)
        self.send_response(status)
        if self.close_connection:
            self.send_header("Connection", "close")
        if content is None:
            self.end_headers()
            return
        body = json.dumps(content).encode() + b"\n"
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET
    do_DELETE = do_GET

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The base class calls this for every response, also for those to nonsense, before it sends the first byte."""
        address, port = self.client_address
        path = getattr(self, "path", self.requestline)
        record = {"method": self.command or "", "path": path, "address": address, "port": port}
        os.write(self.server.log_fd, json.dumps(record).encode() + b"\n")

    def log_message(self, *_: object) -> None:
        """Nothing on standard error: the log has what happened."""


def main(port: int, log_fd: int) -> None:
    """Serve until standard input ends."""
    service = Service(port, log_fd)
    # The default of half a second between looks at the stop flag would be most of the time a demo takes to end.
    thread = threading.Thread(target=service.serve_forever, args=(0.02,))
    thread.start()
    os.write(sys.stdout.fileno(), b"ready\n")
    sys.stdin.buffer.read()
    service.finish()
    thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
