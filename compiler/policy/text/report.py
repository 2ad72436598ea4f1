"""What is wrong so far: diagnostics in the order in which they are found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pybpf.compiler.diag import Diagnostic, Severity, Span


@dataclass(slots=True)
class Report:
    """Collects errors while reading goes on, so that one run tells all of them."""

    found: list[Diagnostic] = field(default_factory=list)

    def refuse(self, code: str, span: Span, message: str, hint: str) -> None:
        """Note one error."""
        self.found.append(Diagnostic(code, span, message, hint))

    def warn(self, code: str, span: Span, message: str, hint: str) -> None:
        """Note something that can be used and may not mean what it says."""
        self.found.append(Diagnostic(code, span, message, hint, Severity.WARNING))

    @property
    def errors(self) -> int:
        """How many errors there are; warnings do not count."""
        return sum(each.severity is Severity.ERROR for each in self.found)


def in_order(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by file, line and column; what stands at one place keeps its order."""
    return tuple(sorted(found, key=lambda each: (each.span.source.name, each.span.line, each.span.column)))
