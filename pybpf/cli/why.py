"""`pybpf why`: what becomes of one flow, and which rules say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pybpf.cli.failing import Unable
from pybpf.cli.knowing import known

if TYPE_CHECKING:
    from pybpf.compiler.policy.model.flow import Flow, Verdict


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--inventory", "who", metavar="FILE", required=True, help="Who exists (docs/inventory.md).")
@click.option("--from", "source", metavar="WHO", required=True, help="An endpoint, an entity such as world, or an address.")
@click.option("--to", "destination", metavar="WHO", required=True, help="The same for the other end.")
@click.option("--port", metavar="PORT[/PROTOCOL]", help="80, 53/udp")
@click.option("--icmp", metavar="TYPE", help="8, echo-request, icmpv6/128")
@click.option("--http", metavar="'METHOD PATH'", help="A request, such as 'GET /flights'.")
@click.option("--host", metavar="HOST", help="Its Host header.")
@click.option("--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="One of its headers; may be given several times.")
@click.option("--dns", metavar="NAME", help="A DNS query.")
@click.option("--tls", metavar="NAME", help="The TLS server name; empty for none.")
@click.option("--kafka", metavar="'KEY TOPIC...'", help="A Kafka request by the number of its API key.")
@click.option("--json", "as_json", is_flag=True, help="One object with all of it.")
@click.pass_context
def why(context: click.Context, /, paths: tuple[str, ...], who: str, as_json: bool, **words: Any) -> None:
    """Say whether the policies in FILE... let a flow pass, judged at both of its ends, and what every rule makes of it.

    Exit status 0 when it passes, 1 when it does not, 2 when that cannot be said.
    """
    from pybpf.cli.asking import NotUnderstood, Question, flows
    from pybpf.compiler.policy.resolve import resolve
    from pybpf.compiler.policy.verdict import verdict

    policies, inventory = known(paths, who)
    try:
        asked = flows(Question(**words), inventory)
        resolved = resolve(policies, inventory)
        answers = [(flow, verdict(resolved, flow)) for flow in asked]
    except (NotUnderstood, LookupError, ValueError) as error:
        raise Unable(str(error)) from error
    if not answers:
        raise Unable("neither end is an endpoint of the inventory: no policy is about this flow")
    passes = all(answer.allowed for _, answer in answers)
    if as_json:
        click.echo(json.dumps({"allowed": passes, "sides": [_side(flow, answer) for flow, answer in answers]}, indent=2))
    else:
        click.echo("\n".join(line for flow, answer in answers for line in lines(flow, answer)))
        click.echo("it passes" if passes else "it does not pass")
    context.exit(0 if passes else 1)


def lines(flow: Flow, answer: Verdict) -> Iterator[str]:
    """One side as text: the outcome and what decided, then each rule."""
    where = f" by {answer.span}" if answer.span is not None else ""
    policy = f" ({answer.entry.policy.name})" if answer.entry is not None and answer.entry.policy is not None else ""
    refusal = f", seen as {answer.on_deny.value}" if answer.on_deny is not None else ""
    told = ", only told: the policy is in audit" if answer.audited else ""
    unenforced = "" if answer.side.enforced else ": no policy selects this side"
    yield f"{flow.direction.value}: {answer.outcome.value}{where}{policy}{refusal}{told}{unenforced}"
    for step in answer.walk:
        name = step.entry.policy.name if step.entry.policy is not None else step.entry.reason
        yield f"  {step.entry.action.value} {step.span if step.span is not None else '-'} ({name}): {step.text}"


def _side(flow: Flow, answer: Verdict) -> dict[str, Any]:
    """One side for programs."""
    return {
        "direction": flow.direction.value,
        "outcome": answer.outcome.value,
        "allowed": answer.allowed,
        "enforced": answer.side.enforced,
        "audited": answer.audited,
        "authenticated": answer.authenticated,
        "policy": answer.entry.policy.name if answer.entry is not None and answer.entry.policy is not None else None,
        "rule": str(answer.span) if answer.span is not None else None,
        "on_deny": answer.on_deny.value if answer.on_deny is not None else None,
        "walk": [
            {"rule": str(step.span) if step.span is not None else None, "action": step.entry.action.value, "fit": step.text}
            for step in answer.walk
        ],
    }
