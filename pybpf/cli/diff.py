"""`pybpf diff`: what one set of policies lets pass and another does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from pybpf.cli import render
from pybpf.cli.collector import paused
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler.policy.diff import Difference, Place
    from pybpf.compiler.policy.model.flow import Flow, Verdict
    from pybpf.compiler.policy.model.inventory import CidrGroup, Inventory
    from pybpf.compiler.policy.reading import Reading

_SHOWN = 3


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--inventory", "who", metavar="FILE", help="Who exists (docs/policies.md); without one, differences are those of any inventory.")
@click.option("--json", "as_json", is_flag=True, help="One object for every difference.")
@click.pass_context
def diff(context: click.Context, old: str, new: str, who: str | None, as_json: bool) -> None:
    """Say what became allowed and what became refused from the policies in OLD to those in NEW, with an example of each.

    OLD and NEW are files or folders, as for `pybpf check`. No difference is a proof: requests, DNS names and server names are
    compared as languages, not by samples. Exit status 0 when all that passes is the same, 1 when it is not, 2 when that cannot be
    said.
    """
    from pybpf.compiler.automata import TooManyStates
    from pybpf.compiler.policy.diff import Unproven, differences

    first, second = _read(old), _read(new)
    inventory, groups = _known(first, second, who)
    try:
        with paused():
            found = differences(first.policies, second.policies, inventory, groups)
    except Unproven as error:
        raise Unable(f"this cannot be decided for every inventory: {error}; give --inventory") from error
    except TooManyStates as error:
        raise Unable(f"conditions are too large to compare: {error}") from error
    except ValueError as error:
        raise Unable(str(error)) from error
    if as_json:
        click.echo(json.dumps([_row(each) for each in found], indent=2))
    else:
        click.echo("\n\n".join("\n".join(_lines(each)) for each in found) or "no difference: the same flows pass")
    context.exit(1 if found else 0)


def _read(path: str) -> Reading:
    """The policies of a side; ends the command after saying all that is wrong with them."""
    from pybpf.compiler.policy.reading import must_read

    inputs = read_inputs([path])
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        with paused():
            return must_read(inputs.sources, imported)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the files have errors") from error


def _known(old: Reading, new: Reading, who: str | None) -> tuple[Inventory | None, tuple[CidrGroup, ...]]:
    """The inventory, if one was given, and the groups of networks that are known without. Groups are not policies: what differs
    because of them cannot be told from what differs because of rules."""
    from pybpf.compiler.policy.inventory import merged, read_inventory

    if set(old.cidr_groups) != set(new.cidr_groups):
        raise Unable("OLD and NEW define different CiliumCIDRGroups: compare the policies under one set of groups")
    if who is None:
        return None, old.cidr_groups
    inputs = read_inputs([who])
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        return merged(read_inventory(inputs.sources[0]), old.cidr_groups), old.cidr_groups
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the inventory has errors") from error


def _lines(difference: Difference) -> Iterator[str]:
    from pybpf.compiler.policy.model.policy import Direction

    incoming = difference.direction is Direction.INGRESS
    yield "became allowed:" if difference.allowed else "became refused:"
    subjects, others = _some(difference.subjects), _some(difference.others)
    yield f"  {difference.direction.value} of {subjects}"
    yield f"  {'from' if incoming else 'to'} {others}"
    yield f"  on {_some([_place(each) for each in difference.places])}"
    yield f"  for example {_example(difference.example)}"
    yield f"    before: {_verdict(difference.old)}"
    yield f"    now:    {_verdict(difference.new)}"


def _some(texts: Sequence[str]) -> str:
    shown = "; ".join(texts[:_SHOWN])
    return shown if len(texts) <= _SHOWN else f"{shown}; and {len(texts) - _SHOWN} more"


def _place(place: Place) -> str:
    from pybpf.compiler.policy.model.ports import LAST_PORT, Protocol

    if not isinstance(place.protocol, Protocol):
        return "every other protocol"
    name = place.protocol.name
    if (place.first, place.last) in ((0, LAST_PORT), (0, 255), (0, 0)):
        return name
    word = " type" if place.protocol in (Protocol.ICMP, Protocol.ICMPV6) else ""
    return f"{name}{word} {place.first}" + (f"-{place.last}" if place.last > place.first else "")


def _example(flow: Flow) -> str:
    """What is said on the connection."""
    from pybpf.compiler.policy.model.flow import DnsQuery, HttpRequest, KafkaRequest
    from pybpf.compiler.policy.model.ports import Protocol

    name = flow.protocol.name if isinstance(flow.protocol, Protocol) else f"protocol {flow.protocol}"
    where = f"{name} {flow.port}" if flow.port else name
    server = f" with TLS to {flow.server_name}" if flow.server_name is not None else ""
    match flow.request:
        case HttpRequest(method, path, host, headers):
            parts = [f"{method} {path}", *([f"with Host: {host}"] if host else []), *(f"with {key}: {value}" for key, value in headers)]
            return f"{' '.join(parts)} on {where}{server}"
        case DnsQuery(asked):
            return f"a query for {asked} on {where}"
        case KafkaRequest(key, version, client, topics):
            return f"Kafka request {key} version {version} of client {client!r} for topics {', '.join(topics) or 'none'} on {where}{server}"
    return f"a connection on {where}{server}"


def _verdict(verdict: Verdict) -> str:
    policy = f" ({verdict.entry.policy.name})" if verdict.entry is not None and verdict.entry.policy is not None else ""
    where = f" by {verdict.span}{policy}" if verdict.span is not None else ""
    unenforced = "" if verdict.side.enforced else ": no policy selects this side"
    outcome = "refused, for its request is none that a rule is about" if verdict.outcome.value == "inspect" else verdict.outcome.value
    return f"{outcome}{where}{unenforced}{', only told' if verdict.audited else ''}"


def _row(difference: Difference) -> dict[str, Any]:
    """One difference for programs."""
    return {
        "became": "allowed" if difference.allowed else "refused",
        "direction": difference.direction.value,
        "subjects": list(difference.subjects),
        "others": list(difference.others),
        "places": [{"protocol": int(each.protocol), "first": each.first, "last": each.last} for each in difference.places],
        "example": _example(difference.example),
        "before": {"outcome": difference.old.outcome.value, "rule": str(difference.old.span) if difference.old.span is not None else None},
        "now": {"outcome": difference.new.outcome.value, "rule": str(difference.new.span) if difference.new.span is not None else None},
    }
