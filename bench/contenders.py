"""Who can enforce flow rules between two namespaces, each as its own manual recommends.

All of them take established connections first, and refuse without an answer what no rule allows. nftables and iptables
stand where the node routes between its interfaces, and are not asked to count or to log; pybpf stands at the server's
interface, and counts and logs as it always does.

Another contender is one more class with the attributes of `Contender`, and one more row in `CONTENDERS`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Protocol

from bench.flow_rules import FlowRule
from pybpf.compiler import compile_policies
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import KUBERNETES, Label
from pybpf.compiler.policy.model.peers import Cidr
from pybpf.compiler.policy.model.policy import Action, Policy, Rule
from pybpf.demo import namespaces
from pybpf.demo.network import Network
from pybpf.enforce import Enforcement, enforce
from tests.compiler.policy.made import HERE, policy, port, ports, rule, selecting

INSTALL_TIMEOUT_SECONDS: Final = 60
_TABLE: Final = "pybpf_bench"
# Replaces a table of the name in one transaction, whether or not there is one.
_NO_TABLE: Final = f"table ip {_TABLE} {{}}\ndelete table ip {_TABLE}\n"
_OPEN_FORWARD: Final = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"


class Contender(Protocol):
    """One way to enforce. `name` is unique among the contenders."""

    @property
    def name(self) -> str: ...

    @property
    def enforces(self) -> bool:
        """Whether rules mean anything to it: False only for the one who does nothing."""
        ...

    def available(self) -> str | None:
        """None, or what is missing here and where it is to be had."""
        ...

    def install(self, network: Network, rules: Sequence[FlowRule]) -> None:
        """Enforce `rules`, and refuse the rest, at the node of `network` for what it routes; returns when that is so.

        Replaces what this contender enforced there before. Raises RuntimeError when the kernel or a tool refuses.
        """
        ...

    def remove(self, network: Network) -> None:
        """Enforce nothing any more. Only the contender who installed in a network may remove there."""
        ...


@dataclass(frozen=True, slots=True)
class Nothing:
    """No policy: what routing costs alone."""

    name: str = "nothing"
    enforces: bool = False

    def available(self) -> str | None:
        return None

    def install(self, network: Network, rules: Sequence[FlowRule]) -> None:
        pass

    def remove(self, network: Network) -> None:
        pass


@dataclass(frozen=True, slots=True)
class NftablesMaps:
    """nftables with verdict maps: one look-up among single addresses (hash), one among networks (intervals)."""

    name: str = "nftables"
    enforces: bool = True

    def available(self) -> str | None:
        return _tool("nft", "nftables")

    def install(self, network: Network, rules: Sequence[FlowRule]) -> None:
        _run(network, ["nft", "-f", "-"], nftables_maps(rules))

    def remove(self, network: Network) -> None:
        _run(network, ["nft", "-f", "-"], _NO_TABLE)


@dataclass(frozen=True, slots=True)
class NftablesLinear:
    """nftables with a rule for each rule."""

    name: str = "nftables-linear"
    enforces: bool = True

    def available(self) -> str | None:
        return _tool("nft", "nftables")

    def install(self, network: Network, rules: Sequence[FlowRule]) -> None:
        _run(network, ["nft", "-f", "-"], nftables_linear(rules))

    def remove(self, network: Network) -> None:
        _run(network, ["nft", "-f", "-"], _NO_TABLE)


@dataclass(frozen=True, slots=True)
class Iptables:
    """iptables with a rule for each rule. `restore` chooses the kernel's side: x_tables (legacy) or nf_tables."""

    name: str
    restore: str
    enforces: bool = True

    def available(self) -> str | None:
        return _tool(self.restore, "iptables")

    def install(self, network: Network, rules: Sequence[FlowRule]) -> None:
        _run(network, [self.restore, "-w", str(INSTALL_TIMEOUT_SECONDS)], iptables_linear(rules))

    def remove(self, network: Network) -> None:
        _run(network, [self.restore, "-w", str(INSTALL_TIMEOUT_SECONDS)], _OPEN_FORWARD)


