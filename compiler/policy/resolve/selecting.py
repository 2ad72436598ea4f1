"""Selectors -> identity numbers: an index over the labels of all identities, and every answer that was given from it.

Both are values of one moment. When one identity comes or goes, `changed` gives the next moment's: only answers that the identity is
or was part of are other sets, and whoever holds an answer can tell by identity (`is`) whether it still holds. What stays is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, assert_never

from pybpf.compiler.policy.model.labels import (
    ANY_SOURCE,
    Label,
    Operator,
    Requirement,
    Selector,
    selects,
)
from pybpf.compiler.policy.model.resolved import Identity

Numbers: TypeAlias = frozenset[int]
_Key: TypeAlias = tuple[str, str]
_Mark: TypeAlias = tuple[str, str, str]


class Selecting:
    """Whom selectors choose among some identities."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        by_key: dict[_Key, dict[str, set[int]]] = {}
        everybody: set[int] = set()
        for identity in identities:
            everybody.add(identity.number)
            for source, key, value in _places(identity.labels):
                by_key.setdefault((source, key), {}).setdefault(value, set()).add(identity.number)
        self.everybody: Numbers = frozenset(everybody)
        self._by_key: dict[_Key, dict[str, Numbers]] = {
            key: {value: frozenset(numbers) for value, numbers in values.items()} for key, values in by_key.items()
        }
        self._chosen: dict[Selector, Numbers] = {}
        # A selector that asks for one of some values is found by any of them; the others are looked at every time.
        self._marked: dict[_Mark, set[Selector]] = {}
        self._unmarked: set[Selector] = set()

    def chosen(self, selector: Selector) -> Numbers:
        """The identities that a selector chooses. The same object as long as they are the same."""
        found = self._chosen.get(selector)
        if found is None:
            found = self.everybody
            for requirement in selector.requirements:
                found = found & self._holding(requirement)
            self._chosen[selector] = found
            self._note(selector)
        return found

    def labelled(self, source: str, key: str) -> Numbers:
        """The identities that have a label, whatever its value."""
        return frozenset().union(*self._by_key.get((source, key), {}).values())

    def choosing(self, identity: Identity) -> set[Selector]:
        """The selectors that were asked for and choose an identity."""
        return {each for each in self._candidates(identity.labels) if selects(each, identity.labels)}

    def changed(self, gone: Identity | None, come: Identity | None) -> Selecting:
        """The next moment, when one identity is gone and another has come."""
        new = Selecting(())
        new.everybody = self.everybody
        new._by_key = dict(self._by_key)
        new._chosen = dict(self._chosen)
        new._marked, new._unmarked = self._marked, self._unmarked  # what is known of selectors does not depend on identities
        for identity in (each for each in (gone, come) if each is not None):
            single = frozenset((identity.number,))
            add = identity is come
            new.everybody = _with(new.everybody, single, add)
            for source, key, value in _places(identity.labels):
                values = dict(new._by_key.get((source, key), {}))
                values[value] = _with(values.get(value, frozenset()), single, add)
                if not values[value]:
                    del values[value]
                new._by_key[source, key] = values
            for selector in self._candidates(identity.labels):
                if selector in new._chosen and selects(selector, identity.labels):
                    new._chosen[selector] = _with(new._chosen[selector], single, add)
        return new

    def _candidates(self, labels: tuple[Label, ...]) -> Iterable[Selector]:
        """Every selector that may choose these labels."""
        yield from list(self._unmarked)
        for place in _places(labels):
            yield from list(self._marked.get(place, ()))

    def _note(self, selector: Selector) -> None:
        asked = [each for each in selector.requirements if each.operator is Operator.IN]
        if not asked:
            self._unmarked.add(selector)
            return
        # The namespace is what most selectors share, so any other label finds fewer of them.
        rarest = min(asked, key=lambda each: (each.key.startswith("io."), len(each.values)))
        for value in rarest.values:
            self._marked.setdefault((rarest.source, rarest.key, value), set()).add(selector)

    def _holding(self, requirement: Requirement) -> Numbers:
        values: Mapping[str, Numbers] = self._by_key.get((requirement.source, requirement.key), {})
        match requirement.operator:
            case Operator.IN:
                return frozenset().union(*(values.get(value, ()) for value in requirement.values))
            case Operator.NOT_IN:
                return self.everybody.difference(*(values.get(value, ()) for value in requirement.values))
            case Operator.EXISTS:
                return frozenset().union(*values.values())
            case Operator.DOES_NOT_EXIST:
                return self.everybody.difference(*values.values())
        assert_never(requirement.operator)


def _places(labels: Iterable[Label]) -> Iterable[_Mark]:
    """Where labels stand in the index: under their source, and under any."""
    for label in labels:
        yield label.source, label.key, label.value
        yield ANY_SOURCE, label.key, label.value


def _with(numbers: Numbers, single: Numbers, add: bool) -> Numbers:
    return numbers | single if add else numbers - single
