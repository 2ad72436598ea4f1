"""Compilation and endpoints -> programs, maps and links in the kernel, and their change while packets flow.

The order never opens a hole: maps are filled and programs stand ready before the first interface gets one, and an
interface's two hooks get theirs before anything counts that they have to do, as they lose them once nothing does
(tables.py). What is attached enforces until its Enforcement closes or its process ends; then the kernel takes it off
(clsact filters stay after a process that was killed).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Self

from pybpf.compiler import (
    Compilation,
    Endpoint,
    Inventory,
    Source,
    compile_policy,
)
from pybpf.compiler.policy.inventory import merged
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.compiler.policy.reading import must_read
from pybpf.compiler.standing import Standing
from pybpf.enforce.attachments import Held, Way, best_way
from pybpf.enforce.datapath import Datapath, load_datapath
from pybpf.enforce.request import Request, request
from pybpf.enforce.rule_programs import RulePrograms
from pybpf.enforce.tables import Tables
from pybpf.eventlog import LogReader
from pybpf.observe import Flow, flow_of


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """One workload: who it is, and the host-side interface it is behind (in the caller's network namespace). ipv6 "": it has none."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ipv4: str
    interface: str
    ipv6: str = ""

    def endpoint(self) -> Endpoint:
        """The same as policy knows it."""
        labels = tuple(sorted(Label(KUBERNETES, key, value) for key, value in self.labels.items()))
        addresses = (IPv4Address(self.ipv4), *((IPv6Address(self.ipv6),) if self.ipv6 else ()))
        return Endpoint(name=self.name, namespace=self.namespace, labels=labels, addresses=addresses, interface=self.interface)


class Enforcement:
    """Policy at work. Closing it detaches everything; owned by whoever called `enforce`."""

    def __init__(self, datapath: Datapath, way: Way, owned: ExitStack) -> None:
        self._datapath = datapath
        self._tables = Tables(datapath.maps)
        owned.callback(self._tables.close)
        self._programs = RulePrograms(datapath.maps, {})
        self._attachments = Held(way)
        owned.callback(self._attachments.close)
        self._reader = owned.enter_context(LogReader(datapath.maps))
        self._owned = owned
        self._standing = Standing()
        self._request: Request | None = None
        self.compilation: Compilation

    def update(self, sources: Sequence[Source], inventory: Inventory) -> None:
        """Enforce these policies on the inventory's endpoints that have an interface, in place of what was enforced before.

        Nothing passes meanwhile that neither the old nor the new policy allows. Raises as `enforce`; then nothing has changed.
        """
        reading = must_read(sources)
        who = merged(inventory, reading.cidr_groups)
        if self._request is not None and who == self._request.inventory:
            who = self._request.inventory
        wanted = request(reading.policies, who, self._request)
        compilation = self._standing.compile(wanted.policies, wanted.inventory, wanted.serials)
        interfaces = {
            (each.namespace, each.name): _interface_index(each) for each in inventory.endpoints if each.interface is not None
        }
        self.switch(compilation, interfaces)
        self._request = wanted

    def switch(self, compilation: Compilation, interfaces: Mapping[tuple[str, str], int]) -> None:
        """The same of what is compiled, on interfaces by their numbers. Until it counts, what raises has changed nothing."""
        self._programs.prepare(self._tables.needed(compilation.lowered, interfaces), self._tables.rules.numbers)
        begun = self._tables.begin(compilation.lowered, interfaces)
        self._attach(interfaces.values())
        self._tables.turn(begun)
        self._attachments.keep(set(interfaces.values()))
        self._tables.finish(begun)
        self._programs.keep(self._tables.rule_sets())
        self.compilation = compilation

    @property
    def enforced_ns(self) -> int:
        """When the last change came into force (CLOCK_MONOTONIC); 0: none was made."""
        return self._tables.enforced_ns

    def flows(self, timeout_ms: int) -> list[Flow]:
        """What was decided since the last call; waits up to `timeout_ms` for the first."""
        origins = {number: origin for origin, number in self._tables.rules.numbers.items()}
        names = {number: name for number, (_, name) in self._tables.names.items()}
        return [flow_of(record, origins, names) for record in self._reader.read(timeout_ms)]

    def close(self) -> None:
        """Detach and forget. Closing twice does nothing."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _attach(self, indices: Collection[int]) -> None:
        """These interfaces too; none of them when the kernel refuses one."""
        before = self._attachments.interfaces()
        try:
            for index in indices:
                self._attachments.attach(index, self._datapath.programs)
        except BaseException:
            self._attachments.keep(before)
            raise


def enforce(sources: Sequence[Source], endpoints: Sequence[EndpointConfig], way: Way | None = None) -> Enforcement:
    """Compile the policies of `sources` and enforce them on `endpoints`. `way` None: the best that the kernel has.

    Must run in the network namespace that has the interfaces. CompileError for wrong policies, KernelError or
    OSError when the kernel refuses; after an error nothing is left attached or loaded.
    """
    configs = sorted(endpoints, key=lambda config: (config.namespace, config.name))
    inventory = Inventory(tuple(config.endpoint() for config in configs))
    compile_policy(sources, inventory)  # what is wrong is told before anything is loaded
    with ExitStack() as owned:
        enforcement = Enforcement(load_datapath(owned), way or best_way(), owned.pop_all())
    try:
        enforcement.update(sources, inventory)
    except BaseException:
        enforcement.close()
        raise
    return enforcement


def _interface_index(endpoint: Endpoint) -> int:
    assert endpoint.interface is not None
    try:
        return socket.if_nametoindex(endpoint.interface)
    except OSError as error:
        message = f"endpoint {endpoint.name}: no interface {endpoint.interface!r} in this network namespace"
        raise OSError(error.errno or errno.ENODEV, message) from error
