"""Shapes as JSON Schema and as explanations. Whether a schema says what the reader does is tried with a small validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybpf.compiler.policy.schema import SHAPES, explained, json_schema

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TYPES: dict[str, type | tuple[type, ...]] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """The part of JSON Schema that json_schema uses."""
    if "anyOf" in schema:
        return any(valid(value, each) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    wanted = schema.get("type", [])
    names = wanted if isinstance(wanted, list) else [wanted]
    if names and not any(isinstance(value, TYPES[name]) and (name == "boolean") == isinstance(value, bool) for name in names):
        return False
    if isinstance(value, list):
        return len(value) <= schema.get("maxItems", len(value)) and all(valid(each, schema.get("items", {})) for each in value)
    if isinstance(value, dict):
        rows, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        known = all(valid(each, rows[key]) if key in rows else others is not False and valid(each, others) for key, each in value.items())
        return known and set(schema.get("required", ())) <= set(value)
    return True


@pytest.mark.parametrize("path", [*EXAMPLES.glob("policies/shop/*.yaml"), *EXAMPLES.glob("flights/read-flights.yaml")], ids=lambda path: path.name)
def test_good_files_are_valid(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert valid(document, json_schema(SHAPES[document["kind"]]))


def test_the_example_inventory_is_valid() -> None:
    assert valid(yaml.safe_load((EXAMPLES / "policies" / "inventory.yaml").read_text()), json_schema(SHAPES["inventory"]))


@pytest.mark.parametrize(
    "change", [("ingress", "ingres"), ('port: "8080"', "port: 8080"), ("method: GET", "method: [GET]"), ("- {port:", "- {prot:")]
)
def test_files_that_the_reader_refuses_for_keys_and_types_are_not(change: tuple[str, str]) -> None:
    text = (EXAMPLES / "policies" / "shop" / "orders.yaml").read_text()
    assert change[0] in text
    assert not valid(yaml.safe_load(text.replace(*change)), json_schema(SHAPES["CiliumNetworkPolicy"]))


@pytest.mark.parametrize("kind", SHAPES)
def test_every_schema_is_json_and_explains_every_key(kind: str) -> None:
    made = json.loads(json.dumps(json_schema(SHAPES[kind])))
    assert made["additionalProperties"] is False
    assert all(row["description"] for row in made["properties"].values())


def test_a_key_is_explained_with_what_stands_below_it() -> None:
    text = explained("spec.ingress.toPorts")
    assert text.startswith("spec.ingress.toPorts (list of ")
    assert "\n  ports" in text and "\n  rules" in text
    assert "namespaceSelector" in explained("NetworkPolicy.spec.ingress.from")
    assert "addresses" in explained("inventory.endpoints")


@pytest.mark.parametrize(("path", "part"), [("spec.ingres", "did you mean 'ingress'?"), ("spec.description.x", "nothing below")])
def test_a_path_that_leads_nowhere_names_the_nearest(path: str, part: str) -> None:
    with pytest.raises(LookupError, match=part.replace("?", r"\?")):
        explained(path)
