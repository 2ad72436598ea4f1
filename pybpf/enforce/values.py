"""Values -> bytes and back, for what lies beside the kernel's maps: pickles of the project's own classes and nothing else.

Dataclasses are written by their fields in order, and the names of those are written too: a version whose class has other fields, or the
same in another order, must not take one for another. Fields that are new, at the end and with a default, do no harm.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from operator import attrgetter
from typing import Any, Final

_OWN: Final = "pybpf."
_ADDRESSES: Final = (IPv4Address, IPv6Address)
_OTHERS: Final = {("ipaddress", each.__name__): each for each in (IPv4Address, IPv4Network, IPv6Address, IPv6Network)}


class Unreadable(RuntimeError):
    """Bytes that this version cannot read."""


def packed(value: object) -> bytes:
    """The bytes of a value: of builtin types, dataclasses, enumerations and plain classes of the project, addresses and networks."""
    out = io.BytesIO()
    packing = _Packing(out, protocol=5)
    packing.dump(value)
    names = {f"{each.__module__}:{each.__qualname__}": _names(each) for each in packing.met}
    body = out.getvalue()
    return pickle.dumps((names, body), protocol=5)


def unpacked(content: bytes) -> Any:
    """The value again. Raises Unreadable."""
    try:
        names, body = _Unpacking(io.BytesIO(content)).load()
        for name, written in names.items():
            module, _, called = name.partition(":")
            here = _names(_found(module, called))
            if here[: len(written)] != tuple(written):
                raise Unreadable(f"{called} had the fields {', '.join(written)}")
        return _Unpacking(io.BytesIO(body)).load()
    except Unreadable:
        raise
    except Exception as error:  # whatever a pickle of other classes does
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def plain(content: bytes) -> Any:
    """A value of builtin types that pickle.dumps wrote. Raises Unreadable for any other bytes."""
    try:
        return _Plain(io.BytesIO(content)).load()
    except Exception as error:  # whatever a pickle of other bytes does
        raise Unreadable(f"{type(error).__name__}: {error}") from error


class _Plain(pickle.Unpickler):
    """Makes nothing but values of builtin types."""

    def find_class(self, module: str, name: str) -> Any:
        raise Unreadable(f"{module}.{name} is not built in")


class _Packing(pickle.Pickler):
    """Writes dataclasses by their fields; `met` are their classes."""

    def __init__(self, out: io.BytesIO, protocol: int) -> None:
        super().__init__(out, protocol)
        self.met: set[type] = set()

    def reducer_override(self, value: Any) -> Any:
        kind: Any = type(value)
        if kind in _ADDRESSES:
            return kind, (int(value),)
        values = _values(kind)
        if values is None:
            return NotImplemented
        self.met.add(kind)
        return kind, values(value)


class _Unpacking(pickle.Unpickler):
    """Makes nothing but what `packed` writes."""

    def find_class(self, module: str, name: str) -> Any:
        return _found(module, name)


@cache
def _found(module: str, name: str) -> Any:
    if (module, name) in _OTHERS:
        return _OTHERS[module, name]
    if not module.startswith(_OWN):
        raise Unreadable(f"{module}.{name} is none of pybpf's classes")
    found: Any = __import__(module, fromlist=["_"])
    for part in name.split("."):
        found = getattr(found, part)
    if not isinstance(found, type):
        raise Unreadable(f"{module}.{name} is no class")
    return found


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of a dataclass, in order; none for another class."""
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else ()


@cache
def _values(kind: Any) -> Callable[[Any], tuple[Any, ...]] | None:
    """What gives the values of a dataclass's fields; None for any other class."""
    names = _names(kind)
    if not is_dataclass(kind):
        return None
    if len(names) < 2:
        return lambda value: tuple(getattr(value, name) for name in names)
    return attrgetter(*names)
