"""A node with two endpoints on which commands of enforcement are given, as a user gives them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pybpf.demo import namespaces
from pybpf.demo.network import Network

POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: client}}]
    toPorts: [{ports: [{port: "%d", protocol: TCP}]}]
"""


class Host:
    """A node with two endpoints, and the files that describe them."""

    def __init__(self, built: Network, files: Path, folder: Path) -> None:
        self.built, self.files, self.folder = built, files, folder
        server, client = built.place("server"), built.place("client")
        (files / "endpoints.yaml").write_text(
            "endpoints:\n"
            f"- {{name: server, namespace: default, labels: {{app: server}}, addresses: [{server.ipv4}], interface: {server.interface}}}\n"
            f"- {{name: client, namespace: default, labels: {{app: client}}, addresses: [{client.ipv4}], networkNamespace: {client.namespace}}}\n"
        )
        self.policy(80)

    def policy(self, port: int) -> None:
        """The client may connect to this port."""
        (self.files / "policy.yaml").write_text(POLICY % port)

    def pybpf(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, in the node's network namespace."""
        return namespaces.run(self.built.node, lambda: self.run(*words))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, in the calling thread's network namespace."""
        command = [sys.executable, "-m", "pybpf", *words, "--folder", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.files, timeout=60)

    def connects(self, port: int) -> bool:
        """Whether the client reaches the server's port."""
        address = self.built.place("server").ipv4
        listener = namespaces.run(self.built.place("server").namespace, lambda: socket.create_server((address, port)))

        def connect() -> bool:
            try:
                socket.create_connection((address, port), timeout=0.4).close()
            except TimeoutError:
                return False
            return True

        with listener:
            return namespaces.run(self.built.place("client").namespace, connect)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it does within ten seconds."""
    end = time.monotonic() + 10
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.1)
    return held


def link(host: Host, *words: str) -> None:
    """`ip link` on the node."""
    namespaces.run(host.built.node, lambda: subprocess.run(["ip", "link", *words], capture_output=True))


@contextmanager
def watching(host: Host) -> Iterator[subprocess.Popen[str]]:
    """`pybpf watch`, ready."""
    command = [sys.executable, "-u", "-m", "pybpf", "watch", "--folder", str(host.folder)]
    process = namespaces.run(host.built.node, lambda: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        assert process.stderr is not None and process.stderr.readline() == "watching\n"
        yield process
        process.terminate()
        assert process.wait(10) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
