"""A large cluster's policies and inventory, made up: the same every time."""

from __future__ import annotations

import random
from ipaddress import ip_address

from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.labels import KUBERNETES, Label

POLICIES, ENDPOINTS, NAMESPACES, APPS, TIERS = 1_000, 5_000, 20, 50, 5
_FIRST_ADDRESS = int(ip_address("100.64.0.0"))
_POLICY = """apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: policy-{number}
  namespace: namespace-{namespace}
spec:
  endpointSelector:
    matchLabels:
      app: app-{app}
  ingress:
  - fromEndpoints:
    - matchLabels:
        app: app-{peer}
        tier: tier-{tier}
    toPorts:
    - ports:
      - port: "80"
        protocol: TCP
      rules:
        http:
        - method: GET
          path: "/v1/items/[0-9]+"
        - method: POST
          path: /v1/items
  - fromCIDR:
    - 10.{tier}.0.0/16
"""


def policies_text() -> str:
    """1,000 policies of 26 lines each."""
    chance = random.Random(1)
    return "---\n".join(
        _POLICY.format(
            number=number, namespace=number % NAMESPACES, app=chance.randrange(APPS), peer=chance.randrange(APPS), tier=chance.randrange(TIERS)
        )
        for number in range(POLICIES)
    )


def inventory() -> Inventory:
    """5,000 endpoints, each with labels of its own: the most identities there can be."""
    return Inventory(tuple(_endpoint(number) for number in range(ENDPOINTS)))


def _endpoint(number: int) -> Endpoint:
    labels = {"app": f"app-{number % APPS}", "pod": f"pod-{number}", "tier": f"tier-{number % TIERS}"}
    made = tuple(Label(KUBERNETES, key, value) for key, value in sorted(labels.items()))
    return Endpoint(f"endpoint-{number}", f"namespace-{number % NAMESPACES}", made, (ip_address(_FIRST_ADDRESS + number),))
