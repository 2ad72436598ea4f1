"""Real servers that say what they read: nginx in front of a recorder, Node, and Go where it is installed. On Unix sockets in a folder of ours."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.http_peers import Reading, Seen

SOURCES = Path(__file__).parent / "servers"
LAST = b"GET /the-end HTTP/1.1\r\nHost: end\r\nConnection: close\r\n\r\n"
NGINX = """
daemon off; master_process off; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 100000; lingering_close off; proxy_ignore_client_abort on;
  server {{
    listen unix:{path}; merge_slashes off;
    location / {{ proxy_pass http://unix:{backend}:; proxy_set_header Host $http_host; proxy_pass_request_headers on; }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[Path]:
    """nginx; it hands what it reads to a recorder behind it, bodies whole, and that answers."""
    path, backend, configuration = folder / "nginx.sock", folder / "backend.sock", folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, path=path, backend=backend))
    with _recorder(backend), _running(["nginx", "-c", str(configuration), "-p", str(folder)], path):
        yield path


@contextmanager
def node(folder: Path) -> Iterator[Path]:
    """Node's http module."""
    path = folder / "node.sock"
    with _running(["node", str(SOURCES / "recorder.js"), str(path)], path):
        yield path


@contextmanager
def go(folder: Path) -> Iterator[Path]:
    """Go's net/http."""
    path, binary = folder / "go.sock", folder / "recorder"
    environment = {"PATH": "/usr/local/go/bin:/usr/bin:/bin", "HOME": str(folder), "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    subprocess.run([shutil.which("go") or "go", "build", "-o", str(binary), str(SOURCES / "recorder.go")], check=True, env=environment)
    with _running([str(binary), str(path)], path):
        yield path


SERVERS = {"nginx": nginx, "node": node, "go": go}


def read_by(path: Path, stream: bytes, is_last: bool) -> Reading:
    """What the server at `path` makes of `stream`. Unless that ends a connection itself, a request follows that must be seen as such."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(stream if is_last else stream + LAST)
        connection.shutdown(socket.SHUT_WR)  # of two Connection lines that contradict each other nginx believes the last
        answers = b""
        while part := connection.recv(65536):
            answers += part
    reading = Reading()
    while answers:
        head, _, answers = answers.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        if status == 100:
            continue
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        shown = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"x-seen: ")]
        if not shown:
            reading.refusal = f"status {status}"
            return reading
        answers = _behind_body(answers, fields)
        reading.requests.append(_seen(json.loads(base64.b64decode(shown[0]))))
    if not is_last:
        if not reading.requests or reading.requests[-1] != Seen("GET", "/the-end", "end", b"", True):
            reading.refusal = "the request behind it was not seen"
        else:
            reading.requests.pop()
    return reading


def _behind_body(answers: bytes, fields: dict[bytes, bytes]) -> bytes:
    """Recorders answer without a body; what says it is chunked has the empty one."""
    empty = b"0\r\n\r\n"
    return answers.removeprefix(empty) if fields.get(b"transfer-encoding") == b"chunked" else answers


def _seen(shown: dict[str, str]) -> Seen:
    return Seen(shown["method"], shown["target"], shown["host"], base64.b64decode(shown["body"]), True)


@contextmanager
def _running(command: list[str], path: Path) -> Iterator[None]:
    """The command, once it listens, until the block ends."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while not _listens(path):
            assert process.poll() is None and time.monotonic() < until, f"{command[0]} does not listen"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def _recorder(path: Path) -> Iterator[None]:
    """What stands behind nginx: HTTP/1.0, one request each, bodies by Content-Length."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        thread = threading.Thread(target=_record, args=(listener,), daemon=True)
        thread.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _record(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            method, target, _version = stream.readline().decode("latin-1").split(" ")
            fields: dict[str, str] = {}
            while line := stream.readline().strip(b"\r\n"):
                name, _, value = line.decode("latin-1").partition(":")
                fields[name.lower()] = value.strip(" ")
            body = stream.read(int(fields.get("content-length", "0")))
            seen = {"method": method, "target": target, "host": fields["host"], "body": base64.b64encode(body).decode()}
            shown = base64.b64encode(json.dumps(seen).encode())
            stream.write(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nX-Seen: " + shown + b"\r\n\r\n")
