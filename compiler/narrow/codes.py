"""Every error code of policy files, and what it means. docs/errors.md has a bad example and the remedy of each."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "policy-yaml": "the text is not YAML",
    "policy-yaml-depth": "the YAML is nested deeper than any policy",
    "policy-yaml-alias": "anchors, aliases and merge keys are not understood",
    "policy-yaml-tag": "explicit YAML tags are not understood",
    "policy-duplicate-key": "a key stands twice in one mapping",
    "policy-key-type": "a key is not a string",
    "policy-unknown-key": "a key that nothing gives a meaning to",
    "policy-not-enforced": "Cilium gives this a meaning, this version of pybpf does not enforce it",
    "policy-null": "a key without a value",
    "policy-wrong-shape": "a list, mapping or value where another one belongs",
    "policy-not-a-string": "YAML reads the value as something else than a string",
    "policy-missing-key": "a key that must be there is missing",
    "policy-no-document": "the file holds no policy",
    "policy-kind": "the document is not a CiliumNetworkPolicy of cilium.io/v2",
    "policy-name": "a name or namespace that Kubernetes objects cannot have",
    "policy-duplicate-name": "two documents or files with a policy of one name",
    "policy-no-rules": "neither ingress nor egress has an element",
    "policy-label": "a label that cannot select an endpoint",
    "policy-port": "a port that is no number from 0 to 65535",
    "policy-protocol": "a protocol that is none of TCP, UDP, SCTP, ANY",
    "policy-too-many-ports": "more than 40 ports in one element of toPorts",
    "policy-http-protocol": "HTTP rules on a protocol other than TCP",
    "policy-http-port": "HTTP rules on every port",
    "policy-http-empty": "an empty method or path of an HTTP rule",
}
