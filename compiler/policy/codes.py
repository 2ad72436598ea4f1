"""Codes of findings about policy: what each means, how it looks and what to do. `pybpf explain CODE` prints a page.

Each room keeps the pages of its own codes in a `codes.py`; here they come together.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One code. `meaning` completes "this says that ..."; `example` is a short text that is refused; `remedy` says what to do."""

    code: str
    meaning: str
    example: str
    remedy: str
