"""Attributes in parentheses, `(key="value", keys=["a", "b"])`: for what few policies say."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lark import Token, Tree

from pybpf.compiler.policy.cilium.envoy import CERTIFICATE, PRIVATE_KEY, TRUSTED_CA, WEAKEST_PRIORITY
from pybpf.compiler.policy.kubernetes.names import check_name, check_namespace
from pybpf.compiler.policy.language.context import Context
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.policy import Listener, TlsContext
from pybpf.compiler.policy.text.fields import Text, did_you_mean

_TLS = ("secret", "ca", "certificate", "key")
_LISTENER = ("kind", "config", "name", "priority")


def attributes(node: Node, known: Collection[str] | None, context: Context) -> Mapping[str, tuple[Text, ...]]:
    """Key -> its values, one unless they are a list. Reports keys that stand twice or that are not known (None: all are)."""
    found: dict[str, tuple[Text, ...]] = {}
    for each in node.children:
        if not isinstance(each, Tree):  # what lark puts in for no attribute at all
            continue
        key, value = context.word(each.children[0]), each.children[1]
        if known is not None and key.value not in known:
            context.report.refuse("policy-attributes", key.span, f"there is no attribute {key.value!r} here", did_you_mean(key.value, known))
        elif key.value in found:
            context.report.refuse("policy-attributes", key.span, f"the attribute {key.value!r} stands twice", "keep one of them")
        items = value.children if isinstance(value, Tree) else [value]
        found[key.value] = tuple(context.word(item) for item in items if isinstance(item, Token))
    return found


def tls_context(node: Node, context: Context) -> TlsContext | None:
    """`(secret="namespace/name", ca="...", certificate="...", key="...")`; None after a report."""
    already = context.report.errors
    found = _single(node, _TLS, context)
    holder = secret(found["secret"], context) if "secret" in found else None
    if "secret" not in found and context.report.errors == already:
        context.refuse("policy-attributes", node, "the secret is missing", 'add secret="namespace/name"')
    names = {"ca": TRUSTED_CA, "certificate": CERTIFICATE, "key": PRIVATE_KEY} | {key: text.value for key, text in found.items()}
    return TlsContext(holder, names["ca"], names["certificate"], names["key"]) if holder is not None else None


def listener(node: Node, context: Context) -> Listener | None:
    """`(kind="CiliumEnvoyConfig", config="...", name="...", priority=1)`; None after a report."""
    found = _single(node, _LISTENER, context)
    missing = [key for key in ("kind", "config", "name") if key not in found]
    for key in missing:
        context.refuse("policy-attributes", node, f"the attribute {key!r} is missing", f'add {key}="..."')
    priority = found["priority"].value if "priority" in found else "0"
    if not priority.isdecimal() or int(priority) > WEAKEST_PRIORITY:
        context.refuse("policy-attributes", node, f"{priority} is no priority of a listener", f"write a number from 0 to {WEAKEST_PRIORITY}")
        return None
    return Listener(found["kind"].value, found["config"].value, found["name"].value, int(priority)) if not missing else None


def secret(written: Text, context: Context) -> tuple[str, str] | None:
    """A secret as `namespace/name`, or `name` in the policy's namespace; None after a report."""
    namespace, slash, name = written.value.rpartition("/")
    if not slash:
        namespace = context.scope.namespace or ""
    if not namespace:
        context.report.refuse("policy-attributes", written.span, "the namespace of the secret is missing", "write namespace/name")
        return None
    already = context.report.errors
    check_namespace(Text(namespace, written.span), context.report)
    check_name(Text(name, written.span), context.report)
    return (namespace, name) if context.report.errors == already else None


def _single(node: Node, known: Collection[str], context: Context) -> dict[str, Text]:
    """Attributes with one value each; reports lists and empty values."""
    inner = node.children[0]
    assert isinstance(inner, Tree), inner
    found: dict[str, Text] = {}
    for key, values in attributes(inner, known, context).items():
        if len(values) != 1 or not values[0].value:
            context.refuse("policy-attributes", node, f"the attribute {key!r} has one value, which is not empty", f'write {key}="..."')
        else:
            found[key] = values[0]
    return found
