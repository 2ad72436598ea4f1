"""`pybpf status`, `pybpf endpoints`, `pybpf rules`: what is enforced on this host, and what came of it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybpf.cli.enforcing import folder_option, told
from pybpf.cli.failing import Unable

if TYPE_CHECKING:
    from pybpf.enforce.figures import Figures, RuleFigures
    from pybpf.enforce.store import State


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object.")
@folder_option
def status(as_json: bool, folder: Path) -> None:
    """Say what is enforced, how full the kernel's tables are, and what was dropped for which reason.

    Exit status 1 when nothing is enforced, an endpoint is not attached or something runs before its policy, a change did not come to
    its end, or one waits to be confirmed.
    """
    with told():
        from pybpf.enforce.figures import figures

        found = figures(folder)
    if found is None:
        click.echo("{}" if as_json else "nothing is enforced")
        raise SystemExit(1)
    click.echo(json.dumps(_object(found), indent=2) if as_json else _text(found))
    raise SystemExit(1 if found.state.pending is not None or found.state.unconfirmed is not None or found.open or found.behind else 0)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object for every endpoint.")
@folder_option
def endpoints(as_json: bool, folder: Path) -> None:
    """List the endpoints that are attached: identity, interface, packets and refusals of each direction."""
    with told():
        from pybpf.enforce import figures

        found = figures.endpoints(folder)
    if as_json:
        rows = [{"endpoint": each.name, "identity": each.identity, "interface": each.interface_index, **{
            direction.name.lower(): dict(zip(("packets", "bytes", "refused", "audited"), counts, strict=True)) for direction, counts in each.counts.items()
        }} for each in found]  # fmt: skip
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"{'ENDPOINT':<32} {'IDENTITY':>8} {'INTERFACE':>9} {'IN':>10} {'REFUSED':>8} {'OUT':>10} {'REFUSED':>8}")
    for each in found:
        (packets_in, _, refused_in, _), (packets_out, _, refused_out, _) = each.counts.values()
        click.echo(f"{each.name:<32} {each.identity:>8} {each.interface_index:>9} {packets_in:>10} {refused_in:>8} {packets_out:>10} {refused_out:>8}")


@click.command()
@click.option("--events", type=click.IntRange(0, (1 << 32) - 1), metavar="N", help="Events a second of each reason on each CPU.")
@click.option("--sample", type=click.IntRange(0, (1 << 32) - 1), metavar="N", help="Tell of one of N new connections; 0: of none. Refusals are told all the same.")
@click.option("--requests", type=click.IntRange(0, (1 << 32) - 1), metavar="N", help="Tell of one of N requests let through; 0: of none.")
@click.option("--answers", type=click.IntRange(0, (1 << 32) - 1), metavar="N", help="Refusals answered a second for each endpoint on each CPU; more are dropped in silence.")
@folder_option
def rates(events: int | None, sample: int | None, requests: int | None, answers: int | None, folder: Path) -> None:
    """Show how much is told and answered, and change it."""
    with told():
        from pybpf.enforce import rates as rating
        from pybpf.enforce import store

        state = store.read(folder) if folder.exists() else None
        if state is None:
            raise Unable("nothing is enforced")
        with rating.pinned_control(folder, state.generation) as control:
            now = rating.rates(control)
            given = {"events_per_second": events, "connections_sampled": sample, "answers_per_second": answers, "requests_sampled": requests}
            rating.set_rates(control, replace(now, **{name: number for name, number in given.items() if number is not None}))
            for name, number in asdict(rating.rates(control)).items():
                click.echo(f"{name.replace('_', ' '):<20} {number:>10}")


@click.command()
@click.option("--hits", "choice", flag_value="hits", help="Only rules that have decided something.")
@click.option("--unused", "choice", flag_value="unused", help="Only rules that never have.")
@click.option("--json", "as_json", is_flag=True, help="One object for every rule.")
@folder_option
def rules(choice: str | None, as_json: bool, folder: Path) -> None:
    """List the rules that are enforced by file and line, with the connections they let pass and the packets they refused."""
    with told():
        from pybpf.enforce import figures

        found = [each for each in figures.rules(folder) if choice is None or (choice == "hits") == _is_hit(each)]
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    click.echo(f"{'PASSED':>10} {'REFUSED':>10}  RULE")
    for each in found:
        click.echo(f"{each.passed:>10} {each.refused:>10}  {each.rule.place} {each.rule.policy}: {each.rule.text}")


def _is_hit(rule: RuleFigures) -> bool:
    return rule.passed + rule.refused > 0


def _seconds_left(state: State) -> int | None:
    """Until what is enforced is rolled back; negative: that should have been done. None: it is not to be confirmed."""
    return None if state.unconfirmed is None else (state.unconfirmed.before_ns - time.monotonic_ns()) // 1_000_000_000


def _object(found: Figures) -> dict[str, object]:
    return {
        "policies": len(found.state.request.policies),
        "interfaces": found.interfaces,
        "revision": found.state.revision,
        "not_attached": found.open,
        "behind_others": found.behind,
        "unfinished": found.state.pending is not None,
        "rolled_back_in_seconds": _seconds_left(found.state),
        "tables": [asdict(each) for each in found.uses],
        "counted": {each.name.lower(): number for each, number in found.counted.items()},
        "dropped": {each.name.lower(): number for each, number in found.reasons.items()},
        "forgotten": found.evicted,
        "events": found.events,
    }


def _text(found: Figures) -> str:
    number = len(found.state.request.policies)
    lines = [f"{number} polic{'y' if number == 1 else 'ies'} on {found.interfaces} interfaces, revision {found.state.revision}"]
    if found.state.pending is not None:
        lines.append("a change did not come to its end: apply again")
    lines += [f"endpoint {name} is NOT ATTACHED, everything passes there: pybpf watch, or apply again" for name in found.open]
    lines += [f"endpoint {name}: {', '.join(names)} runs before its policy, and may let pass what this refuses" for name, names in found.behind.items()]
    left = _seconds_left(found.state)
    if left is not None:
        lines.append(f"rolled back in {left} s unless confirmed: pybpf confirm" if left >= 0 else "not confirmed in time, and not rolled back: pybpf rollback, or confirm")
    lines += ["", f"{'TABLE':<14} {'USED':>9} {'OF':>9}", *(f"{each.table:<14} {each.used:>9} {each.limit:>9}" for each in found.uses)]
    lines += ["", *(f"{each.name.lower().replace('_', ' '):<22} {number:>12}" for each, number in found.counted.items())]
    lines += [f"{'connections forgotten':<22} {found.evicted:>12}", f"{'events':<22} {found.events:>12}"]
    if found.reasons:
        lines += ["", "dropped or answered, by reason:", *(f"  {each.name.lower().replace('_', ' '):<20} {number:>12}" for each, number in found.reasons.items())]
    return "\n".join(lines)
