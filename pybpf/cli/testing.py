"""`pybpf test`: whether policies do what their tests expect, and which rules no test met."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pybpf.cli import render
from pybpf.cli.failing import Unable
from pybpf.cli.inputs import read_inputs
from pybpf.cli.knowing import known
from pybpf.cli.why import lines
from pybpf.compiler.diag import CompileError, Span

if TYPE_CHECKING:
    from pybpf.cli.cases import Case
    from pybpf.compiler.policy.model.flow import Flow, Verdict
    from pybpf.compiler.policy.model.policy import Policy
    from pybpf.compiler.policy.model.resolved import Resolved


@dataclass(frozen=True, slots=True)
class Result:
    """One test and what became of its flow: `wrong` is empty when it is as expected."""

    case: Case
    answers: Sequence[tuple[Flow, Verdict]]
    wrong: str


@click.command("test")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True)
@click.option("--inventory", "who", metavar="FILE", required=True, help="Who exists (docs/policies.md).")
@click.option("--tests", "tests", metavar="FILE", multiple=True, required=True, help="Flows and what must become of them; may be given several times.")
@click.option("--coverage", is_flag=True, help="Say which rules decided in no test.")
@click.option("--json", "as_json", is_flag=True, help="One object for every test.")
@click.pass_context
def test_policies(context: click.Context, /, paths: tuple[str, ...], who: str, tests: tuple[str, ...], coverage: bool, as_json: bool) -> None:
    """Test the policies in FILE...: each flow of the tests is judged at both ends; a test that fails shows the way to its verdict.

    Exit status 0 when all is as expected, 1 when something is not, 2 when the files cannot be used.
    """
    from pybpf.compiler.policy.resolve import resolve

    policies, inventory = known(paths, who)
    cases = _cases(tests, policies)
    resolved = resolve(policies, inventory)
    results = [_result(case, resolved) for case in cases]
    if as_json:
        click.echo(json.dumps([_row(each) for each in results], indent=2))
    else:
        for result in (each for each in results if each.wrong):
            click.echo("\n".join([f"{result.case.span}: {result.case.name}: {result.wrong}", *_walk(result), ""]))
    missed = _missed(policies, results) if coverage else []
    for span in missed:
        click.echo(f"{span}: no test's verdict is by this rule")
    failed = sum(bool(each.wrong) for each in results)
    click.echo(f"{render.counted(len(results), 'test')}, {failed or 'none'} failed", err=True)
    context.exit(1 if failed else 0)


def _cases(tests: Sequence[str], policies: Sequence[Policy]) -> list[Case]:
    """The tests of all files; ends the command after saying what is wrong with them."""
    from pybpf.cli.cases import read_cases
    from pybpf.compiler.policy.text.fields import did_you_mean

    inputs = read_inputs(tests)
    if inputs.unreadable:
        raise Unable("\npybpf: ".join(inputs.unreadable))
    try:
        cases = [case for source in inputs.sources for case in read_cases(source)]
    except CompileError as error:
        click.echo(render.diagnostics(error.diagnostics), err=True)
        raise Unable("the tests have errors") from error
    names = sorted({policy.name for policy in policies})
    for case in cases:
        if case.by is not None and case.by not in names:
            raise Unable(f"{case.span}: there is no policy {case.by!r}: {did_you_mean(case.by, names)}")
    return cases


def _result(case: Case, resolved: Resolved) -> Result:
    from pybpf.cli.asking import NotUnderstood, flows
    from pybpf.compiler.policy.verdict import verdict

    try:
        asked = flows(case.question, resolved.inventory)
        answers = [(flow, verdict(resolved, flow)) for flow in asked]
    except (NotUnderstood, LookupError, ValueError) as error:
        raise Unable(f"{case.span}: {error}") from error
    if not answers:
        raise Unable(f"{case.span}: neither end is an endpoint of the inventory")
    return Result(case, answers, _wrong(case, answers))


def _wrong(case: Case, answers: Sequence[tuple[Flow, Verdict]]) -> str:
    """What is not as expected: the verdict is that of the first end that does not let the flow pass, else of the last."""
    from pybpf.cli.cases import DENIED
    from pybpf.compiler.policy.model.flow import Outcome

    _, answer = _deciding(answers)
    refused = not answer.allowed and answer.outcome is not Outcome.INSPECT
    met = refused if case.expected == DENIED else answer.outcome.value == case.expected
    if not met:
        return f"expected {case.expected}, got {answer.outcome.value}"
    deciders = {each.entry.policy.name for _, each in answers if each.entry is not None and each.entry.policy is not None}
    deciders |= {each.side.origin.name for _, each in answers if each.outcome is Outcome.DENY_DEFAULT and each.side.origin is not None}
    return "" if case.by is None or case.by in deciders else f"expected {case.by} to decide, but it was {', '.join(sorted(deciders)) or 'no policy'}"


def _deciding(answers: Sequence[tuple[Flow, Verdict]]) -> tuple[Flow, Verdict]:
    return next((each for each in answers if not each[1].allowed), answers[-1])


def _walk(result: Result) -> list[str]:
    return [f"    {line}" for flow, answer in result.answers for line in lines(flow, answer)]


def _missed(policies: Sequence[Policy], results: Sequence[Result]) -> list[Span]:
    """The places of rules by which no verdict was made, in the files' order."""
    decided = {id(answer.entry.rule) for each in results for _, answer in each.answers if answer.entry is not None}
    return [rule.span for policy in policies for rule in policy.rules if id(rule) not in decided]


def _row(result: Result) -> dict[str, object]:
    flow, answer = _deciding(result.answers)
    return {
        "name": result.case.name,
        "place": str(result.case.span),
        "ok": not result.wrong,
        "expected": result.case.expected,
        "got": answer.outcome.value,
        "direction": flow.direction.value,
        "rule": str(answer.span) if answer.span is not None else None,
        "wrong": result.wrong,
    }
