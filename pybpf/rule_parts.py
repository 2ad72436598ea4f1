"""The parts that policies are made of in Python (pybpf.rules): pieces of text in the policy language, each no more than its part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pybpf.compiler.policy.language import quoted


@dataclass(frozen=True, slots=True)
class Labels:
    """Conditions on labels that hold together, and where they are looked for."""

    text: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.place}".rstrip()

    def in_namespace(self, *names: str) -> Labels:
        """The same in one namespace, or in any of several."""
        if not names:
            raise ValueError("in_namespace() without a name would be every namespace: write in_any_namespace() for that")
        quoted_names = ", ".join(map(quoted, names))
        return Labels(self.text, f"in namespace {quoted_names}" if len(names) == 1 else f"in namespaces ({quoted_names})")

    def in_namespace_with(self, labels: Labels) -> Labels:
        """The same in namespaces that have these labels."""
        if labels.place:
            raise ValueError(f"labels of namespaces are in no namespace themselves: {labels}")
        return Labels(self.text, f"in namespace with {labels.text}")

    def in_any_namespace(self) -> Labels:
        """The same in whatever namespace."""
        return Labels(self.text, "in any namespace")

    def anywhere(self) -> Labels:
        """Whatever has these labels, in a namespace or not."""
        return Labels(self.text, "anywhere")


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold for one label."""

    text: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a rule is about, if not endpoints by their labels."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Port:
    """Where a rule lets somebody go."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text and how it is matched."""

    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """What may be asked for."""

    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    text: str


def given(listed: Iterable[Any] | None) -> list[Any]:
    """What is in a list, if one is given. An empty one is refused: left out it means any, and a filter that leaves nothing must not."""
    found = list(listed) if listed is not None else []
    if listed is not None and not found:
        raise ValueError("an empty list of ports, requests or names would mean any of them: leave the argument out for that")
    return found


def require(part: object, kinds: tuple[type, ...]) -> None:
    """TypeError for a part that is of none of these kinds."""
    if not isinstance(part, kinds):
        raise TypeError(f"{part!r} is no {' or '.join(kind.__name__ for kind in kinds)}: make it with a function of this module")


def word(text: str) -> str:
    """A word of the language, which stands without quotes: letters, digits and hyphens, and nothing that could begin another."""
    if not re.fullmatch("[A-Za-z0-9-]+", text):
        raise ValueError(f"{text!r} is no name here")
    return text


def network_text(text: str) -> str:
    """A network or address, as far as its characters tell; the language reads it. ValueError for anything else."""
    if not re.fullmatch("[0-9A-Fa-f.:/]+", text):
        raise ValueError(f"{text!r} is no network")
    return text


def without(networks: Iterable[str]) -> str:
    """Exceptions of a network."""
    listed = [network_text(each) for each in networks]
    return f" except {', '.join(listed)}" if listed else ""
