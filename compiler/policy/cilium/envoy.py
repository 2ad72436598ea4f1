"""What Cilium leaves to Envoy: secrets, TLS contexts and listeners. pybpf has no Envoy; the model keeps what is asked of it."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.cilium.port_shapes import (
    CLUSTERWIDE_ENVOY_CONFIG,
    ENVOY,
    ENVOY_CONFIG,
    LISTENER,
    SECRET,
    TLS,
)
from pybpf.compiler.policy.cilium.texts import filled
from pybpf.compiler.policy.kubernetes.names import name
from pybpf.compiler.policy.kubernetes.names import namespace as namespace_name
from pybpf.compiler.policy.model.policy import Listener, TlsContext
from pybpf.compiler.policy.text.fields import choice, fields, integer
from pybpf.compiler.policy.text.positions import Entry, Node
from pybpf.compiler.policy.text.report import Report

TRUSTED_CA: Final = "ca.crt"
CERTIFICATE: Final = "tls.crt"
PRIVATE_KEY: Final = "tls.key"
WEAKEST_PRIORITY: Final = 100


def secret(node: Node, namespace: str | None, report: Report) -> tuple[str, str] | None:
    """The (namespace, name) of a secret; `namespace` is the policy's. None after a report."""
    already = report.errors
    found = fields(node, SECRET, report)
    called = name(found["name"].value, report).value if "name" in found else ""
    lies_in = namespace_name(found["namespace"].value, report).value if "namespace" in found else namespace
    if lies_in is None:
        hint = "add `namespace`: a policy of the whole cluster has none of its own"
        report.refuse("policy-missing-key", node.span, "the namespace of the secret is missing", hint)
        return None
    return (lies_in, called) if report.errors == already else None


def tls_context(entry: Entry | None, namespace: str | None, report: Report) -> TlsContext | None:
    """The TLS context of a key; None if the key is absent, or after a report."""
    if entry is None:
        return None
    found = fields(entry.value, TLS, report)
    holder = secret(found["secret"].value, namespace, report) if "secret" in found else None
    written = [filled(found.get(key), report) for key in ("trustedCA", "certificate", "privateKey")]
    defaults = (TRUSTED_CA, CERTIFICATE, PRIVATE_KEY)
    entries = [each.value if each is not None else default for each, default in zip(written, defaults, strict=True)]
    return TlsContext(holder, *entries) if holder is not None else None


def listener(entry: Entry | None, namespace: str | None, report: Report) -> Listener | None:
    """The listener of a key; None if the key is absent, or after a report."""
    if entry is None:
        return None
    already = report.errors
    found = fields(entry.value, LISTENER, report)
    config = fields(found["envoyConfig"].value, ENVOY, report) if "envoyConfig" in found else {}
    kind = ENVOY_CONFIG if namespace is not None else CLUSTERWIDE_ENVOY_CONFIG
    if "kind" in config:
        written = choice(config["kind"].value, (ENVOY_CONFIG, CLUSTERWIDE_ENVOY_CONFIG), report)
        if written is not None and written.value == ENVOY_CONFIG and namespace is None:
            message = f"a policy of the whole cluster cannot use a listener of a {ENVOY_CONFIG}, which lies in one namespace"
            report.refuse("policy-listener", written.span, message, f"use a {CLUSTERWIDE_ENVOY_CONFIG}")
        kind = written.value if written is not None else kind
    object_name, own = filled(config.get("name"), report), filled(found.get("name"), report)
    priority = integer(found["priority"].value, 0, WEAKEST_PRIORITY, report) if "priority" in found else 0
    if object_name is None or own is None or report.errors > already:
        return None
    return Listener(kind, object_name.value, own.value, priority)
