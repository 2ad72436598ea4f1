"""Policy enforced on the interfaces of endpoints, for as long as the Enforcement is open.

    with enforce([Source("flights.yaml", text)], [EndpointConfig("api", "default", {"app": "api"}, "10.0.0.2", "veth-api")]) as enforcement:
        for flow in enforcement.flows(timeout_ms=1000):
            print(flow)
"""

from pybpf.enforce.install import EndpointConfig, Enforcement, enforce

__all__ = ["EndpointConfig", "Enforcement", "enforce"]
