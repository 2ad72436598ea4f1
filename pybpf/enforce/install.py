"""Compilation and endpoints -> programs, maps and links in the kernel.

The order never opens a hole: maps are filled and programs stand ready before the first interface gets one, and an
interface's two hooks get theirs with nothing left to do. What is attached enforces until its Enforcement closes or
its process ends; then the kernel takes it off.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from pybpf import elf, hooks, loading
from pybpf.compiler import Built, Compilation, Endpoint, Inventory, Source, compile_policy
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.enforce import contents
from pybpf.hooks import TcxHook
from pybpf.kernel_progs import state
from pybpf.loading import Loaded
from pybpf.maps import Map
from pybpf.observe import Flow, flow_of
from pybpf.ringbuf import RingReader


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """One workload: who it is, and the host-side interface it is behind (in the caller's network namespace)."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    ipv4: str
    interface: str

    def endpoint(self) -> Endpoint:
        """The same as policy knows it, without the interface."""
        labels = tuple(sorted(Label(KUBERNETES, key, value) for key, value in self.labels.items()))
        return Endpoint(name=self.name, namespace=self.namespace, labels=labels, addresses=(IPv4Address(self.ipv4),), interface=self.interface)


class Enforcement:
    """Policy at work. Closing it detaches everything; owned by whoever called `enforce`."""

    def __init__(self, compilation: Compilation, configs: Sequence[EndpointConfig], owned: ExitStack, ring: Map) -> None:
        self.compilation = compilation
        self._names = {entry.number: config.name for entry, config in zip(compilation.entries.endpoints, configs, strict=True)}
        self._owned = owned
        self._ring = owned.enter_context(RingReader(ring))

    def flows(self, timeout_ms: int) -> list[Flow]:
        """What was decided since the last call; waits up to `timeout_ms` for the first."""
        return [flow_of(record, self.compilation.entries.origins, self._names) for record in self._ring.read(timeout_ms)]

    def close(self) -> None:
        """Detach and forget. Closing twice does nothing."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def enforce(sources: Sequence[Source], endpoints: Sequence[EndpointConfig]) -> Enforcement:
    """Compile the policies of `sources` and enforce them on `endpoints`.

    Must run in the network namespace that has the interfaces. CompileError for wrong policies, KernelError or
    OSError when the kernel refuses; after an error nothing is left attached or loaded. Kernel 6.6 (tcx links).
    """
    configs = sorted(endpoints, key=lambda config: (config.namespace, config.name))
    compilation = compile_policy(sources, Inventory(tuple(config.endpoint() for config in configs)))
    by_name = {(config.namespace, config.name): config for config in configs}
    ordered = [by_name[each.endpoint.namespace, each.endpoint.name] for each in compilation.resolved.endpoints.values()]
    with ExitStack() as owned:
        first, *rest = compilation.objects()
        datapath = owned.enter_context(loading.load(elf.parse(first.elf)))
        rule_sets = [owned.enter_context(_load_rule_set(built, datapath)) for built in rest]
        _fill(datapath, rule_sets, compilation, ordered)
        for config in ordered:
            for hook, name in ((TcxHook.EGRESS, "to_endpoint"), (TcxHook.INGRESS, "from_endpoint")):
                owned.enter_context(hooks.attach_tcx(datapath.programs[name], _interface_index(config), hook))
        return Enforcement(compilation, ordered, owned.pop_all(), datapath.maps["events"])


def _load_rule_set(built: Built, datapath: Loaded) -> Loaded:
    """The program of one rule set, on the datapath's maps; its tables are its own."""
    spec = elf.parse(built.elf)
    return loading.load(spec, maps={name: datapath.maps[name] for name in spec.maps if name in datapath.maps})


def _fill(datapath: Loaded, rule_sets: Sequence[Loaded], compilation: Compilation, configs: Sequence[EndpointConfig]) -> None:
    """Everything the programs look up, before any of them runs."""
    maps = datapath.maps
    maps["stages"].update(contents.number(state.STAGE_REFUSE), datapath.programs["refuse_packet"])
    for index, loaded in enumerate(rule_sets):
        maps["rule_sets"].update(contents.number(index), loaded.programs["judge_http"])
    for key, value in contents.policies(compilation.entries):
        maps["policies"].update(key, value)
    for config, entry in zip(configs, compilation.entries.endpoints, strict=True):
        address = IPv4Address(config.ipv4)
        key, value = contents.identity(address, entry.identity)
        maps["identities"].update(key, value)
        maps["endpoints"].update(contents.number(_interface_index(config)), contents.endpoint(entry, address))


def _interface_index(config: EndpointConfig) -> int:
    try:
        return socket.if_nametoindex(config.interface)
    except OSError as error:
        message = f"endpoint {config.name}: no interface {config.interface!r} in this network namespace"
        raise OSError(error.errno or errno.ENODEV, message) from error
