"""Words of a command line -> the flow that is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from pybpf.compiler.policy.model.flow import DnsQuery, Flow, HttpRequest, KafkaRequest, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES
from pybpf.compiler.policy.text.fields import did_you_mean

_LAST_PORT: Final = 65535
_LAST_TYPE: Final = 255
_ECHO_REQUEST: Final = {"icmp": 8, "icmpv6": 128}


class NotUnderstood(Exception):
    """A word that says nothing here; the message is one line."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was given on the command line, as it was written; None where nothing was."""

    source: str
    destination: str
    port: str | None = None
    icmp: str | None = None
    http: str | None = None
    host: str | None = None
    headers: Sequence[str] = ()
    dns: str | None = None
    tls: str | None = None
    kafka: str | None = None


def flows(question: Question, inventory: Inventory) -> tuple[Flow, ...]:
    """The flow as its source sees it, and as its destination does; only those whose side some policy can be about.

    Raises NotUnderstood.
    """
    source, destination = (party(word, inventory) for word in (question.source, question.destination))
    protocol, port = _where(question)
    asked = Flow(source, destination, Direction.EGRESS, protocol, port, _request(question), question.tls or None, question.tls is not None)
    judged = ((Direction.EGRESS, source), (Direction.INGRESS, destination))
    return tuple(replace(asked, direction=direction) for direction, end in judged if _has_a_side(end, inventory))


def party(word: str, inventory: Inventory) -> Party:
    """An endpoint (`namespace/name`, or its name if that is one's only), an entity, or an address; `=NAME` behind an address is the
    DNS name it was seen with."""
    who, _, name = word.partition("=")
    names = (name,) if name else ()
    try:
        return Party(address=ip_address(who), names=names)
    except ValueError:
        pass
    known = [(each.namespace, each.name) for each in inventory.endpoints]
    meant = [each for each in known if who in ("/".join(each), each[1])]
    if len(meant) == 1:
        return Party(endpoint=meant[0])
    if meant:
        raise NotUnderstood(f"{who} is in several namespaces: write one of {', '.join('/'.join(each) for each in meant)}")
    if who in RESERVED_IDENTITIES:
        return Party(entity=who, names=names)
    hint = did_you_mean(who, [*("/".join(each) for each in known), *(each[1] for each in known), *RESERVED_IDENTITIES])
    raise NotUnderstood(f"there is no endpoint or entity {who!r}: {hint}")


def place(word: str) -> tuple[Protocol, int]:
    """`80`, `53/udp`. Raises NotUnderstood."""
    number, _, name = word.partition("/")
    protocols = {each.name.lower(): each for each in (Protocol.TCP, Protocol.UDP, Protocol.SCTP)}
    protocol = protocols.get(name.lower() or "tcp")
    if protocol is None or not number.isdecimal() or not 0 < int(number) <= _LAST_PORT:
        raise NotUnderstood(f"{word!r} is no port: write a number from 1 to 65535, and /udp or /sctp if it is not TCP")
    return protocol, int(number)


def _has_a_side(end: Party, inventory: Inventory) -> bool:
    if end.endpoint is not None:
        return True
    return end.address is not None and any(end.address in each.addresses for each in inventory.endpoints)


def _where(question: Question) -> tuple[Protocol, int]:
    if question.icmp is not None:
        return _icmp(question.icmp)
    if question.port is None:
        raise NotUnderstood("where to? give --port 80, --port 53/udp or --icmp 8")
    return place(question.port)


def _icmp(word: str) -> tuple[Protocol, int]:
    """`8`, `echo-request`, `icmpv6/128`."""
    family, _, kind = word.rpartition("/")
    protocols = {"": Protocol.ICMP, "icmp": Protocol.ICMP, "icmpv6": Protocol.ICMPV6}
    number = str(_ECHO_REQUEST.get(family or "icmp", "")) if kind == "echo-request" else kind
    if family not in protocols or not number.isdecimal() or int(number) > _LAST_TYPE:
        raise NotUnderstood(f"{word!r} is no ICMP type: write 8, echo-request, icmpv6/128")
    return protocols[family], int(number)


def _request(question: Question) -> HttpRequest | DnsQuery | KafkaRequest | None:
    given = [each for each in (question.http, question.dns, question.kafka) if each is not None]
    if len(given) > 1:
        raise NotUnderstood("a connection carries one kind of request: give one of --http, --dns and --kafka")
    if question.http is None and (question.host is not None or question.headers):
        raise NotUnderstood("--host and --header belong to --http")
    if question.http is not None:
        return _http(question.http, question.host or "", question.headers)
    if question.dns is not None:
        return DnsQuery(question.dns)
    return None if question.kafka is None else _kafka(question.kafka)


def _http(written: str, host: str, headers: Sequence[str]) -> HttpRequest:
    words = written.split()
    if len(words) != 2:
        raise NotUnderstood(f"{written!r} is no request: write a method and a path, such as 'GET /flights'")
    pairs = [each.partition(":") for each in headers]
    if not all(colon for _, colon, _ in pairs):
        raise NotUnderstood("write headers as 'Name: value'")
    return HttpRequest(words[0], words[1], host, tuple((name.strip(), value.strip()) for name, _, value in pairs))


def _kafka(written: str) -> KafkaRequest:
    """`KEY TOPIC...` with the number of the API key, such as `0 orders` for producing."""
    key, *topics = written.split() or [""]
    if not key.isdecimal():
        raise NotUnderstood(f"{written!r} is no Kafka request: write the number of its API key and its topics, such as '0 orders'")
    return KafkaRequest(int(key), topics=tuple(topics))
