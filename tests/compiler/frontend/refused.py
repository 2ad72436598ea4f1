"""The corpus of wrong kernel programs: what each is refused for, where, and what the message says (tests/corpus/errors)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "errors"


@dataclass(frozen=True, slots=True)
class Refused:
    """One text with one error in it, its place between « and »."""

    name: str
    code: str
    says: str
    hint: str
    text: str
    target: str = ""

    def __str__(self) -> str:
        return self.name


REFUSED = [Refused(**case) for path in sorted(CORPUS.glob("*.toml")) for case in tomllib.loads(path.read_text())["case"]]
