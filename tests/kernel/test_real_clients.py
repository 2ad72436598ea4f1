"""Clients that people use, against servers that people use, under a policy: nothing but what is refused goes otherwise than without."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from pybpf.compiler.diag import Source
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import EndpointConfig, enforce
from tests.support.http_service import PORT
from tests.support.http_sites import SITES, SOURCES, site

pytestmark = pytest.mark.kernel

POLICY = "policy api for app=server {\n  allow from app=client on port 8080: GET|HEAD /open/*, POST /open/upload\n}\n"
REFUSED = "Access denied\r\n"


@dataclass(frozen=True)
class Ask:
    """A request, and what must come of it: the status and the text, or how long that is."""

    method: str
    path: str
    status: int
    expected: str | int
    body_bytes: int = 0


ASKS = [
    Ask("GET", "/open/10", 200, "x" * 10), Ask("GET", "/open/300000", 200, 300_000), Ask("HEAD", "/open/5000", 200, 0), Ask("GET", "/open/5000", 200, 5_000),
    Ask("POST", "/open/upload", 200, "1000000", 1_000_000), Ask("GET", "/open/10", 200, "x" * 10), Ask("GET", "/closed/10", 403, REFUSED),
    Ask("GET", "/open/10", 200, "x" * 10), Ask("POST", "/open/upload", 200, "3", 3), Ask("DELETE", "/open/10", 403, REFUSED),
]  # fmt: skip


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        configs = [EndpointConfig(place.name, "default", {"app": place.name}, place.ipv4, place.interface) for place in made.places]
        with namespaces.run(made.node, lambda: enforce([Source("api.policy", POLICY)], configs)):
            yield made


@pytest.fixture(scope="module", params=SITES)
def served(request: pytest.FixtureRequest, built: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The beginning of the site's addresses."""
    if request.param in ("nginx", "node") and shutil.which(request.param) is None:
        pytest.skip(f"missing: {request.param} (tests/install-tools)")
    with site(request.param, built.place("server"), PORT, tmp_path_factory.mktemp(request.param)):
        yield f"http://{built.place('server').ipv4}:{PORT}"


def by_command(built: Network, command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"missing: {command[0]} (tests/install-tools)")
    return subprocess.run(["ip", "netns", "exec", built.place("client").namespace, *command], capture_output=True, timeout=60)


def body_file(folder: Path, octets: int) -> str:
    path = folder / f"body{octets}"
    path.write_bytes(bytes(octets))
    return str(path)


Answers = list[tuple[int, str]]


def by_curl(built: Network, base: str, folder: Path) -> Answers:
    """All by one curl, so by as few connections as it can."""
    command = ["curl", "-sS", "--max-time", "30"]
    for number, ask in enumerate(ASKS):
        command += ["--next"] * bool(number) + ["-sS", "-o", str(folder / f"curl{number}"), "-w", "%{http_code} %{num_connects}\n"]
        command += ["--head"] if ask.method == "HEAD" else ["-X", ask.method]
        command += ["--data-binary", f"@{body_file(folder, ask.body_bytes)}"] if ask.body_bytes else []
        command.append(base + ask.path)
    ended = by_command(built, command)
    assert ended.returncode == 0, ended.stderr
    statuses = [int(line.split()[0]) for line in ended.stdout.splitlines()]
    return [(status, "" if ask.method == "HEAD" else (folder / f"curl{number}").read_bytes().decode()) for number, (ask, status) in enumerate(zip(ASKS, statuses, strict=True))]


def by_wget(built: Network, base: str, folder: Path) -> Answers:
    found = []
    for ask in ASKS:
        command = ["wget", "-qSO-", "--content-on-error", "--tries=1", "--timeout=30", f"--method={ask.method}", base + ask.path]
        ended = by_command(built, [*command, f"--body-file={body_file(folder, ask.body_bytes)}"] if ask.body_bytes else command)
        status = [line.split()[1] for line in ended.stderr.decode().splitlines() if line.strip().startswith("HTTP/1.1 ")][-1]
        found.append((int(status), ended.stdout.decode()))
    return found


def by_http_client(built: Network, base: str, folder: Path) -> Answers:
    """The standard library's; a new connection where the old one was closed."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=30)
    found = []
    for ask in ASKS:
        connection.request(ask.method, ask.path, bytes(ask.body_bytes) if ask.body_bytes else None)
        answer = connection.getresponse()
        found.append((answer.status, answer.read().decode()))
    connection.close()
    return found


def by_httpx(built: Network, base: str, folder: Path) -> Answers:
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
        replies = [client.request(ask.method, ask.path, content=bytes(ask.body_bytes) if ask.body_bytes else None) for ask in ASKS]
    return [(reply.status_code, reply.text) for reply in replies]


def by_node(built: Network, base: str, folder: Path) -> Answers:
    words = [word for ask in ASKS for word in (ask.method, ask.path, str(ask.body_bytes))]
    ended = by_command(built, ["node", str(SOURCES / "fetch.js"), base, *words])
    assert ended.returncode == 0, ended.stderr
    return [(status, text if length <= len(text) else "x" * length) for status, length, text in json.loads(ended.stdout)]


CLIENTS: dict[str, Callable[[Network, str, Path], Answers]] = {
    "curl": by_curl, "wget": by_wget, "http.client": by_http_client, "httpx": by_httpx, "node": by_node,
}  # fmt: skip


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_gets_what_it_may_and_403_for_the_rest(built: Network, served: str, name: str, tmp_path: Path) -> None:
    client = CLIENTS[name]
    in_process = name in ("http.client", "httpx")
    answers = namespaces.run(built.place("client").namespace, lambda: client(built, served, tmp_path)) if in_process else client(built, served, tmp_path)
    for ask, (status, text) in zip(ASKS, answers, strict=True):
        assert status == ask.status, ask
        assert (text if isinstance(ask.expected, str) else len(text)) == ask.expected, ask
