"""Conditions on flows, as `pybpf observe` takes them: each is a test, all must hold, and --not turns the next one round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Final, TypeAlias, TypeVar

from pybpf.kernel_progs.abi import Reason, Verdict
from pybpf.observe import Flow

T = TypeVar("T")
Condition: TypeAlias = Callable[[Flow], bool]
PROTOCOLS: Final = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "icmpv6": 58, "sctp": 132}
# What people ask for -> verdicts
VERDICTS: Final = {
    "forwarded": {Verdict.FORWARDED},
    "audited": {Verdict.AUDITED},
    "dropped": {Verdict.DROPPED},
    "refused": {Verdict.DROPPED, Verdict.REFUSED_403, Verdict.REFUSED_RESET, Verdict.REFUSED_PROHIBITED},
    "reset": {Verdict.REFUSED_RESET},
    "prohibited": {Verdict.REFUSED_PROHIBITED},
    "403": {Verdict.REFUSED_403},
}


class UnknownWord(ValueError):
    """A condition that cannot be: the message says what can."""


def from_(word: str) -> Condition:
    """Flows from an endpoint (NAMESPACE/NAME or NAME), an address or a network."""
    return _end(word, lambda flow: (flow.source, flow.source_address))


def to(word: str) -> Condition:
    """Flows to one."""
    return _end(word, lambda flow: (flow.destination, flow.destination_address))


def verdict(word: str) -> Condition:
    """Flows with that verdict."""
    wanted = _one_of(word.lower(), VERDICTS, "verdict")
    return lambda flow: flow.verdict in wanted


def port(word: str) -> Condition:
    """Flows with that port at either end."""
    if not word.isdigit() or int(word) > 65535:
        raise UnknownWord(f"{word!r} is no port: a number up to 65535")
    return lambda flow: int(word) in (flow.source_port, flow.destination_port)


def protocol(word: str) -> Condition:
    """Flows of that protocol, by name or number."""
    number = int(word) if word.isdigit() else _one_of(word.lower(), PROTOCOLS, "protocol")
    return lambda flow: flow.protocol == number


def reason(word: str) -> Condition:
    """Flows decided for that reason."""
    wanted = _one_of(word.lower().replace("-", "_"), {each.name.lower(): each for each in Reason}, "reason")
    return lambda flow: flow.reason == wanted


def method(word: str) -> Condition:
    """Requests by that method."""
    return lambda flow: flow.request is not None and flow.request.method == word


def path(word: str) -> Condition:
    """Requests whose path, with the query, begins so."""
    return lambda flow: flow.request is not None and flow.request.path.startswith(word)


def host(word: str) -> Condition:
    """Requests to that host, whatever the case."""
    return lambda flow: flow.request is not None and flow.request.host.lower() == word.lower()


def status(word: str) -> Condition:
    """Requests that were replied to by that status, or one of its hundred (`4xx`)."""
    if len(word) != 3 or not word[0].isdigit() or not (word[1:].isdigit() or word[1:].lower() == "xx"):
        raise UnknownWord(f"{word!r} is no status: a number such as 404, or a hundred such as 4xx")
    wanted = word[0] if not word[1:].isdigit() else word
    return lambda flow: flow.request is not None and flow.request.status is not None and str(flow.request.status).startswith(wanted)


def negated(condition: Condition) -> Condition:
    """The flows that it does not take."""
    return lambda flow: not condition(flow)


def taken(flows: Iterable[Flow], conditions: Sequence[Condition]) -> list[Flow]:
    """The flows for which all of them hold."""
    return [flow for flow in flows if all(condition(flow) for condition in conditions)]


def _end(word: str, of: Callable[[Flow], tuple[str, str]]) -> Condition:
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        return lambda flow: of(flow)[0] == word or of(flow)[0].rpartition("/")[2] == word
    return lambda flow: ip_address(of(flow)[1]) in network


def _one_of(word: str, known: Mapping[str, T], what: str) -> T:
    if word not in known:
        raise UnknownWord(f"there is no {what} {word!r}: one of {', '.join(known)}")
    return known[word]