class Pybpf:
    """pybpf at the server's interface, as it comes: with its counters, and an event for each new connection and each refusal."""

    name: Final = "pybpf"
    enforces: Final = True

    def __init__(self) -> None:
        self._enforcing: dict[str, Enforcement] = {}  # by the node's namespace

    def available(self) -> str | None:
        return None

    def install(self, network: Network, rules: Sequence[FlowRule]) -> None:
        if network.node not in self._enforcing:
            self._enforcing[network.node] = namespaces.run(network.node, lambda: enforce([], []))
        place, enforcing = network.place("server"), self._enforcing[network.node]
        labels = (Label(KUBERNETES, "app", "server"),)
        server = Endpoint("server", "default", labels, (ip_address(place.ipv4),), interface=place.interface)
        compilation = compile_policies([policy_of(rules)], Inventory((server,)))
        interfaces = {("default", "server"): place.interface_index}
        namespaces.run(network.node, lambda: enforcing.switch(compilation, interfaces))

    def remove(self, network: Network) -> None:
        if (enforcing := self._enforcing.pop(network.node, None)) is not None:
            enforcing.close()


NOTHING: Final = Nothing()
CONTENDERS: Final[tuple[Contender, ...]] = (
    NOTHING,
    Pybpf(),
    NftablesMaps(),
    NftablesLinear(),
    Iptables("iptables", "iptables-legacy-restore"),
    Iptables("iptables-nft", "iptables-nft-restore"),
)


def policy_of(rules: Sequence[FlowRule]) -> Policy:
    """The same as policy of the server; what no rule allows is refused without an answer."""

    def said(one: FlowRule) -> Rule:
        action = Action.ALLOW if one.allow else Action.DENY
        return rule([Cidr(one.source, (), HERE)], [ports(port(one.port, one.protocol))], action=action)

    return policy(selecting(app="server"), *map(said, rules))


def nftables_maps(rules: Sequence[FlowRule]) -> str:
    """The rules as text for `nft -f`, with verdict maps."""
    single = [rule for rule in rules if rule.source.prefixlen == rule.source.max_prefixlen]
    networks = [rule for rule in rules if rule.source.prefixlen != rule.source.max_prefixlen]
    maps = f"{_map('single', '', single)}{_map('networks', 'flags interval; ', networks)}"
    key = "ip saddr . ip daddr . meta l4proto . th dport"
    return _table(maps, [f"{key} vmap @single", f"{key} vmap @networks"])


def nftables_linear(rules: Sequence[FlowRule]) -> str:
    """The rules as text for `nft -f`, one by one."""
    return _table("", (_nftables_rule(rule) for rule in rules))


def iptables_linear(rules: Sequence[FlowRule]) -> str:
    """The rules as text for `iptables-restore`; replaces the table `filter`."""
    lines = (
        f"-A FORWARD -s {rule.source} -d {rule.destination} -p {_protocol(rule)} --dport {rule.port} -j {'ACCEPT' if rule.allow else 'DROP'}\n"
        for rule in rules
    )
    head = (
        "*filter\n:FORWARD DROP [0:0]\n"
        "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n"
        "-A FORWARD -m conntrack --ctstate INVALID -j DROP\n"
    )
    return f"{head}{''.join(lines)}COMMIT\n"


def _table(maps: str, statements: Iterable[str]) -> str:
    """A table that refuses what no statement allows. Established connections come first."""
    body = "".join(f"    {statement}\n" for statement in statements)
    return (
        f"{_NO_TABLE}table ip {_TABLE} {{\n{maps}"
        "  chain forward {\n    type filter hook forward priority filter; policy drop;\n"
        "    ct state vmap { established : accept, related : accept, invalid : drop }\n"
        f"{body}  }}\n}}\n"
    )


def _map(name: str, flags: str, rules: Sequence[FlowRule]) -> str:
    elements = ", ".join(
        f"{rule.source if flags else rule.source.network_address} . {rule.destination.network_address}"
        f" . {_protocol(rule)} . {rule.port} : {_verdict(rule)}"
        for rule in rules
    )
    filled = f"elements = {{ {elements} }}; " if elements else ""
    return f"  map {name} {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service : verdict; {flags}{filled}}}\n"


def _nftables_rule(rule: FlowRule) -> str:
    return f"ip saddr {rule.source} ip daddr {rule.destination} {_protocol(rule)} dport {rule.port} {_verdict(rule)}"


def _verdict(rule: FlowRule) -> str:
    return "accept" if rule.allow else "drop"


def _protocol(rule: FlowRule) -> str:
    return rule.protocol.name.lower()


def _tool(name: str, package: str) -> str | None:
    return None if shutil.which(name) else f"{name} (apt-get install {package})"


def _run(network: Network, command: list[str], text: str) -> None:
    """Run a tool at the node, with `text` as its input."""

    def job() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_SECONDS)

    done = namespaces.run(network.node, job)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
