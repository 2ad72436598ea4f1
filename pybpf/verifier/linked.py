"""What a comparison tells of one register -> what it tells of the others.

The verifier prints only the registers that a branch compares. But with a value that turns out not to be None all its copies do, a
number's bounds are those of its copies, and with one address that is seen to lie before the end of the packet all others of the same
base have so many bytes (mark_ptr_or_null_regs, sync_linked_regs and find_good_pkt_pointers, kernel/bpf/verifier.c, 6.18). Without
this a copy would seem to be what it was before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .registers import Register, register

_MAYBE = "_or_null"
_IDENTITY = re.compile(r"\bid=\d+,?")
_RANGE = re.compile(r"\br=(?:0x[0-9a-f]{1,8}|\d{1,8})")


def linked(known: Mapping[str, str], changed: Mapping[str, str]) -> dict[str, str]:
    """The registers and slots of `known` that learn from those in `changed`, and what they are now. Both are as the verifier prints them."""
    learned: dict[str, str] = {}
    for name, text in changed.items():
        before, after = register(known.get(name, "")), register(text)
        others = ((other, held) for other, held in known.items() if other not in changed)
        if before.kind.endswith(_MAYBE) and not after.kind.endswith(_MAYBE):
            learned.update(_decided(others, before, after))
        elif before.kind == after.kind == "scalar":
            learned.update(_bounded(others, before, text))
        elif before.kind == after.kind == "pkt":
            learned.update(_measured(others, after))
    return learned


def _decided(others: Iterator[tuple[str, str]], before: Register, after: Register) -> Iterator[tuple[str, str]]:
    """Copies of what was None or not, now that it is known which."""
    for name, text in others:
        copy = register(text)
        if copy.kind == before.kind and copy.facts.get("id") == before.facts.get("id") is not None:
            is_value = after.kind == before.kind.removesuffix(_MAYBE)
            yield name, _IDENTITY.sub("", text.replace(_MAYBE, "", 1), count=1) if is_value else after.text


def _bounded(others: Iterator[tuple[str, str]], before: Register, text: str) -> Iterator[tuple[str, str]]:
    """Copies of a number, now that more is known of it. Those with something added (`id=1+4`) have an id of their own here."""
    for name, held in others:
        copy = register(held)
        if copy.kind == "scalar" and copy.facts.get("id") == before.facts.get("id") is not None:
            yield name, text


def _measured(others: Iterator[tuple[str, str]], after: Register) -> Iterator[tuple[str, str]]:
    """Addresses of the packet with the same base, whose bytes are now known to be there."""
    known_bytes = after.number("r") or 0
    for name, text in others:
        other = register(text)
        if other.kind == "pkt" and other.facts.get("id") == after.facts.get("id") and (other.number("r") or 0) < known_bytes:
            yield name, _RANGE.sub(f"r={known_bytes}", text, count=1)
