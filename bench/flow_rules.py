"""Rules of layer 3 and 4 in the form that every contender can say: made up, the same every time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from pybpf.compiler.policy.model.ports import Protocol

NETWORK_EVERY: Final = 8  # one source in so many is a /24, the others are single addresses
REFUSAL_EVERY: Final = 10
PORTS: Final = (53, 80, 443, 3306, 5432, 6379, 8080, 8443, 9090, 9092)
_SINGLE_ADDRESSES: Final = IPv4Network("100.64.0.0/10")
_NETWORKS: Final = IPv4Network("172.16.0.0/12")


@dataclass(frozen=True, slots=True)
class FlowRule:
    """Flows from `source` to `destination`, by protocol (TCP or UDP) and destination port, are allowed or refused."""

    source: IPv4Network
    destination: IPv4Network
    protocol: Protocol
    port: int
    allow: bool


def flow_rules(count: int, measured: Sequence[FlowRule], seed: int = 1) -> tuple[FlowRule, ...]:
    """`count` rules, the last of which are `measured`: rules that are walked are walked to the end.

    No two of them match the same flow, so that their order has no meaning and a set says the same as a list; what
    none matches is to be refused. The others have the destination of the measured, as the rules of one endpoint have,
    and sources that do not exist.
    """
    assert len(measured) <= count <= 10_000, count
    chance = random.Random(seed)
    others = count - len(measured)
    sources = [*_addresses(chance, others - others // NETWORK_EVERY), *_networks(chance, others // NETWORK_EVERY)]
    chance.shuffle(sources)
    destination = measured[-1].destination
    made = (_rule(chance, number, source, destination) for number, source in enumerate(sources))
    return (*made, *measured)


def _addresses(chance: random.Random, count: int) -> list[IPv4Network]:
    first = int(_SINGLE_ADDRESSES.network_address)
    return [IPv4Network(IPv4Address(first + offset)) for offset in chance.sample(range(_SINGLE_ADDRESSES.num_addresses), count)]


def _networks(chance: random.Random, count: int) -> list[IPv4Network]:
    return chance.sample(list(_NETWORKS.subnets(new_prefix=24)), count)


def _rule(chance: random.Random, number: int, source: IPv4Network, destination: IPv4Network) -> FlowRule:
    protocol = chance.choice((Protocol.TCP, Protocol.UDP))
    return FlowRule(source, destination, protocol, chance.choice(PORTS), allow=number % REFUSAL_EVERY != 0)
