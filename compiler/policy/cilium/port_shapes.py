"""The keys with which Cilium policies name ports and what may be said there, as tables: ports, ICMP, HTTP, DNS, Kafka, TLS."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.cilium.peer_shapes import FQDN
from pybpf.compiler.policy.model.layer7 import Mismatch
from pybpf.compiler.policy.text.shapes import Choice, Field, Leaf, ListOf, Shape

MAX_PORTS: Final = 40  # of one toPorts element, as in Cilium
MAX_ICMP_FIELDS: Final = 40
FAMILIES: Final = ("IPv4", "IPv6")
ENVOY_CONFIG: Final = "CiliumEnvoyConfig"
CLUSTERWIDE_ENVOY_CONFIG: Final = "CiliumClusterwideEnvoyConfig"

_REGEX: Final = "A regular expression (RE2) for the whole value; case counts."

PORT: Final = Shape(
    "port",
    "A destination port, or a range of them.",
    (
        Field("port", Leaf.STRING, 'A number in quotes, "0" for every port, or the name that the destination gives to a port. Protocols without ports have none, or "0".'),
        Field("endPort", Leaf.INTEGER, "The last port of a range that begins with `port`; without it, or 0, `port` alone."),
        Field("protocol", Leaf.STRING, "TCP, UDP, SCTP, or ANY of the three, which is meant if none is written; or VRRP, IGMP, GRE, IPIP, IPV6, ESP, AH, which have no ports."),
    ),
)  # fmt: skip
SECRET: Final = Shape(
    "secret",
    "A secret of Kubernetes.",
    (
        Field("namespace", Leaf.STRING, "The namespace of the secret; the policy's own where none is written."),
        Field("name", Leaf.STRING, "The name of the secret.", required=True),
    ),
)
HEADER_MATCH: Final = Shape(
    "headerMatches",
    "A condition on a header: it has this value, or it is there at all if neither `value` nor `secret` is written.",
    (
        Field("name", Leaf.STRING, "The name of the header; case does not count.", required=True),
        Field("value", Leaf.STRING, "The exact value of the header."),
        Field("secret", SECRET, "A secret that holds the value. The condition fails where the secret is not known."),
        Field("mismatch", Choice(tuple(each.value for each in Mismatch)), "What becomes of a request without that value. Absent or empty: the rule does not match. LOG, ADD, DELETE and REPLACE let it pass."),
    ),
)  # fmt: skip
HTTP: Final = Shape(
    "http",
    "HTTP requests that are allowed. All conditions of one rule hold together; an empty rule allows every request.",
    (
        Field("method", Leaf.STRING, f"The method. {_REGEX}"),
        Field("path", Leaf.STRING, f"The path with its query: /public.* for everything below /public. {_REGEX}"),
        Field("host", Leaf.STRING, f"The Host header as sent, with a port if one was sent. {_REGEX} Write (?i) for any case."),
        Field("headers", ListOf(Leaf.STRING), "Headers that must be there: `Name: value` for an exact value, `Name` for any."),
        Field("headerMatches", ListOf(HEADER_MATCH), "Conditions on headers, with what to do about a mismatch."),
    ),
)
KAFKA: Final = Shape(
    "kafka",
    "Kafka requests that are allowed. An empty rule allows every request; every topic of a request needs a rule.",
    (
        Field("role", Leaf.STRING, "produce or consume: all API keys that such a client needs."),
        Field("apiKey", Leaf.STRING, "One API key by its name, such as fetch. Not together with role."),
        Field("apiVersion", Leaf.STRING, 'The version of the API key, a number in quotes, such as "2".'),
        Field("clientID", Leaf.STRING, "The client, exactly."),
        Field("topic", Leaf.STRING, "The topic, exactly."),
    ),
)
RULES: Final = Shape(
    "rules",
    "What requests may be made, of one protocol. Absent or empty: requests are not looked at.",
    (
        Field("http", ListOf(HTTP), HTTP.doc),
        Field("dns", ListOf(FQDN), "Names that may be asked for, of an egress rule."),
        Field("kafka", ListOf(KAFKA), KAFKA.doc),
        Field("l7proto", Leaf.STRING, "A protocol that Cilium's proxy had a parser for. pybpf has none: no request is known to match."),
        Field("l7", ListOf(Leaf.STRINGS), "Conditions for that parser."),
    ),
)
TLS: Final = Shape(
    "TLS context",
    "The secret with a certificate. pybpf does not take TLS apart.",
    (
        Field("secret", SECRET, SECRET.doc, required=True),
        Field("trustedCA", Leaf.STRING, "The secret's entry with the certificates to trust; ca.crt where none is written."),
        Field("certificate", Leaf.STRING, "The secret's entry with the certificate; tls.crt where none is written."),
        Field("privateKey", Leaf.STRING, "The secret's entry with the private key; tls.key where none is written."),
    ),
)
ENVOY: Final = Shape(
    "envoyConfig",
    "The object that defines the listener.",
    (
        Field("kind", Choice((ENVOY_CONFIG, CLUSTERWIDE_ENVOY_CONFIG)), "The kind of the object; where none is written, the one of the policy's own scope."),
        Field("name", Leaf.STRING, "The name of the object.", required=True),
    ),
)
LISTENER: Final = Shape(
    "listener",
    "An Envoy listener that takes over the connections. pybpf has no Envoy.",
    (
        Field("envoyConfig", ENVOY, ENVOY.doc, required=True),
        Field("name", Leaf.STRING, "The name of the listener in that object.", required=True),
        Field("priority", Leaf.INTEGER, "1 to 100, 1 is the strongest; where none is written, that of its kind."),
    ),
)
_PORTS: Final = Field("ports", ListOf(PORT, MAX_PORTS), "Any of these destination ports. Without one the element covers nothing.")
ALLOWED_PORTS: Final = Shape(
    "toPorts",
    "Destination ports, and what may be said there.",
    (
        _PORTS,
        Field("rules", RULES, RULES.doc),
        Field("serverNames", ListOf(Leaf.STRING), "The connection must be TLS and name one of these servers. `*` is a run within a label, `**` of labels."),
        Field("terminatingTLS", TLS, "TLS of the client ends here, with this certificate."),
        Field("originatingTLS", TLS, "TLS to the server begins here, with this certificate."),
        Field("listener", LISTENER, LISTENER.doc),
    ),
)
_NO_REQUESTS: Final = "Cilium's deny rules cover whole ports"
_DENY_HINT: Final = "remove it to deny the port, or deny requests in a .policy file"
DENIED_PORTS: Final = Shape(
    "toPorts",
    "Destination ports that are denied.",
    (_PORTS,),
    tuple((row.name, f"{row.name} cannot stand in a deny rule: {_NO_REQUESTS}", _DENY_HINT) for row in ALLOWED_PORTS.fields if row is not _PORTS),
)
ICMP_FIELD: Final = Shape(
    "ICMP field",
    "Messages of one ICMP type, whatever their code.",
    (
        Field("family", Choice(FAMILIES), "IPv4 or IPv6; IPv4 where none is written."),
        Field("type", Leaf.INTEGER_OR_STRING, "A number from 0 to 255, or a name such as EchoRequest.", required=True),
    ),
)
ICMP: Final = Shape(
    "icmps",
    "ICMP messages.",
    (Field("fields", ListOf(ICMP_FIELD, MAX_ICMP_FIELDS), "Any of these types. Without one the element covers nothing."),),
)
