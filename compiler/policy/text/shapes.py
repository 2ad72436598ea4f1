"""What a file may hold, as tables: reading, `explain` and the JSON Schema all come from the same rows.

A Shape is a mapping and its keys. Readers ask `fields` (fields.py) for a node's entries by a Shape; a key that has no row is
an error, so a table can forget a key but never let one through unread.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Leaf(Enum):
    """A value without parts; the values are JSON Schema's types."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    INTEGER_OR_STRING = "integer or string"
    STRINGS = "object of strings"  # such as labels: any key, values are strings
    ANYTHING = "anything"  # inert: written by a server, says nothing about policy


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some strings."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; `most` is the greatest number of its items, None without limit."""

    item: FieldType
    most: int | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys are names of the user's choice, and whose values are all alike."""

    value: FieldType


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a mapping.

    `doc` is what it means, one or two sentences for people. `null` is whether a key without a value is read as if the key
    were absent: only where the two mean the same to policy.
    """

    name: str
    type: FieldType
    doc: str
    required: bool = False
    null: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with these keys and no others. `removed` are keys that have or had a meaning elsewhere, each with the
    reason why it is refused here and what to do (message, hint)."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    removed: tuple[tuple[str, str, str], ...] = ()


FieldType: TypeAlias = Leaf | Choice | ListOf | MapOf | Shape
