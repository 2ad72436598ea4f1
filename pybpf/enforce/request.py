"""What is to be enforced: policies by name, each with the serial that says which text it is, and on whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

from pybpf.compiler.lower.keys import new_serial
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Policy

Name = tuple[str, str | None, str]


def name_of(policy: Policy) -> Name:
    """By what a policy is known: kind, namespace (None: of the whole cluster), name."""
    return policy.kind.value, policy.namespace, policy.name


def written(name: Name) -> str:
    """As people write it: "CiliumNetworkPolicy shop/api"."""
    kind, namespace, own = name
    return f"{kind} {namespace}/{own}" if namespace is not None else f"{kind} {own}"


@dataclass(frozen=True, slots=True)
class Request:
    """Policies and an inventory. `numbered` are the policies in their order, each with its serial (compiler/lower/keys.py)."""

    numbered: tuple[tuple[Policy, bytes], ...]
    inventory: Inventory

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Those of `numbered`."""
        return tuple(policy for policy, _ in self.numbered)

    @property
    def serials(self) -> dict[int, bytes]:
        """Serials by the ids of policies."""
        return {id(policy): serial for policy, serial in self.numbered}

    def by_name(self) -> dict[Name, tuple[Policy, bytes]]:
        """Policies with their serials, in their order."""
        return {name_of(each[0]): each for each in self.numbered}


@dataclass(frozen=True, slots=True)
class Change:
    """From one request to another: policies that are new or others, names that are gone, and the inventory, None if it is the same."""

    put: tuple[tuple[Policy, bytes], ...]
    gone: tuple[Name, ...]
    inventory: Inventory | None


def request(policies: Sequence[Policy], inventory: Inventory, before: Request | None = None) -> Request:
    """These and no others. A policy that stands in `before` just so keeps its serial."""
    known = before.by_name() if before is not None else {}
    return Request(tuple(_numbered(each, known) for each in policies), inventory)


def with_policies(before: Request, policies: Sequence[Policy], inventory: Inventory) -> Request:
    """`policies` beside those of before; those of the same names are replaced."""
    known = before.by_name()
    return Request(tuple((known | {name_of(each): _numbered(each, known) for each in policies}).values()), inventory)


def without_policies(before: Request, names: Collection[Name]) -> Request:
    """The others."""
    return Request(tuple(each for name, each in before.by_name().items() if name not in names), before.inventory)


def change(before: Request, after: Request) -> Change:
    """What leads from one to the other."""
    old, new = before.by_name(), after.by_name()
    put = tuple(each for name, each in new.items() if name not in old or old[name][1] != each[1])
    return Change(put, tuple(name for name in old if name not in new), after.inventory if after.inventory is not before.inventory else None)


def changed(before: Request, by: Change) -> Request:
    """What a change leads to; where it put policies among those that stay does not show."""
    known = {name: each for name, each in before.by_name().items() if name not in by.gone}
    known |= {name_of(each[0]): each for each in by.put}
    return Request(tuple(known.values()), by.inventory if by.inventory is not None else before.inventory)


def _numbered(policy: Policy, known: Mapping[Name, tuple[Policy, bytes]]) -> tuple[Policy, bytes]:
    before = known.get(name_of(policy))
    return before if before is not None and identical(before[0], policy) else (policy, new_serial())


def identical(one: object, other: object) -> bool:
    """Whether two values are the same to the last field, places in files among them, which do not count for `==`."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if is_dataclass(one):
        return all(identical(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    return one == other
