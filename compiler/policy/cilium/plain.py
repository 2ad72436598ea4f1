"""Plain data and its YAML, and what becomes of things that Cilium's objects cannot say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import yaml

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.text.report import Report

Data: TypeAlias = str | int | bool | Sequence["Data"] | Mapping[str, "Data"]
Object: TypeAlias = dict[str, Data]

# Texts that some reader of YAML, of version 1.1 or 1.2, takes for a number, a truth or nothing.
_AMBIGUOUS: Final = re.compile(r"[-+.0-9].*|~|(?i:y|n|yes|no|on|off|true|false|null)", re.DOTALL)


def document(data: Data) -> str:
    """One YAML document in block style, keys in their order; strings that could be taken for something else are quoted."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1_000_000)
    return f"---\n{text}"


def not_in_cilium(span: Span, what: str, report: Report) -> None:
    """Report something without which a policy would be weaker or different: it is not to be written."""
    hint = "keep this policy in a .policy file, or say there what Cilium can say too"
    report.refuse("convert-not-in-cilium", span, f"a Cilium policy cannot say this: {what}", hint)


def changed(span: Span, message: str, hint: str, report: Report) -> None:
    """Report something that does not come along, though what is allowed stays the same."""
    report.warn("convert-changed", span, message, hint)


class _Dumper(yaml.SafeDumper):
    """PyYAML's, with strings quoted as `document` says, and a value written out wherever it stands."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _AMBIGUOUS.fullmatch(text) else None
    scalar: Any = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return scalar  # type: ignore[no-any-return]


_Dumper.add_representer(str, _string)
