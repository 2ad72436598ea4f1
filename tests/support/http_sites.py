"""The same small site by several real servers, in a network namespace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pybpf.demo import namespaces
from pybpf.demo.network import Place

SOURCES = Path(__file__).parent / "servers"
NGINX = """
daemon off; master_process off; user root; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; client_max_body_size 0;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; keepalive_requests 100000;
  server {{
    listen {address}:{port};
    location = /open/upload {{ return 200 $content_length; }}
    location /open/ {{ alias {folder}/files/; }}
  }}
}}
"""
SIZES = (10, 5_000, 300_000)  # of what there is to get


def _nginx(place: Place, port: int, folder: Path) -> list[str]:
    (folder / "files").mkdir()
    for size in SIZES:
        (folder / "files" / str(size)).write_bytes(b"x" * size)
    (folder / "conf").write_text(NGINX.format(folder=folder, address=place.ipv4, port=port))
    return ["nginx", "-c", str(folder / "conf"), "-p", str(folder)]


def _node(place: Place, port: int, folder: Path) -> list[str]:
    return ["node", str(SOURCES / "site.js"), place.ipv4, str(port)]


def _gunicorn(place: Place, port: int, folder: Path) -> list[str]:
    return [sys.executable, "-m", "gunicorn", "--log-level", "error", "--chdir", str(SOURCES), "-k", "gthread", "--threads", "4", "-b", f"{place.ipv4}:{port}", "small_site:wsgi"]


def _uvicorn(place: Place, port: int, folder: Path) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "--app-dir", str(SOURCES), "--log-level", "error", "--host", place.ipv4, "--port", str(port), "small_site:asgi"]


SITES = {"nginx": _nginx, "node": _node, "gunicorn": _gunicorn, "uvicorn": _uvicorn}


@contextmanager
def site(name: str, place: Place, port: int, folder: Path) -> Iterator[None]:
    """One of SITES at a place of a network, once it answers, until the block ends."""
    command = ["ip", "netns", "exec", place.namespace, *SITES[name](place, port, folder)]
    process = subprocess.Popen(command, env={**os.environ, "HOME": str(folder)}, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while not namespaces.run(place.namespace, lambda: _answers(place.ipv4, port)):
            assert process.poll() is None and time.monotonic() < until, f"{name} does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0
