"""Kubernetes' own NetworkPolicy -> policies: shapes, names and labels as Kubernetes allows them, selectors, ports, networks.

What is left out is filled in here as Kubernetes' API does: TCP, the policy's namespace, policyTypes.
"""

from __future__ import annotations

from pybpf.compiler.policy.kubernetes.codes import PAGES
from pybpf.compiler.policy.kubernetes.network_policy import policies
from pybpf.compiler.policy.kubernetes.shapes import API_VERSION, KIND, NETWORK_POLICY

__all__ = ["API_VERSION", "KIND", "NETWORK_POLICY", "PAGES", "policies"]
