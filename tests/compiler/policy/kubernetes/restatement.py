"""What NetworkPolicies mean, a second time: from the objects as they are, in the words of Kubernetes' API reference.

It shares nothing with the product, so that a mistake would have to be made twice. Written for networking.k8s.io/v1.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from tests.compiler.policy.kubernetes.clusters import Ask, Cluster, Object

End = tuple[str, str] | str


def allowed(cluster: Cluster, ask: Ask) -> bool:
    """Whether the flow passes: the source must be allowed to send it, and the destination to receive it."""
    return _passes(cluster, ask, "Egress") and _passes(cluster, ask, "Ingress")


def _passes(cluster: Cluster, ask: Ask, direction: str) -> bool:
    """Whether the pod on this side lets the flow pass: no policy isolates it, or one of those that do allows the flow."""
    mine, other = (ask.source, ask.destination) if direction == "Egress" else (ask.destination, ask.source)
    if isinstance(mine, str):
        return True
    isolating = [
        policy for policy in cluster.policies
        if policy["metadata"]["namespace"] == mine[0]
        and _meets(policy["spec"]["podSelector"], _pod(cluster, mine)["metadata"]["labels"])
        and direction in _types(policy["spec"])
    ]  # fmt: skip
    return not isolating or any(_policy_allows(cluster, policy, ask, other, direction) for policy in isolating)


def _types(spec: Object) -> list[str]:
    """The API's default: Ingress always, and Egress if there are any egress rules."""
    return spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


def _policy_allows(cluster: Cluster, policy: Object, ask: Ask, other: End, direction: str) -> bool:
    rules, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    for rule in policy["spec"].get(rules, []):
        peer_fits = not rule.get(peers) or any(_peer_fits(cluster, policy, peer, other) for peer in rule[peers])
        port_fits = not rule.get("ports") or any(_port_fits(cluster, port, ask) for port in rule["ports"])
        if peer_fits and port_fits:
            return True
    return False


def _peer_fits(cluster: Cluster, policy: Object, peer: Object, other: End) -> bool:
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        if not isinstance(other, str):
            return False
        holes = block.get("except", [])
        return ip_address(other) in ip_network(block["cidr"]) and not any(ip_address(other) in ip_network(each) for each in holes)
    if isinstance(other, str):
        return False
    namespace = next(each for each in cluster.namespaces if each["metadata"]["name"] == other[0])
    if "namespaceSelector" in peer:
        if not _meets(peer["namespaceSelector"], namespace["metadata"]["labels"]):
            return False
    elif other[0] != policy["metadata"]["namespace"]:
        return False
    return _meets(peer.get("podSelector", {}), _pod(cluster, other)["metadata"]["labels"])


def _port_fits(cluster: Cluster, port: Object, ask: Ask) -> bool:
    if port.get("protocol", "TCP") != ask.protocol:
        return False
    match port.get("port"):
        case None:
            return True
        case int(first):
            last: int = port.get("endPort", first)
            return first <= ask.port <= last
        case name:
            if isinstance(ask.destination, str):
                return False
            containers = _pod(cluster, ask.destination)["spec"]["containers"]
            return any(
                (each["name"], each["protocol"], each["containerPort"]) == (name, ask.protocol, ask.port)
                for container in containers
                for each in container["ports"]
            )


def _meets(selector: Object, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        key, values = expression["key"], expression.get("values", [])
        holds = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[expression["operator"]]
        if not holds:
            return False
    return True


def _pod(cluster: Cluster, end: tuple[str, str]) -> Object:
    return next(each for each in cluster.pods if (each["metadata"]["namespace"], each["metadata"]["name"]) == end)
