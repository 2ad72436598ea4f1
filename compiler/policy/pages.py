"""All pages of findings about policy, room by room; `pybpf explain CODE` prints one, docs/policy-errors.md has all."""

from __future__ import annotations

from collections.abc import Mapping

from pybpf.compiler.policy import cilium, inventory, kubernetes, reading
from pybpf.compiler.policy.codes import Page
from pybpf.compiler.policy.language import codes as language_codes
from pybpf.compiler.policy.lint import codes as lint_codes
from pybpf.compiler.policy.text import codes as text_codes


def pages() -> Mapping[str, Page]:
    """Every page by its code, in the order of the alphabet. A code that two rooms share has the page of the first."""
    rooms = (text_codes.PAGES, reading.PAGES, language_codes.PAGES, cilium.PAGES, kubernetes.PAGES, inventory.PAGES, lint_codes.PAGES)
    found: dict[str, Page] = {}
    for page in (page for room in rooms for page in room):
        found.setdefault(page.code, page)
    return dict(sorted(found.items()))


def shown(page: Page) -> str:
    """A page as text: the code, what it means, an example and the remedy."""
    example = "".join(f"    {line}\n" for line in page.example.splitlines())
    return f"{page.code}\n\n{_sentence(page.meaning)}\n\n{example}\n{_sentence(page.remedy)}\n"


def _sentence(text: str) -> str:
    begun = text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "`")) else begun + "."
