"""The showcase at work: each example runs as a program of its own, on real packets, connections and processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

import pybpf
from tests.support.examples import FOLDER

pytestmark = pytest.mark.kernel
READY_S = 1.5  # what starting Python, compiling, loading and attaching take


@contextmanager
def running(name: str, *words: str, namespace: str = "") -> Iterator[subprocess.Popen[str]]:
    """The example `name`.py as a process; at the end it is waited for."""
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    (path,) = FOLDER.parent.rglob(f"{name}.py")
    command = [*inside, sys.executable, "-u", str(path), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        time.sleep(READY_S)
        try:
            yield process
        finally:
            if process.poll() is None:
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """All that a process printed, once it is done."""
    text, _ = process.communicate(timeout=20)
    assert process.returncode == 0, text
    return text


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


def in_namespace(namespace: str, script: str) -> str:
    """What a Python script prints in a network namespace."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


@pytest.fixture
def pair() -> Iterator[tuple[str, str]]:
    """Two network namespaces, 10.99.0.1 and 10.99.0.2, whose interfaces `wire` are joined."""
    mark = uuid.uuid4().hex[:6]
    left, right = f"left-{mark}", f"right-{mark}"
    try:
        for name in (left, right):
            ip(f"netns add {name}")
        ip(f"link add wire netns {left} type veth peer name wire netns {right}")
        for number, name in enumerate((left, right), 1):
            ip(f"-n {name} address add 10.99.0.{number}/24 dev wire")
            ip(f"-n {name} link set wire up")
            ip(f"-n {name} link set lo up")
        yield left, right
    finally:
        for name in (left, right):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A control group of its own."""
    folder = pybpf.cgroup_root() / f"pybpf-examples-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    try:
        yield folder
    finally:
        folder.rmdir()


def in_cgroup(folder: Path, script: str) -> str:
    """What a Python script prints whose process is in a control group."""
    enter = f"import os\nopen({str(folder / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
    command = [sys.executable, "-c", enter + textwrap.dedent(script)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


@contextmanager
def greeter() -> Iterator[int]:
    """A server on 127.0.0.1 that says hello to everyone; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello" * 2000)

        Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_the_rate_limiter_lets_so_many_packets_through_and_counts_all(pair: tuple[str, str]) -> None:
    left, right = pair
    with running("rate_limiter", "wire", "5", "3", namespace=right) as process:
        received = subprocess.Popen(
            ["ip", "netns", "exec", right, sys.executable, "-c", textwrap.dedent("""
                import socket, time
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.0.2", 7000)); s.settimeout(1)
                print("ready", flush=True)
                count = 0
                try:
                    while True:
                        s.recv(9); count += 1
                except TimeoutError:
                    print(count)
            """)], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert received.stdout is not None and received.stdout.readline() == "ready\n"
        in_namespace(left, """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for _ in range(40):
                s.sendto(b"x", ("10.99.0.2", 7000))
        """)
        passed = int(received.communicate(timeout=20)[0])
        printed = said(process)
    assert 1 <= passed <= 10  # five a second, and a second may end in between
    assert "17: 40" in printed


def test_the_firewall_lets_out_what_is_allowed(pair: tuple[str, str]) -> None:
    left, _ = pair
    ip(f"-n {left} neighbour add 10.99.0.9 lladdr 02:00:00:00:00:09 dev wire")
    with running("egress_firewall", "wire", "2.5", "10.99.0.2/32", namespace=left) as process:
        in_namespace(left, """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for address in ("10.99.0.2", "10.99.0.9", "10.99.0.9", "10.99.0.9"):
                try:
                    s.sendto(b"x", (address, 7000))
                except OSError:
                    pass
        """)
        assert "3 packets refused" in said(process)


def test_a_connection_is_redirected_in_its_control_group_only(cgroup: Path) -> None:
    ask = "import socket; s = socket.create_connection(('10.255.255.1', 4242), timeout=1); print(s.recv(5).decode())"
    with greeter() as port, running("connect_redirector", str(cgroup), "10.255.255.1:4242", f"127.0.0.1:{port}", "3") as process:
        assert in_cgroup(cgroup, ask) == "hello\n"
        outside = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
        assert outside.returncode != 0
        assert "1 connections redirected" in said(process)


def test_round_trip_times_are_drawn(cgroup: Path) -> None:
    with greeter() as port, running("rtt_histogram", str(cgroup), "3") as process:
        in_cgroup(cgroup, f"""
            import socket
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", {port})) as s:
                    while s.recv(65536):
                        pass
        """)
        assert " us | #" in said(process)


def test_an_exec_is_logged() -> None:
    with running("exec_logger", "3") as process:
        done = subprocess.run(["/bin/true"])
        assert done.returncode == 0
        lines = [line for line in said(process).splitlines() if line.endswith(" true")]
    assert lines and f"uid={os.getuid()}" in lines[0]


def test_syncs_are_timed() -> None:
    with running("sync_timing", "3") as process:
        for _ in range(3):
            os.sync()
        assert " ms after the one before" in said(process)


def test_clones_are_counted_by_process() -> None:
    fork = "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        os._exit(0)\n    os.wait()\nprint(os.getpid())"
    with running("clone_count", "3") as process:
        done = subprocess.run([sys.executable, "-c", fork], capture_output=True, text=True, check=True)
        counts = dict(line.split() for line in said(process).splitlines())
    assert int(counts[done.stdout.strip()]) >= 3


def test_one_socket_answers_on_a_range_of_ports(pair: tuple[str, str]) -> None:
    left, right = pair
    with running("port_steering", "6000", "6999", "3", namespace=right) as process:
        answers = in_namespace(left, """
            import socket
            for port in (6000, 6500, 6999):
                with socket.create_connection(("10.99.0.2", port), timeout=2) as s:
                    print(s.recv(100).decode(), end="")
            try:
                socket.create_connection(("10.99.0.2", 7000), timeout=1)
            except OSError:
                print("refused")
        """)
        assert "3 connections steered" in said(process)
    assert answers == "you asked for 6000\nyou asked for 6500\nyou asked for 6999\nrefused\n"
