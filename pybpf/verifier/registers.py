"""Register states as the verifier prints them -> Register.

    R1=ctx()   R2_w=scalar(umin=1,umax=255,var_off=(0x0; 0xff))   R3=pkt(off=14,r=34)   R0=5   R2=fp-8   fp-8=mmmm????
    R0=map_value_or_null(id=1,map=table,ks=4,vs=8)

One fact may have several names: `smin=umin=1` gives both. Older kernels say `inv` for `scalar`. Total: any text gives registers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"(?<!\S)(?P<name>R\d{1,2}|fp-?\d{1,5})(?:_[A-Za-z]+)?=")
_TRAILING = re.compile(r" (?:refs=[\d,]*|cb|async_cb|)$")
_CONSTANT = re.compile(r"(?:P|inv|scalar)?(?P<number>-?(?:0x[0-9a-f]{1,16}|\d{1,20}))$")
_FRAME_POINTER = re.compile(r"fp(?P<offset>-?\d{1,9})$")


@dataclass(frozen=True, slots=True)
class Register:
    """What a register or stack slot holds: `kind` in the verifier's word, and facts about it by name. `text` is all of it, as printed."""

    kind: str
    text: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str) -> int | None:
        """The fact `name` as a number, None when it is not known or none."""
        return integer(self.facts.get(name, ""))


def texts(state: str) -> dict[str, str]:
    """Every register (`R0`) and stack slot (`fp-8`) of a state and what is said of it, in their order; `register` reads that."""
    found = list(_TOKEN.finditer(state))
    ends = [following.start() for following in found[1:]] + [len(state)]
    return {token["name"]: state[token.end() : end].strip() for token, end in zip(found, ends, strict=False)}


def register(text: str) -> Register:
    """One value, such as `pkt(off=14,r=34)`."""
    text = _TRAILING.sub("", text.strip()).strip()
    constant = _CONSTANT.match(text)
    if constant:
        return Register("scalar", text, {"value": constant["number"]})
    pointer = _FRAME_POINTER.match(text)
    if pointer:
        return Register("fp", text, {"off": pointer["offset"]})
    kind, parenthesis, inside = text.partition("(")
    if not parenthesis:
        return Register(kind, text)
    return Register({"inv": "scalar", "Pscalar": "scalar"}.get(kind, kind), text, _facts(inside.removesuffix(")")))


def _facts(inside: str) -> dict[str, str]:
    """`smin=umin=1,var_off=(0x0; 0xff)` -> {"smin": "1", "umin": "1", "var_off": "(0x0; 0xff)"}; the first of two facts counts."""
    facts: dict[str, str] = {}
    for part in inside.split(","):
        *names, value = part.split("=")
        for name in names:
            facts.setdefault(name.strip().removesuffix("_value"), value.strip())
    return facts


def integer(text: str) -> int | None:
    """A number as the verifier writes it, None for anything else."""
    found = _CONSTANT.match(text)
    return int(found["number"], 0 if "x" in found["number"] else 10) if found else None
