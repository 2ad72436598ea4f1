"""Source -> trees of positioned nodes: YAML in which every key and value knows its place.

Built from parser events, not from PyYAML's own trees, because only events show anchors, explicit tags and style.
Refused here, whatever the schema would say: anchors, aliases and merge keys (one text, two meanings of "place", and
the means of alias bombs), explicit tags, keys that are not strings, keys given twice, nesting beyond MAX_DEPTH.
Plain scalars follow YAML 1.1 as PyYAML knows it (`on`, `80`, `1_000` are not strings): `Scalar.kind` tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import yaml

from pybpf.compiler.diag import Diagnostic, Source, Span

MAX_DEPTH: Final = 32
STRING: Final = "str"
NULL: Final = "null"

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Final = yaml.resolver.Resolver()
# YAML 1.1, production 1 (c-printable), without the byte order mark: decoding the file takes that off.
_NOT_PRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf. `kind` is the YAML type of the scalar as written: "str", "int", "bool", "null", ..."""

    value: str
    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping; the key is a string."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in the order of the file, keys distinct."""

    entries: tuple[Entry, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Listing:
    """Items in the order of the file."""

    items: tuple[Node, ...]
    span: Span


Node = Scalar | Mapping | Listing


class _Mark(Protocol):
    """A place as PyYAML has it, whichever of its two parsers made it: 0-based line and column."""

    line: int
    column: int


def parse(source: Source) -> tuple[tuple[Node, ...], tuple[Diagnostic, ...]]:
    """The documents of a YAML text, and all that is wrong with it as YAML.

    After a syntax error no document is returned, so that half a file is never taken for a whole one.
    """
    strange = _NOT_PRINTABLE.search(source.text)
    if strange is not None:
        message = f"the character U+{ord(strange.group()):04X} may not stand in YAML"
        return (), (Diagnostic("policy-yaml", _span_at(source, strange.start()), message, "remove it"),)
    builder = _Builder(source)
    try:
        documents = tuple(builder.documents())
    except _Unreadable as problem:
        return (), (*builder.found, problem.diagnostic)
    except yaml.YAMLError as error:
        return (), (*builder.found, _syntax_error(source, error))
    return documents, tuple(builder.found)


class _Unreadable(Exception):
    """Reading on would be dangerous or senseless."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class _Builder:
    """A cursor over parser events that builds nodes and collects what is wrong."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Diagnostic] = []
        self.next_event: Callable[[], yaml.Event] = _LOADER(source.text).get_event

    def documents(self) -> Iterator[Node]:
        """Every document of the stream."""
        while not isinstance(event := self.next_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                yield self._node(self.next_event(), 0)

    def _node(self, event: yaml.Event, depth: int) -> Node:
        """The node that begins with `event`; takes its events up to its end."""
        if type(event) is yaml.ScalarEvent and event.anchor is None and event.tag is None and depth <= MAX_DEPTH:
            # Most events are of this sort, so it comes first.
            return Scalar(event.value, _kind(event), self._span(event.start_mark, event.end_mark))
        span = self._span(event.start_mark, event.end_mark)
        if depth > MAX_DEPTH:
            message = f"this is nested more than {MAX_DEPTH} deep"
            raise _Unreadable(Diagnostic("policy-yaml-depth", span, message, "no policy is nested that deep: remove it"))
        self._refuse_decoration(event, span)
        match event:
            case yaml.ScalarEvent():
                return Scalar(event.value, _kind(event), span)
            case yaml.SequenceStartEvent():
                return self._listing(event, depth)
            case yaml.MappingStartEvent():
                return self._mapping(event, depth)
            case _:
                assert isinstance(event, yaml.AliasEvent), event
                return Scalar("", NULL, span)

    def _listing(self, start: yaml.SequenceStartEvent, depth: int) -> Listing:
        items: list[Node] = []
        while type(event := self.next_event()) is not yaml.SequenceEndEvent:
            items.append(self._node(event, depth + 1))
        return Listing(tuple(items), self._collection_span(start, event, items))

    def _mapping(self, start: yaml.MappingStartEvent, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        values: list[Node] = []
        while type(event := self.next_event()) is not yaml.MappingEndEvent:
            key = self._node(event, depth + 1)
            value = self._node(self.next_event(), depth + 1)
            values.append(value)
            if not isinstance(key, Scalar) or key.kind != STRING:
                self._refuse_key(key)
            elif key.value in entries:
                first = entries[key.value].key.span
                message = f"the key {key.value!r} stands here a second time; the first is in line {first.line}"
                self.found.append(Diagnostic("policy-duplicate-key", key.span, message, "keep one of them"))
            else:
                entries[key.value] = Entry(key, value)
        return Mapping(tuple(entries.values()), self._collection_span(start, event, values))

    def _refuse_key(self, key: Node) -> None:
        if isinstance(key, Scalar) and key.kind == "merge":
            message, hint = "merge keys (<<) are not understood", "write the keys out"
            self.found.append(Diagnostic("policy-yaml-alias", key.span, message, hint))
            return
        what = f"{key.value!r} is read as {key.kind}" if isinstance(key, Scalar) else "this is a collection"
        message = f"a key must be a string, but {what}"
        self.found.append(Diagnostic("policy-key-type", key.span, message, "quote it, or write a plain name"))

    def _refuse_decoration(self, event: yaml.Event, span: Span) -> None:
        """Anchors, aliases and explicit tags."""
        if getattr(event, "anchor", None) is not None:
            message = "anchors and aliases are not understood"
            self.found.append(Diagnostic("policy-yaml-alias", span, message, "write the value out where it is used"))
        if getattr(event, "tag", None) is not None:
            message, hint = "explicit tags are not understood", "remove the tag; quote the value if it must be a string"
            self.found.append(Diagnostic("policy-yaml-tag", span, message, hint))

    def _collection_span(self, start: yaml.CollectionStartEvent, end: yaml.Event, children: list[Node]) -> Span:
        """A block collection has no end of its own (the event stands at the next token): its last child ends it."""
        own = self._span(start.start_mark, end.end_mark)
        if start.flow_style or not children:
            return own
        last = children[-1].span
        return Span(self.source, own.line, own.column, last.end_line, last.end_column)

    def _span(self, start: _Mark | None, end: _Mark | None) -> Span:
        assert start is not None and end is not None, "events of a text have marks"
        return Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _kind(event: yaml.ScalarEvent) -> str:
    """The type that YAML gives to a scalar without a tag: plain ones by their looks, others are strings."""
    plain, _ = event.implicit
    return _plain_kind(event.value) if plain else STRING


@lru_cache(maxsize=1 << 16)
def _plain_kind(value: str) -> str:
    tag = _RESOLVER.resolve(yaml.ScalarNode, value, (True, False))
    return str(tag).rpartition(":")[2]


def _syntax_error(source: Source, error: yaml.YAMLError) -> Diagnostic:
    marked = error if isinstance(error, yaml.MarkedYAMLError) else yaml.MarkedYAMLError(problem=str(error))
    mark = marked.problem_mark or marked.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    message = f"this is not YAML: {marked.problem or marked.context}"
    span = Span(source, line, column, line, column + 1)
    return Diagnostic("policy-yaml", span, message, "check the indentation, quotes and brackets just before this place")


def _span_at(source: Source, index: int) -> Span:
    """The one character at `index` of the text."""
    before = source.text[:index].splitlines(keepends=True)
    whole_line = not before or before[-1] != (before[-1].splitlines() or [""])[0]
    line = len(before) + 1 if whole_line else len(before)
    column = 1 if whole_line else len(before[-1]) + 1
    return Span(source, line, column, line, column + 1)
