"""`pybpf apply`, `confirm`, `rollback`, `delete` and `detach`: what is enforced on this host, changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pybpf.cli.enforcing import attach_option, changing, folder_option, seconds_of, told
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import imported, read_inputs
from pybpf.compiler.diag import Source

if TYPE_CHECKING:
    from pybpf.compiler import Inventory
    from pybpf.compiler.policy.model.inventory import CidrGroup
    from pybpf.compiler.policy.model.policy import Policy
    from pybpf.enforce.applying import Plan


@click.command()
@click.option("-f", "--file", "paths", metavar="FILE", multiple=True, required=True, help="Policies: files or folders; may be given several times.")
@click.option("--endpoints", "who", metavar="FILE", help="Who exists and where (docs/enforcing.md); as before when not given.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--confirm", "confirm_in", metavar="TIME", help="Roll back after 30s, 5m or 2h, unless `pybpf confirm` comes first.")
@attach_option
@click.option("--json", "as_json", is_flag=True, help="The plan as one object.")
@folder_option
def apply(paths: tuple[str, ...], who: str | None, dry_run: bool, confirm_in: str | None, way: str | None, as_json: bool, folder: Path) -> None:
    """Enforce policies on this host's endpoints, beside those that are enforced; policies of the same names are replaced.

    All of it, or nothing: files with errors change nothing, and while policies change no packet passes that neither the old
    nor the new ones allow. What is enforced stays when this command ends.
    """
    with changing():
        from pybpf.enforce import applying, confirming, store
        from pybpf.enforce.attachments import Way
        from pybpf.enforce.installation import compiled
        from pybpf.enforce.presence import places_now

        seconds = seconds_of("--confirm", confirm_in) if confirm_in is not None else None
        policies, groups, inventory = _read(paths, who)
        if dry_run:
            state = store.read(folder) if folder.exists() else None
            before = applying.current(folder, state)
            request = applying.with_policies(before, policies, groups, inventory)
            compiled(request)
            _show(applying.plan(before, request, places_now(folder, state, request)), policies, as_json, "would be ")
            return
        with store.locked(folder):
            state = store.read(folder)
            confirming.check_confirmed(state)
            before = applying.current(folder, state)
            request = applying.with_policies(before, policies, groups, inventory)
            planned = applying.plan(before, request, places_now(folder, state, request))
            by = Way(way) if way is not None else None
            if seconds is None:
                applying.carry_out(folder, state, request, by)
            else:
                confirming.carry_out_for_now(folder, state, request, seconds, by)
        _show(planned, policies, as_json, "")
        if seconds is not None:
            click.echo(f"rolled back in {confirm_in} unless confirmed: pybpf confirm", err=True)


@click.command()
@folder_option
def confirm(folder: Path) -> None:
    """Keep what was applied with --confirm."""
    with told():
        from pybpf.enforce import confirming, store

        _check_enforced(folder)
        with store.locked(folder):
            confirming.confirm(folder)
        click.echo("confirmed")


@click.command()
@click.option("--at", "before_ns", type=int, hidden=True)
@folder_option
def rollback(before_ns: int | None, folder: Path) -> None:
    """Enforce what was enforced before the policies that were applied with --confirm and are not confirmed."""
    with told():
        from pybpf.enforce import confirming, store

        _check_enforced(folder)
        if before_ns is not None:
            confirming.guard(folder, before_ns)
            return
        with store.locked(folder):
            confirming.roll_back(folder)
        click.echo("rolled back")


@click.command()
@click.option("-f", "--file", "paths", metavar="FILE", multiple=True, required=True, help="The policies to delete: files or folders.")
@click.option("--json", "as_json", is_flag=True, help="The plan as one object.")
@folder_option
def delete(paths: tuple[str, ...], as_json: bool, folder: Path) -> None:
    """Enforce the policies in FILE... no longer. Endpoints that no policy is about any more let everything pass."""
    with changing():
        from pybpf.enforce import applying, confirming, store
        from pybpf.enforce.presence import places_now
        from pybpf.enforce.request import name_of

        policies, groups, _ = _read(paths, None)
        with store.locked(folder):
            state = store.read(folder)
            confirming.check_confirmed(state)
            before = applying.current(folder, state)
            request = applying.without_policies(before, [name_of(each) for each in policies], [each.name for each in groups])
            planned = applying.plan(before, request, places_now(folder, state, request))
            applying.carry_out(folder, state, request)
        _show(planned, policies, as_json, "")


@click.command()
@click.option("--all", "everything", is_flag=True, required=True, help="Of every endpoint; there is no other way yet.")
@folder_option
def detach(everything: bool, folder: Path) -> None:
    """Take enforcement off every interface and forget all policies: from then on everything passes."""
    assert everything
    with told():
        from pybpf.enforce import installation, store

        _check_enforced(folder)
        with store.locked(folder):
            number = installation.detach_all(folder)
        click.echo(f"detached from {number} interface{'s' if number != 1 else ''}; nothing is enforced")


def _check_enforced(folder: Path) -> None:
    if not folder.exists():
        raise Unable("nothing is enforced")


def _read(paths: tuple[str, ...], who: str | None) -> tuple[tuple[Policy, ...], tuple[CidrGroup, ...], Inventory | None]:
    from pybpf.compiler.policy.inventory import merged, read_inventory
    from pybpf.compiler.policy.reading import must_read

    inputs = read_inputs(paths)
    of_inventory = read_inputs([who] if who is not None else [])
    if unreadable := inputs.unreadable + of_inventory.unreadable:
        raise Unable("\npybpf: ".join(unreadable))
    reading = must_read(_others(inputs.sources, who), imported)
    if who is None:
        return reading.policies, reading.cidr_groups, None
    return reading.policies, reading.cidr_groups, merged(read_inventory(of_inventory.sources[0]), reading.cidr_groups)


def _others(sources: tuple[Source, ...], who: str | None) -> list[Source]:
    return [each for each in sources if each.name != who]


def _show(planned: Plan, given: Sequence[Policy], as_json: bool, prefix: str) -> None:
    """A line for each policy that was given or changes, and one for all others."""
    from pybpf.enforce.request import name_of, written

    if as_json:
        click.echo(json.dumps(asdict(planned), indent=2))
        return
    for verb in ("created", "changed", "deleted"):
        for name in getattr(planned, verb):
            click.echo(f"{written(name)} {prefix}{verb}")
    for group in planned.groups:
        click.echo(f"CiliumCIDRGroup {group} {prefix}changed")
    known = {name_of(each) for each in given}
    others = [name for name in planned.unchanged if name not in known]
    for name in planned.unchanged:
        if name in known:
            click.echo(f"{written(name)} unchanged")
    if others:
        click.echo(f"{len(others)} other{'s' if len(others) > 1 else ''} as before")
    for endpoint in planned.unattached:
        click.echo(f"endpoint {endpoint}: its interface is not there; pybpf watch attaches it when it appears", err=True)
