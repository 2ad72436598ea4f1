"""Cilium's objects -> policies and groups of networks, and policies -> Cilium's objects.

What is read, and what it means, is Cilium's: its rules of validity with their messages, its scopes of selectors. Where an
empty or absent list falls open there, it does not here (rule.py, peers.py).
"""

from __future__ import annotations

from pybpf.compiler.policy.cilium.codes import PAGES
from pybpf.compiler.policy.cilium.groups import cidr_group
from pybpf.compiler.policy.cilium.policy import policies
from pybpf.compiler.policy.cilium.shapes import (
    API_VERSION,
    CIDR_GROUP,
    CLUSTERWIDE_NETWORK_POLICY,
    NETWORK_POLICY,
)
from pybpf.compiler.policy.cilium.write import Written, to_cilium

__all__ = [
    "API_VERSION",
    "CIDR_GROUP",
    "CLUSTERWIDE_NETWORK_POLICY",
    "NETWORK_POLICY",
    "PAGES",
    "Written",
    "cidr_group",
    "policies",
    "to_cilium",
]
