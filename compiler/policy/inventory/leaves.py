"""The small parts of an inventory: labels with their sources, addresses, networks, names of ports."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from collections.abc import Sequence
from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.kubernetes.names import is_label_key, is_made, is_port_name, label_value
from pybpf.compiler.policy.kubernetes.networks import address, network
from pybpf.compiler.policy.model.inventory import Address, PortName
from pybpf.compiler.policy.model.labels import CIDR_GROUP, KUBERNETES, NODE, RESERVED, Label
from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.model.ports import LAST_PORT, WITH_PORTS, Protocol
from pybpf.compiler.policy.text.fields import Text, did_you_mean, items, strings, text
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

# Sources that the labels of each sort of thing may have; the first where none is written.
ENDPOINT_SOURCES: Final = (KUBERNETES, RESERVED, "container", "cni")
KUBERNETES_SOURCES: Final = (KUBERNETES,)
NODE_SOURCES: Final = (NODE,)
GROUP_SOURCES: Final = (CIDR_GROUP,)
# The reserved labels that a workload can have. All others say what is no workload: hosts, the world.
_RESERVED: Final = ("init", "health", "ingress", "unmanaged")
_NUMBER: Final = re.compile("[1-9][0-9]{0,4}")
_PROTOCOLS: Final[Table[str, Protocol]] = {each.name.lower(): each for each in WITH_PORTS}


def labels(node: Node, sources: Sequence[str], report: Report) -> tuple[Label, ...]:
    """Labels, sorted. A key may carry one of `sources`; reports keys and values that no label can have, and a key of one
    source that stands there in two spellings."""
    found: dict[tuple[str, str], Label] = {}
    for key, value in strings(node, report):
        source, name = _key(key, sources, report)
        if (source, name) in found:
            report.refuse("policy-label", key.span, f"the label {source}:{name} stands here a second time", "keep one of them")
        if source == RESERVED and value.value:
            report.refuse("policy-label", value.span, "reserved labels have no value", 'write ""')
        found[source, name] = Label(source, name, label_value(value, report))
    return tuple(sorted(found.values()))


def addresses(node: Node, report: Report) -> tuple[tuple[Address, Span], ...]:
    """A list of addresses, each with its place."""
    written = [_plain(each, report) for each in items(node, report)]
    read = [(address(each, report), each.span) for each in written if each is not None]
    return tuple((found, span) for found, span in read if found is not None)


def networks(node: Node, report: Report) -> tuple[Network, ...]:
    """A list of networks, in the order of the file."""
    written = [_plain(each, report) for each in items(node, report)]
    read = [network(each, report) for each in written if each is not None]
    return tuple(each for each in read if each is not None)


def port_names(node: Node, report: Report) -> tuple[PortName, ...]:
    """Named ports such as `http: 80/tcp`, in the order of the file."""
    read = [_port_name(name, value, report) for name, value in strings(node, report)]
    return tuple(each for each in read if each is not None)


def _port_name(name: Text, value: Text, report: Report) -> PortName | None:
    """One named port; None after a report."""
    number, _, protocol = value.value.partition("/")
    if not is_port_name(name.value):
        hint = "use at most 15 small letters, digits and '-', one letter among them"
        report.refuse("policy-port", name.span, f"{name.value!r} is not the name of a port", hint)
    elif not _NUMBER.fullmatch(number) or int(number) > LAST_PORT or protocol not in _PROTOCOLS:
        message = f"{value.value!r} is not a port and its protocol"
        report.refuse("policy-port", value.span, message, "write a number from 1 to 65535, '/' and tcp, udp or sctp: 80/tcp")
    else:
        return PortName(name.value, _PROTOCOLS[protocol], int(number))
    return None


def _key(key: Text, sources: Sequence[str], report: Report) -> tuple[str, str]:
    """The source and name of a label's key."""
    source, colon, name = key.value.rpartition(":")
    source = source if colon else sources[0]
    if source not in sources:
        report.refuse("policy-label", key.span, f"labels of source {source!r} do not stand here", did_you_mean(source, sources))
    elif source == RESERVED and name not in _RESERVED:
        report.refuse("policy-label", key.span, f"{name!r} is no reserved label of a workload", did_you_mean(name, _RESERVED))
    elif is_made(name):
        hint = "remove it: give the namespace, the namespace's labels, the service account or the cluster their own keys"
        report.refuse("policy-label", key.span, f"the label {name!r} is made of other things that the inventory says", hint)
    elif not is_label_key(name):
        hint = "write an optional DNS name and '/', then at most 63 letters, digits, '-', '_' or '.'"
        report.refuse("policy-label", key.span, f"no label has the key {name!r}", hint)
    return source, name


def _plain(node: Node, report: Report) -> Text | None:
    """A string; None after a report, so that one mistake is not told twice."""
    already = report.errors
    written = text(node, report)
    return written if report.errors == already else None
