"""Policy enforced on the interfaces of endpoints, for as long as the Enforcement is open.

    with enforce([Source("flights.yaml", text)], [EndpointConfig("api", "default", {"app": "api"}, "10.0.0.2", "veth-api")]) as enforcement:
        for flow in enforcement.flows(timeout_ms=1000):
            print(flow)

The names are imported when they are first used: what outlives its process (applying.py) does not need them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pybpf.enforce.install import EndpointConfig, Enforcement, enforce

__all__ = ["EndpointConfig", "Enforcement", "enforce"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in __all__:
        return getattr(import_module("pybpf.enforce.install"), name)
    raise AttributeError(f"module 'pybpf.enforce' has no attribute {name!r}")
