"""Why the kernel's verifier refused a program, in terms of its Python source.

`VerifierRejected` is the error; `find` reads a log by itself. One step a file: log (lines), registers, path, lines (source of an
instruction), known (the table of causes), words (registers for people), finding, rejected (the error and how it is shown).
"""

from .finding import Fact, Finding, Turn, find
from .lines import LineTable, line_table
from .log import Step
from .rejected import VerifierRejected, render

VerifierError = VerifierRejected  # the name it had first

__all__ = ["Fact", "Finding", "LineTable", "Step", "Turn", "VerifierError", "VerifierRejected", "find", "line_table", "render"]
