"""Shapes -> what editors and people ask about files: JSON Schema, and the meaning of one key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from pybpf.compiler.policy import cilium, inventory, kubernetes
from pybpf.compiler.policy.text.fields import did_you_mean
from pybpf.compiler.policy.text.shapes import Choice, Field, FieldType, Leaf, ListOf, MapOf, Shape

# What files can be, by the name that users give.
SHAPES: Final[Mapping[str, Shape]] = {
    "CiliumNetworkPolicy": cilium.NETWORK_POLICY,
    "CiliumClusterwideNetworkPolicy": cilium.CLUSTERWIDE_NETWORK_POLICY,
    "CiliumCIDRGroup": cilium.CIDR_GROUP,
    "NetworkPolicy": kubernetes.NETWORK_POLICY,
    "inventory": inventory.INVENTORY,
}
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_LEAVES: Final[Mapping[Leaf, Mapping[str, Any]]] = {
    Leaf.STRING: {"type": "string"},
    Leaf.INTEGER: {"type": "integer"},
    Leaf.BOOLEAN: {"type": "boolean"},
    Leaf.INTEGER_OR_STRING: {"type": ["integer", "string"]},
    Leaf.STRINGS: {"type": "object", "additionalProperties": {"type": "string"}},
    Leaf.ANYTHING: {},
}


def json_schema(shape: Shape) -> dict[str, Any]:
    """The JSON Schema of a file of this shape. It knows keys and types; what values mean together, only the reader does."""
    return {"$schema": _DIALECT, "title": shape.name, **_schema(shape)}


def explained(path: str) -> str:
    """What a key means and what stands below it: `spec.ingress.toPorts`, `NetworkPolicy.spec.podSelector`, `inventory.nodes`.

    Without the kind it is that of a CiliumNetworkPolicy. LookupError, with the nearest key, for a path that leads nowhere.
    """
    kind, _, rest = path.partition(".")
    words = path.split(".") if kind not in SHAPES else rest.split(".") if rest else []
    found: FieldType = SHAPES[kind if kind in SHAPES else "CiliumNetworkPolicy"]
    field: Field | None = None
    for word in words:
        shape = _below(found)
        rows = {row.name: row for row in shape.fields} if shape is not None else {}
        if word not in rows:
            raise LookupError(f"there is no key {word!r} in {path}: {did_you_mean(word, rows)}" if rows else f"there is nothing below {word!r} in {path}")
        field = rows[word]
        found = field.type
    shape = _below(found)
    doc = field.doc if field is not None else (shape.doc if shape is not None else "")
    lines = [f"{path} ({_kind(found)}{', required' if field is not None and field.required else ''})", "", f"    {doc}"]
    if shape is not None:
        width = max((len(row.name) for row in shape.fields), default=0)
        lines += ["", *(f"  {row.name:<{width}}  {row.doc}" for row in shape.fields)]
    return "\n".join(lines) + "\n"


def _schema(of: FieldType) -> dict[str, Any]:
    match of:
        case Leaf():
            return dict(_LEAVES[of])
        case Choice(values=values):
            return {"enum": list(values)}
        case ListOf(item=item, most=most):
            return {"type": "array", "items": _schema(item)} | ({"maxItems": most} if most is not None else {})
        case MapOf(value=value):
            return {"type": "object", "additionalProperties": _schema(value)}
        case Shape(fields=fields):
            required = [row.name for row in fields if row.required]
            properties = {row.name: _row(row) for row in fields}
            made = {"type": "object", "description": of.doc, "properties": properties, "additionalProperties": False}
            return made | ({"required": required} if required else {})
    assert_never(of)


def _row(row: Field) -> dict[str, Any]:
    """A key's schema with its meaning; one that may stand without a value may be null."""
    made = _schema(row.type) | {"description": row.doc}
    return {"anyOf": [made, {"type": "null"}], "description": row.doc} if row.null and row.type is not Leaf.ANYTHING else made


def _below(of: FieldType) -> Shape | None:
    """The shape whose keys can be named below this."""
    match of:
        case Shape():
            return of
        case ListOf(item=inner) | MapOf(value=inner):
            return _below(inner)
        case _:
            return None


def _kind(of: FieldType) -> str:
    match of:
        case Leaf():
            return of.value
        case Choice(values=values):
            return "one of " + ", ".join(values)
        case ListOf(item=item):
            return f"list of {_kind(item)}"
        case MapOf(value=value):
            return f"mapping to {_kind(value)}"
        case Shape(name=name):
            return name
    assert_never(of)
