"""YAML with places: every node covers exactly its own text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.text.positions import Listing, Mapping, Node, Scalar, parse


def only(text: str) -> Node:
    documents, wrong = parse(Source("file.yaml", text))
    assert not wrong
    (node,) = documents
    return node


def covered(span: Span) -> str:
    """The text of a span that lies in one line."""
    assert span.line == span.end_line
    return span.source.line(span.line)[span.column - 1 : span.end_column - 1]


def test_keys_and_values_know_their_place() -> None:
    node = only("a: 1\nb:\n  - 'x y'\n")
    assert isinstance(node, Mapping)
    second = node.entries[1]
    assert covered(second.key.span) == "b"
    assert isinstance(second.value, Listing) and covered(second.value.items[0].span) == "'x y'"


def test_a_block_ends_where_its_last_value_ends() -> None:
    node = only("a:\n  - b\n\n\n# a remark\nc: d\n")
    assert isinstance(node, Mapping)
    span = node.entries[0].value.span
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 3, 2, 6)


def test_columns_count_characters_not_octets() -> None:
    node = only("{é: zażółć, ü: 1}")
    assert isinstance(node, Mapping)
    assert covered(node.entries[1].key.span) == "ü"


@pytest.mark.parametrize(
    ("written", "kind"),
    [("x", "str"), ('"80"', "str"), ("'on'", "str"), ("80", "int"), ("0x10", "int"), ("1:30", "int"), ("on", "bool"), ("~", "null"), ("", "null"),
     ("1.5", "float"), ("2024-01-01", "timestamp")],
)  # fmt: skip
def test_plain_scalars_have_the_kind_that_yaml_gives_them(written: str, kind: str) -> None:
    node = only(f"[{written or '~'}]" if written else "a:")
    leaf = node.items[0] if isinstance(node, Listing) else node.entries[0].value if isinstance(node, Mapping) else node
    assert isinstance(leaf, Scalar) and leaf.kind == kind


def test_nothing_of_a_file_with_a_syntax_error_is_returned() -> None:
    documents, wrong = parse(Source("file.yaml", "a: b\n---\nc: [\n"))
    assert documents == () and [each.code for each in wrong] == ["policy-yaml"]


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_a_place(text: str) -> None:
    _, wrong = parse(Source("file.yaml", text))
    assert all(each.span.line >= 1 and each.span.column >= 1 and each.hint for each in wrong)


@given(st.text(alphabet="ab:-[]{}'\"|>&*!%#? \n\t<", max_size=40))
def test_any_yaml_like_text_is_parsed_or_refused_with_a_place(text: str) -> None:
    _, wrong = parse(Source("file.yaml", text))
    assert all(each.span.line >= 1 and each.span.column >= 1 and each.hint for each in wrong)
