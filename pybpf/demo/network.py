"""Endpoint names -> a network of namespaces in which they can talk.

    endpoint's namespace                 node's namespace (routes)
    eth0 10.77.N.2/24  ===== veth =====  vethN 10.77.N.1/24

One namespace is the node: it has the host end of every endpoint's veth pair, which is where policy is enforced.
N counts endpoints from 1. IPv6 is off. The namespace that the caller is in is not touched: both ends of a pair are
made inside, so nothing is ever visible outside.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyroute2 import IPRoute

from pybpf.demo import namespaces, owners

MAX_ENDPOINTS: Final = 250
STOPPING: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_SYSCTLS: Final = Path("/proc/sys/net")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one endpoint is. `interface` is the host end of its veth pair, in the node's namespace."""

    name: str
    namespace: str
    ipv4: str
    interface: str
    interface_index: int


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is up. `node` is the name of the node's namespace; `pins` a folder name that is removed with the rest."""

    node: str
    pins: Path
    places: tuple[Place, ...]

    def place(self, name: str) -> Place:
        """The place of an endpoint. Raises KeyError for a name the network was not built with."""
        for place in self.places:
            if place.name == name:
                return place
        raise KeyError(name)


@contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """A network of these endpoints, up and routing; removed with every process in it, however the block is left.

    Removes the leftovers of dead owners first. Needs root; raises OSError when the kernel refuses.
    """
    assert len(set(names)) == len(names) <= MAX_ENDPOINTS, names
    owners.remove_leftovers()
    token = owners.token()
    try:
        yield _build(token, names)
    finally:
        with _signals_held():
            owners.remove(token)


def _build(token: str, names: Sequence[str]) -> Network:
    node = owners.name(token, "node")
    namespaces.make(node)
    namespaces.run(node, _prepare_node)
    return Network(node, owners.pins(token), tuple(_join(token, node, number, name) for number, name in enumerate(names, start=1)))


def _prepare_node() -> None:
    _without_ipv6()
    (_SYSCTLS / "ipv4/ip_forward").write_text("1")
    _loopback_up()


def _join(token: str, node: str, number: int, name: str) -> Place:
    """Make the namespace of one endpoint and connect it with the node."""
    inside = owners.name(token, f"endpoint-{name}")
    interface, host_address, address = f"veth{number}", f"10.77.{number}.1", f"10.77.{number}.2"
    namespaces.make(inside)
    namespaces.run(inside, _without_ipv6)
    index = namespaces.run(node, lambda: _add_pair(interface, inside))
    namespaces.run(node, lambda: _configure(interface, host_address))
    namespaces.run(inside, lambda: _configure_endpoint(address, host_address))
    return Place(name, inside, address, interface, index)


def _add_pair(interface: str, peer_namespace: str) -> int:
    """A veth pair from here to `eth0` of the peer's namespace; returns the index of this end."""
    with (namespaces.FOLDER / peer_namespace).open() as peer, IPRoute() as route:
        route.link("add", ifname=interface, kind="veth", peer={"ifname": "eth0", "net_ns_fd": peer.fileno()})
        return int(route.link_lookup(ifname=interface)[0])


def _configure(interface: str, address: str) -> None:
    with IPRoute() as route:
        index = route.link_lookup(ifname=interface)[0]
        route.addr("add", index=index, address=address, prefixlen=24)
        route.link("set", index=index, state="up")


def _configure_endpoint(address: str, gateway: str) -> None:
    _loopback_up()
    _configure("eth0", address)
    with IPRoute() as route:
        route.route("add", dst="default", gateway=gateway)


def _loopback_up() -> None:
    with IPRoute() as route:
        route.link("set", index=1, state="up")


def _without_ipv6() -> None:
    """Off for every interface that is here or will be; a kernel without IPv6 has no such files."""
    for scope in ("all", "default"):
        switch = _SYSCTLS / "ipv6/conf" / scope / "disable_ipv6"
        if switch.exists():
            switch.write_text("1")


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let stopping signals wait, so that a second Ctrl-C does not interrupt the cleaning up after the first."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
