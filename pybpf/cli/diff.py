"""`pybpf diff`: what one set of policies lets pass and another does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from pybpf.cli import render
from pybpf.cli.collector import paused
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.compiler.diag import CompileError

if TYPE_CHECKING:
    from pybpf.compiler.policy.diff import Difference, Place, Stated
    from pybpf.compiler.policy.model.flow import Flow, Verdict
    from pybpf.compiler.policy.model.inventory import Inventory

_SHOWN: Final = 3
_BECAME: Final = {"allowed": "became allowed", "refused": "became refused", "otherwise": "changed otherwise"}


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--inventory", "who", metavar="FILE", help="Who exists (docs/policies.md); without one, differences are those of any inventory.")
@click.option("--json", "as_json", is_flag=True, help="One object for every difference.")
@click.pass_context
def diff(context: click.Context, old: str, new: str, who: str | None, as_json: bool) -> None:
    """Say what became allowed and what became refused from the policies in OLD to those in NEW, with an example of each.

    OLD and NEW are files or folders, as for `pybpf check`. No difference is a proof: requests, DNS names and server names are
    compared as languages, not by samples (docs/diff.md). Told as well is what changed otherwise: how refusals look, and whether the
    ends must prove who they are. Exit status 0 when nothing changed, 1 when something did, 2 when that cannot be said.
    """
    from pybpf.compiler.automata import TooManyStates
    from pybpf.compiler.policy.diff import Unproven, changes

    before, after = _read(old), _read(new)
    inventory = _inventory(who) if who is not None else None
    try:
        with paused():
            found = changes(before, after, inventory)
    except Unproven as error:
        raise Unable(f"this cannot be decided: {error}; {error.hint}") from error
    except TooManyStates as error:
        raise Unable(f"conditions are too large to compare: {error}") from error
    except ValueError as error:
        raise Unable(str(error)) from error
    if as_json:
        click.echo(json.dumps([_row(each) for each in found], indent=2))
    else:
        click.echo("\n\n".join("\n".join(_lines(each)) for each in found) or "no difference: the same flows pass")
    context.exit(1 if found else 0)


def _read(path: str) -> Stated:
    """What a side says; ends the command after telling all that is wrong with it."""
    from pybpf.compiler.policy.diff import Stated
    from pybpf.compiler.policy.reading import must_read

    inputs = read_inputs([path])
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        with paused():
            reading = must_read(inputs.sources, imported)
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the files have errors") from error
    return Stated(tuple(reading.policies), tuple(reading.cidr_groups))


def _inventory(path: str) -> Inventory:
    """Who exists; ends the command after telling all that is wrong with the file."""
    from pybpf.compiler.policy.inventory import read_inventory

    inputs = read_inputs([path])
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        return read_inventory(inputs.sources[0])
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the inventory has errors") from error


def _lines(difference: Difference) -> Iterator[str]:
    from pybpf.compiler.policy.model.policy import Direction

    incoming = difference.direction is Direction.INGRESS
    yield f"{_BECAME[difference.change.value]}:"
    subjects, others = (_some(sorted(each, key=len)) for each in (difference.subjects, difference.others))
    yield f"  {difference.direction.value} of {subjects}"
    yield f"  {'from' if incoming else 'to'} {others}"
    yield f"  on {_some([_place(each) for each in difference.places])}"
    yield f"  for example {_example(difference.example)}"
    otherwise = difference.change.value == "otherwise"
    yield f"    before: {_verdict(difference.old)}{_besides(difference.old) if otherwise else ''}"
    yield f"    now:    {_verdict(difference.new)}{_besides(difference.new) if otherwise else ''}"


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
    outcome = "left to rules about requests, none of which is about this one" if verdict.outcome.value == "inspect" else verdict.outcome.value
    return f"{outcome}{where}{unenforced}{', only told' if verdict.audited else ''}"


def _besides(verdict: Verdict) -> str:
    """What a verdict says besides whether a flow passes."""
    if verdict.allowed:
        return ", provided both ends prove who they are" if verdict.authenticated else ", whoever the ends are"
    return f", which looks like {verdict.on_deny.value}" if verdict.on_deny is not None else ""


def _row(difference: Difference) -> dict[str, Any]:
    """One difference for programs."""
    return {
        "became": difference.change.value,
        "direction": difference.direction.value,
        "subjects": list(difference.subjects),
        "others": list(difference.others),
        "places": [{"protocol": int(each.protocol), "first": each.first, "last": each.last} for each in difference.places],
        "example": _example(difference.example),
        "before": _judged(difference.old),
        "now": _judged(difference.new),
    }


def _judged(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "rule": str(verdict.span) if verdict.span is not None else None,
        "on_deny": verdict.on_deny.value if verdict.on_deny is not None else None,
        "audited": verdict.audited,
        "authenticated": verdict.authenticated,
    }
