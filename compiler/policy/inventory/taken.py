"""What has an owner: names and addresses, of which no two things may have the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.model.inventory import Address
from pybpf.compiler.policy.text.report import Report


@dataclass(slots=True)
class Taken:
    """Names and addresses as texts, each with its owner and the place that says so."""

    owners: dict[tuple[str, str], tuple[str, Span]] = field(default_factory=dict)

    def take(self, what: str, key: str, owner: str, place: Span, report: Report) -> None:
        """Note the owner of a key of some sort ("address", "endpoint name", ...); reports a key that has one already."""
        first, where = self.owners.setdefault((what, key), (owner, place))
        if where is not place:
            message = f"the {what} {key} is taken: by {first}, in line {where.line}"
            report.refuse("policy-inventory-twice", place, message, f"give {owner} another {what}, or remove one of the two")

    def take_all(self, owner: str, addresses: Iterable[tuple[Address, Span]], report: Report) -> None:
        """Note the owner of some addresses."""
        for address, place in addresses:
            self.take("address", str(address), owner, place, report)
