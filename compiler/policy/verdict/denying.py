"""What denies make of a connection that they cover. One with request rules denies the requests that match, no others."""

from __future__ import annotations

from collections.abc import Sequence

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.flow import Fit, KafkaRequest, Outcome, Step
from pybpf.compiler.policy.model.layer7 import Kafka
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Entry
from pybpf.compiler.policy.verdict.allowing import Decision, Judge, entry_span, layer7_fit
from pybpf.compiler.policy.verdict.requests import denies_kafka, names_server


def denying(denies: Sequence[Entry], judge: Judge, steps: list[Step]) -> Decision | None:
    """DENY, or INSPECT where the request or server name is not known yet and would be denied by some; None: no deny."""
    unknown: Entry | None = None
    for entry in denies:
        fit, span = _fit(entry, judge, steps)
        if fit is Fit.COVERS:
            return Decision(Outcome.DENY, entry, span)
        if fit is Fit.INSPECTS:
            unknown = unknown or entry
    return None if unknown is None else Decision(Outcome.INSPECT, unknown, entry_span(unknown))


def _fit(entry: Entry, judge: Judge, steps: list[Step]) -> tuple[Fit, Span | None]:
    """Server names and request rules must both match, where both are there."""
    part = entry.port_rule
    fit, span = layer7_fit(entry, judge, steps)
    if part is not None and isinstance(part.layer7, Kafka) and isinstance(judge.flow.request, KafkaRequest):
        # A topic that is denied is not to be had beside others that are not.
        about = [rule.span for rule in part.layer7.rules if denies_kafka(rule, judge.flow.request)]
        fit, span = (Fit.COVERS, about[0]) if about else (Fit.KAFKA, span)
    if part is None or not part.server_names or fit not in (Fit.COVERS, Fit.INSPECTS):
        return fit, span
    if not judge.flow.server_name_known and judge.flow.protocol is Protocol.TCP:
        return Fit.INSPECTS, span
    return (fit, span) if names_server(part.server_names, judge.flow.server_name) else (Fit.SERVER_NAME, span)
