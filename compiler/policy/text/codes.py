"""The pages of what is wrong with a file as YAML, and with its keys and values whatever kind of object they are of."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.codes import Page

PAGES: Final[tuple[Page, ...]] = (
    Page(
        "policy-yaml",
        "a file is not YAML. None of its documents is read, since nobody knows where they end",
        "ingress: [{}",
        "Check the indentation, quotes and brackets just before the place.",
    ),
    Page(
        "policy-yaml-depth",
        "a file is nested deeper than any policy is",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        "Remove the nesting.",
    ),
    Page(
        "policy-yaml-alias",
        "a file has an anchor, an alias or a merge key: one text that stands in two places",
        "ingress: &rules [{}]",
        "Write the value out where it is used.",
    ),
    Page(
        "policy-yaml-tag",
        "a value has an explicit tag",
        "port: !!str 80",
        'Remove the tag; quote the value if it must be a string: "80".',
    ),
    Page(
        "policy-key-type",
        "a key is not a string: YAML reads a plain `on` as true, 80 as a number",
        "matchLabels: {on: prod}",
        'Quote the key: "on".',
    ),
    Page(
        "policy-duplicate-key",
        "a mapping has one key twice. Most readers of YAML would silently take the last",
        "{app: ui, app: shop}",
        "Keep one of them.",
    ),
    Page(
        "policy-unknown-key",
        "a key is not known there. A key that nobody reads may have been meant to restrict what is allowed",
        "spec: {ingres: [{}]}",
        "Correct the key, or remove it. `pybpf explain spec.ingress` shows the keys that there are.",
    ),
    Page(
        "policy-removed-key",
        "a key has or had a meaning elsewhere, and cannot stand there",
        "ingress: [{fromRequires: [{}]}]",
        "Read the hint: it says what to write instead.",
    ),
    Page(
        "policy-missing-key",
        "a mapping lacks a key that it must have",
        "metadata: {namespace: shop}",
        "Add the key.",
    ),
    Page(
        "policy-null",
        "a key has no value. Kubernetes reads that as an absent key, and an absent list of peers is everybody",
        "fromEndpoints:",
        "Write a value, [] for an empty list, {} for an empty mapping, or remove the key: the three differ.",
    ),
    Page(
        "policy-wrong-shape",
        "a list stands where a mapping belongs, or a mapping, or a single value",
        "ingress: {fromEndpoints: []}",
        "Begin each item of a list with `- `; write a mapping as `key: value` lines.",
    ),
    Page(
        "policy-not-a-string",
        "a value is not a string. YAML reads a plain 80 as a number, `on` as true",
        "port: 80",
        'Quote it: "80".',
    ),
    Page(
        "policy-not-a-boolean",
        "a value is neither true nor false",
        "ingress: yes",
        "Write true or false, without quotes.",
    ),
    Page(
        "policy-not-an-integer",
        "a value is not a decimal integer within its limits",
        "endPort: 70000",
        "Write an integer within the limits, without quotes.",
    ),
    Page(
        "policy-unknown-value",
        "a value is none of those that there are",
        "fromEntities: [wrold]",
        "Correct it: the hint names the nearest, or all.",
    ),
)
