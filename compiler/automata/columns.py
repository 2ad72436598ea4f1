"""Dfa -> Dfa with equal columns merged: the fewest byte classes that the machine needs.

Minimising makes columns equal that were different before: two bytes that led to two states which turn out to be the
same. Linear in the size of the table.
"""

from __future__ import annotations

from pybpf.compiler.automata.bytesets import number_classes
from pybpf.compiler.automata.dfa import Dfa, tabulated


def merge_columns(dfa: Dfa) -> Dfa:
    """The same states over the coarsest class map; classes are numbered by their smallest byte."""
    columns = dfa.transitions.columns()
    classes = number_classes(columns[each] for each in dfa.classes)
    kept = dict.fromkeys(columns[each] for each in dfa.classes)
    return tabulated(classes, zip(*kept, strict=True), dfa.start, dfa.marks)
