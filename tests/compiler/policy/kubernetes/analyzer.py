"""Clusters -> connectivity, as IBM's network-config-analyzer sees it: an engine that others wrote.

It runs in an environment of its own (tests/install-nca makes one; PYBPF_NCA names the Python of another), since it wants
older libraries than the product has.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tests.compiler.policy.kubernetes.clusters import PROTOCOLS, Ask, Cluster, Object, documents

_ROOT = Path(__file__).resolve().parents[4]
_LINE = re.compile(r"(?P<source>\S+) => (?P<destination>\S+) : (?P<what>.+)")
_POD = re.compile(r"(?P<namespace>[^/]+)/(?P<name>[^\[]+)(?:\[Pod\])?")
_CUBE = re.compile(r"\{protocols:(?P<protocols>[A-Z]+(?:, [A-Z]+)*)(?:,dst_ports:(?P<ports>[0-9,-]+))?\}")
_EVERY_PORT = (0, 65535)
# Runs in the analyzer's environment; the folders of the clusters are its arguments.
_DRIVER = """
import contextlib, io, sys
from nca.nca_cli import nca_main
for folder in sys.argv[1:]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = nca_main(["--connectivity", folder + "/policies.yaml", "-n", folder + "/pods.yaml", "-p", folder + "/pods.yaml",
                         "-o", "txt_no_fw_rules", "-f", folder + "/connections.txt", "--output_endpoints", "pods"])
    if code or "Error" in told.getvalue():
        sys.exit(folder + ": " + told.getvalue())
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """Ports of one protocol, first and last, that some source may reach at some destination.

    An end is (namespace, name) of a pod or (first, last) of some addresses, as numbers.
    """

    source: tuple[str, str] | tuple[int, int]
    destination: tuple[str, str] | tuple[int, int]
    protocol: str
    ports: tuple[int, int]


def python() -> str | None:
    """The Python that has the analyzer, None where there is none."""
    named = os.environ.get("PYBPF_NCA")
    if named is not None:
        return named
    made = _ROOT / ".venv-nca" / "bin" / "python"
    return str(made) if made.is_file() else None


def connectivity(interpreter: str, clusters: Sequence[Cluster], folder: Path) -> Mapping[int, Sequence[Connection]]:
    """What the analyzer finds for each cluster, by its number. Raises AssertionError where it refuses one."""
    places = {each.number: folder / str(each.number) for each in clusters}
    for each in clusters:
        place = places[each.number]
        place.mkdir()
        (place / "pods.yaml").write_text(documents(each.namespaces + each.pods))
        (place / "policies.yaml").write_text(documents(tuple(_without_unread_rules(policy) for policy in each.policies)))
    done = subprocess.run([interpreter, "-c", _DRIVER, *map(str, places.values())], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {number: _connections((place / "connections.txt").read_text()) for number, place in places.items()}


def allows(connections: Sequence[Connection], ask: Ask) -> bool:
    """Whether one of the connections is the one that is asked about."""
    return any(
        each.protocol == ask.protocol
        and each.ports[0] <= ask.port <= each.ports[1]
        and _is(each.source, ask.source)
        and _is(each.destination, ask.destination)
        for each in connections
    )


def _without_unread_rules(policy: Object) -> Object:
    """Without what Kubernetes does not read: rules of a direction that policyTypes leaves out, which the analyzer refuses, and
    an empty egress list where there are no policyTypes, which it takes for a refusal (Kubernetes: `len(spec.egress) != 0`,
    SetDefaults_NetworkPolicy in pkg/apis/networking/v1/defaults.go)."""
    read = copy.deepcopy(policy)
    spec = read["spec"]
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    for direction in ("Ingress", "Egress"):
        if direction not in types:
            spec.pop(direction.lower(), None)
    return read


def _connections(text: str) -> list[Connection]:
    """The lines of the analyzer's plain output; a line that is not understood is an error here."""
    found: list[Connection] = []
    for line in text.splitlines():
        if not line or line.startswith("Total run time"):
            continue
        match = _LINE.fullmatch(line.strip())
        assert match is not None, line
        source, destination = _end(match["source"]), _end(match["destination"])
        found += [Connection(source, destination, protocol, ports) for protocol, ports in _ports(match["what"])]
    return found


def _end(text: str) -> tuple[str, str] | tuple[int, int]:
    pod = _POD.fullmatch(text)
    if pod is not None:
        return pod["namespace"], pod["name"]
    first, _, last = text.partition("-")
    return int(ip_address(first)), int(ip_address(last or first))


def _ports(what: str) -> list[tuple[str, tuple[int, int]]]:
    if what == "All connections":
        return [(protocol, _EVERY_PORT) for protocol in PROTOCOLS]
    cube = _CUBE.fullmatch(what)
    assert cube is not None, json.dumps(what)
    ranges = [_EVERY_PORT] if cube["ports"] is None else [_range(each) for each in cube["ports"].split(",")]
    return [(protocol, each) for protocol in cube["protocols"].split(", ") for each in ranges]


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _is(end: tuple[str, str] | tuple[int, int], asked: tuple[str, str] | str) -> bool:
    match end, asked:
        case (int(first), int(last)), str(address):
            return first <= int(ip_address(address)) <= last
        case _:
            return end == asked
