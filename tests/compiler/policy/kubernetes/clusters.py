"""Small clusters by chance: namespaces, pods and NetworkPolicies as Kubernetes objects, and flows to ask about.

One number gives one cluster. The pools of labels, ports and networks are small, so that selectors often meet, and often
miss by one thing. Everything that the API allows and that can change who reaches whom occurs: absent, empty and given lists,
all four operators, named ports, ranges, exceptions, and every combination of policyTypes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]

PROTOCOLS = ("TCP", "UDP", "SCTP")
ASKED_PORTS = (1, 52, 53, 79, 80, 81, 443, 7999, 8000, 8050, 8080, 8100, 8101, 65535)
OUTSIDE = ("192.0.2.1", "192.0.2.130", "198.51.100.7", "203.0.113.200")
_NUMBERS = (53, 80, 443, 8000, 8080)
_NAMES = ("http", "dns", "admin")
_BLOCKS = {
    "0.0.0.0/0": ("192.0.2.0/24", "198.51.100.7/32", "128.0.0.0/1"),
    "192.0.2.0/24": ("192.0.2.128/25", "192.0.2.1/32"),
    "203.0.113.128/25": ("203.0.113.200/32",),
    "198.51.100.7/32": (),
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Objects as kubectl prints them, as far as they say anything here."""

    number: int
    namespaces: tuple[Object, ...]
    pods: tuple[Object, ...]
    policies: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A flow: each end is (namespace, name) of a pod or an outside address."""

    source: tuple[str, str] | str
    destination: tuple[str, str] | str
    protocol: str
    port: int


def cluster(number: int) -> Cluster:
    """The cluster of a number."""
    chance = random.Random(number)
    namespaces = tuple(_namespace(name, chance) for name in ("shop", "ops", "lab")[: chance.randint(1, 3)])
    names = [each["metadata"]["name"] for each in namespaces]
    pods = tuple(_pod(place, chance.choice(names), chance) for place in range(chance.randint(3, 5)))
    policies = tuple(_policy(place, chance.choice(names), chance) for place in range(chance.randint(1, 4)))
    return Cluster(number, namespaces, pods, policies)


def asks(cluster: Cluster) -> Iterator[Ask]:
    """Every flow between two of the pods or between a pod and an outside address, to every port that is asked about."""
    pods = [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in cluster.pods]
    pairs: list[tuple[tuple[str, str] | str, tuple[str, str] | str]] = [(a, b) for a in pods for b in pods if a != b]
    pairs += [(pod, address) for pod in pods for address in OUTSIDE]
    pairs += [(address, pod) for pod in pods for address in OUTSIDE]
    for source, destination in pairs:
        for protocol in PROTOCOLS:
            for port in ASKED_PORTS:
                yield Ask(source, destination, protocol, port)


def some_asks(cluster: Cluster, count: int) -> list[Ask]:
    """`count` of the flows, the same ones each time."""
    return random.Random(-1 - cluster.number).sample(list(asks(cluster)), count)


def documents(objects: tuple[Object, ...]) -> str:
    """Objects as YAML documents (JSON is YAML)."""
    return "".join(f"---\n{json.dumps(each)}\n" for each in objects)


def _namespace(name: str, chance: random.Random) -> Object:
    labels = {"kubernetes.io/metadata.name": name, **_labels(("team", "env"), chance)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _pod(place: int, namespace: str, chance: random.Random) -> Object:
    named = chance.sample(_NAMES, chance.randint(0, 2))
    ports = [{"name": name, "containerPort": chance.choice(_NUMBERS), "protocol": chance.choice(PROTOCOLS)} for name in named]
    metadata = {"name": f"pod{place}", "namespace": namespace, "labels": _labels(("app", "env"), chance)}
    spec = {"serviceAccountName": "default", "containers": [{"name": "main", "image": "image", "ports": ports}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running", "podIP": f"10.0.0.{place + 1}"}}


def _labels(keys: tuple[str, ...], chance: random.Random) -> dict[str, str]:
    return {key: chance.choice("ab") for key in keys if chance.random() < 0.8}


def _policy(place: int, namespace: str, chance: random.Random) -> Object:
    spec: Object = {"podSelector": chance.choice(({}, _selector(("app", "env"), chance)))}
    types = chance.choice([None, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Ingress", "Egress"]])
    if types is not None:
        spec["policyTypes"] = types
    for direction, key in (("ingress", "from"), ("egress", "to")):
        if chance.random() < 0.75:
            spec[direction] = [_rule(key, chance) for _ in range(chance.choice([0, 1, 1, 2]))]
    metadata = {"name": f"policy-{place}", "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _rule(key: str, chance: random.Random) -> Object:
    rule: Object = {}
    if chance.random() < 0.85:
        rule[key] = [_peer(chance) for _ in range(chance.choice([0, 1, 1, 2, 3]))]
    if chance.random() < 0.6:
        rule["ports"] = [_port(chance) for _ in range(chance.choice([0, 1, 1, 2]))]
    return rule


def _peer(chance: random.Random) -> Object:
    kind = chance.random()
    if kind < 0.25:
        network = chance.choice(list(_BLOCKS))
        holes = [each for each in _BLOCKS[network] if chance.random() < 0.5]
        return {"ipBlock": {"cidr": network, **({"except": holes} if holes or chance.random() < 0.2 else {})}}
    peer: Object = {}
    if kind < 0.75:
        peer["podSelector"] = _selector(("app", "env"), chance)
    if kind >= 0.55:
        peer["namespaceSelector"] = _selector(("team", "env", "kubernetes.io/metadata.name"), chance)
    return peer


def _selector(keys: tuple[str, ...], chance: random.Random) -> Object:
    selector: Object = {}
    if chance.random() < 0.45:
        selector["matchLabels"] = {chance.choice(keys): chance.choice("aab")}
    if chance.random() < 0.3:
        selector["matchExpressions"] = [_expression(chance.choice(keys), chance) for _ in range(chance.choice([1, 1, 2]))]
    return selector


def _expression(key: str, chance: random.Random) -> Object:
    operator = chance.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    expression: Object = {"key": key, "operator": operator}
    if operator in ("In", "NotIn"):
        expression["values"] = chance.sample(("a", "b", "shop", "ops"), chance.randint(1, 3))
    return expression


def _port(chance: random.Random) -> Object:
    port: Object = {}
    if chance.random() < 0.7:
        port["protocol"] = chance.choice(PROTOCOLS)
    kind = chance.random()
    if kind < 0.35:
        port["port"] = chance.choice(_NAMES)
    elif kind < 0.9:
        port["port"] = chance.choice(_NUMBERS)
        if chance.random() < 0.4:
            port["endPort"] = port["port"] + chance.choice((0, 1, 100))
    return port
