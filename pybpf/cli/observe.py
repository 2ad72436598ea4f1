"""`pybpf observe`: what the kernel decides, a line for each flow, with the line of the policy that decided it."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pybpf.cli.enforcing import folder_option, seconds_of, told
from pybpf.cli.failing import Unable

if TYPE_CHECKING:
    from pybpf.flow_filters import Condition
    from pybpf.observe import Flow

_WAIT_MS: Final = 200
_WORDS: Final = ("from", "to", "verdict", "port", "protocol", "reason", "method", "path", "host", "status")


class OrderedConditions(click.Command):
    """Keeps the order in which conditions and --not stand on the command line, which click forgets."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; the words are kept in ctx.meta."""
        ctx.meta["words"] = list(args)
        return super().parse_args(ctx, args)


def _condition_options(command: Any) -> Any:
    helps = {
        "from": "From an endpoint (NAME or NAMESPACE/NAME), address or network.", "to": "To one.",
        "verdict": "forwarded, refused, dropped, reset, prohibited, 403, audited.", "port": "With this port at either end.",
        "protocol": "tcp, udp, sctp, icmp, icmpv6 or a number.", "reason": "For this reason, such as policy or spoofed-source.",
        "method": "Requests by this method.", "path": "Requests whose path begins so.", "host": "Requests to this host, as the client wrote it.",
        "status": "Requests replied to by this status: 404, or 4xx.",
    }  # fmt: skip
    for word in reversed(_WORDS):
        command = click.option(f"--{word}", f"{word}_", metavar="WORD", multiple=True, help=helps[word])(command)
    return command


@click.command(cls=OrderedConditions)
@_condition_options
@click.option("--not", "not_", is_flag=True, multiple=False, help="Turns the next condition round.")
@click.option("-f", "--follow", is_flag=True, help="Go on as flows come, until interrupted.")
@click.option("--since", metavar="TIME", help="Also what was decided up to so long ago: 30s, 5m, 2h; what the log still has.")
@click.option("-o", "--output", "form", type=click.Choice(["compact", "table", "json"]), default="compact", show_default=True)
@folder_option
@click.pass_context
def observe(ctx: click.Context, /, not_: bool, follow: bool, since: str | None, form: str, folder: Path, **_: object) -> None:
    """Show flows: new connections, requests, refusals, verdicts of audits. Without -f, what the log has.

    Several conditions must all hold; --not turns the next one round.
    """
    with told():
        from pybpf.enforce.watching import flows
        from pybpf.flow_filters import taken

        conditions = _conditions(ctx.meta["words"])
        earliest_ns = time.monotonic_ns() - seconds_of("--since", since) * 1_000_000_000 if since is not None else 0
        with flows(folder, from_start=since is not None or not follow) as reader:
            if form == "table":
                click.echo(f"{'TIME':<12} {'FROM':<28} {'TO':<28} {'PROTO':<8} {'VERDICT':<20} {'REASON':<16} RULE")
            told_lost = 0
            while True:
                for flow in taken(reader.read(_WAIT_MS if follow else 0), conditions):
                    if flow.time_ns >= earliest_ns:
                        click.echo(_FORMS[form](flow))
                if reader.lost > told_lost:
                    click.echo(f"pybpf: {reader.lost - told_lost} events lost: they came faster than they were read", err=True)
                    told_lost = reader.lost
                if not follow:
                    return
                sys.stdout.flush()


def _conditions(words: list[str]) -> list[Condition]:
    """The conditions in their order, each turned round when --not stands before it."""
    from pybpf import flow_filters as of

    makers = {"from": of.from_, "to": of.to, "verdict": of.verdict, "port": of.port, "protocol": of.protocol, "reason": of.reason, "method": of.method,
              "path": of.path, "host": of.host, "status": of.status}  # fmt: skip
    found, turned = [], False
    try:
        for index, word in enumerate(words):
            name, equals, value = word.removeprefix("--").partition("=")
            if word == "--not":
                if turned:
                    raise Unable("--not --not: say it once, before a condition")
                turned = True
            elif word.startswith("--") and name in makers:
                condition = makers[name](value if equals else words[index + 1])
                found.append(of.negated(condition) if turned else condition)
                turned = False
    except of.UnknownWord as error:
        raise Unable(str(error)) from error
    if turned:
        raise Unable("--not stands before nothing: it turns the condition behind it round")
    return found


def _wall_clock(flow: Flow) -> str:
    moment = time.time() - (time.monotonic_ns() - flow.time_ns) / 1e9
    return datetime.fromtimestamp(moment).strftime("%H:%M:%S.%f")[:-3]


def _ends(flow: Flow) -> tuple[str, str]:
    """Both ends as name (address:port)."""
    parts = []
    for name, address, port in ((flow.source, flow.source_address, flow.source_port), (flow.destination, flow.destination_address, flow.destination_port)):
        where = f"[{address}]" if ":" in address else address
        parts.append(f"{name} ({where}:{port})" if port else f"{name} ({where})")
    return parts[0], parts[1]


def _protocol(flow: Flow) -> str:
    from pybpf.flow_filters import PROTOCOLS

    name = next((name for name, number in PROTOCOLS.items() if number == flow.protocol), str(flow.protocol))
    return f"{name} type {flow.icmp_type}" if flow.icmp_type is not None else name


def _rule(flow: Flow) -> str:
    return f"{flow.rule.place} {flow.rule.policy}: {flow.rule.text}" if flow.rule is not None else ""


def _request(flow: Flow) -> str:
    return f" {flow.request}" if flow.request is not None else ""


def _compact(flow: Flow) -> str:
    source, destination = _ends(flow)
    reason = f" ({flow.reason.name.lower().replace('_', ' ')})" if flow.reason else ""
    return f"{_wall_clock(flow)}: {source} -> {destination} {_protocol(flow)} {flow.direction.name.lower()} {flow.verdict.name}{reason}{_request(flow)} {_rule(flow)}".rstrip()


def _table(flow: Flow) -> str:
    source, destination = (f"{name}:{port}" if port else name for name, port in ((flow.source, flow.source_port), (flow.destination, flow.destination_port)))
    return f"{_wall_clock(flow):<12} {source:<28} {destination:<28} {_protocol(flow):<8} {flow.verdict.name:<20} {flow.reason.name.lower():<16}{_request(flow)} {_rule(flow)}".rstrip()


def _json(flow: Flow) -> str:
    rule = {"policy": flow.rule.policy, "place": flow.rule.place, "text": flow.rule.text} if flow.rule is not None else None
    request = asdict(flow.request) if flow.request is not None else None
    return json.dumps({
        "time": _wall_clock(flow), "endpoint": flow.endpoint, "direction": flow.direction.name.lower(), "protocol": _protocol(flow),
        "source": {"name": flow.source, "identity": flow.source_identity, "address": flow.source_address, "port": flow.source_port},
        "destination": {"name": flow.destination, "identity": flow.destination_identity, "address": flow.destination_address, "port": flow.destination_port},
        "verdict": flow.verdict.name.lower(), "reason": flow.reason.name.lower(), "rule": rule, "tcp_flags": flow.tcp_flags, "bytes": flow.length_bytes,
        "http": request,
    })  # fmt: skip


_FORMS: Final = {"compact": _compact, "table": _table, "json": _json}
