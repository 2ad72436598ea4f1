"""Names and labels as Kubernetes allows them: a text that no object could bear selects nobody, and is refused.

Source: k8s.io/apimachinery/pkg/util/validation (DNS-1123 names, qualified names, label values, port names).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pybpf.compiler.policy.model.labels import (
    CLUSTER_KEY,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    SERVICE_ACCOUNT_KEY,
)
from pybpf.compiler.policy.text.fields import Text, text
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

DEFAULT_NAMESPACE: Final = "default"

_LABEL: Final = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NAMESPACE: Final = re.compile(rf"(?=.{{1,63}}\Z){_LABEL}")
_LENIENT: Final = re.compile("[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_QUALIFIED: Final = re.compile("[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PORT_NAME: Final = re.compile(r"(?=.{1,15}\Z)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_HINT: Final = "use small letters, digits, '-' and '.', beginning and ending with a letter or digit"
_NAMESPACE_HINT: Final = "use at most 63 small letters, digits and '-', beginning and ending with a letter or digit"
_KEY_HINT: Final = "write an optional DNS name and '/', then at most 63 letters, digits, '-', '_' or '.'"
_VALUE_HINT: Final = "write at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit"


def is_name(name: str) -> bool:
    """Whether an object may have this name: a DNS subdomain of at most 253 characters."""
    return _SUBDOMAIN.fullmatch(name) is not None


def _is_name_of_a_file(name: str) -> bool:
    """Whether a policy that no API server is to see may have this name: capitals and underscores are let through."""
    return len(name) <= 253 and _LENIENT.fullmatch(name) is not None


def is_namespace(name: str) -> bool:
    """Whether a namespace may have this name: one DNS label."""
    return _NAMESPACE.fullmatch(name) is not None


def is_label_key(key: str) -> bool:
    """Whether a label may have this key: a name of at most 63 characters, perhaps behind a DNS subdomain and a slash."""
    prefix, slash, name = key.rpartition("/")
    return _QUALIFIED.fullmatch(name) is not None and (not slash or is_name(prefix))


def is_label_value(value: str) -> bool:
    """Whether a label may have this value; the empty one is allowed."""
    return not value or _QUALIFIED.fullmatch(value) is not None


def is_port_name(name: str) -> bool:
    """Whether a port may have this name: at most 15 characters, one of them a letter (RFC 6335, 5.1), none a capital."""
    return _PORT_NAME.fullmatch(name) is not None


def is_made(key: str) -> bool:
    """Whether labels of this key are made of an endpoint's namespace, service account or cluster, and not written by people."""
    return key in (NAMESPACE_KEY, SERVICE_ACCOUNT_KEY, CLUSTER_KEY) or key.startswith(NAMESPACE_LABELS_PREFIX)


def name(node: Node, report: Report) -> Text:
    """The name of an object; reports what is none."""
    return _checked(node, _NAME_HINT, "no object has the name {!r}", is_name, report)


def check_name(written: Text, report: Report) -> None:
    """Report a text that no object is called by."""
    _check(written, _NAME_HINT, "no object has the name {!r}", is_name, report)


def check_namespace(written: Text, report: Report) -> None:
    """Report a text that no namespace is called by."""
    _check(written, _NAMESPACE_HINT, "no namespace has the name {!r}", is_namespace, report)


def policy_name(node: Node, report: Report) -> Text:
    """The name of a policy; reports what is none. One that only an API server would refuse can be used, and is told."""
    already = len(report.found)
    written = text(node, report)
    if len(report.found) == already:
        check_policy_name(written, report)
    return written


def check_policy_name(written: Text, report: Report) -> None:
    """Report a text that no policy is called by; warn of one that only an API server would refuse."""
    _check(written, _NAME_HINT, "no object has the name {!r}", _is_name_of_a_file, report)
    if _is_name_of_a_file(written.value) and not is_name(written.value):
        message = f"Kubernetes would refuse an object named {written.value!r}"
        report.warn("lint-object-name", written.span, message, _NAME_HINT)


def namespace(node: Node, report: Report) -> Text:
    """The name of a namespace; reports what is none."""
    return _checked(node, _NAMESPACE_HINT, "no namespace has the name {!r}", is_namespace, report)


def label_key(key: Text, report: Report) -> str:
    """The key of a label that people write; reports one that no label can have, and those that are made."""
    if is_made(key.value):
        message = f"the label {key.value!r} is made by pybpf of the endpoint's namespace, service account or cluster"
        report.refuse("policy-label", key.span, message, "choose namespaces with namespaceSelector; do not write this label by hand")
    elif not is_label_key(key.value):
        report.refuse("policy-label", key.span, f"no label has the key {key.value!r}", _KEY_HINT)
    return key.value


def label_value(value: Text, report: Report) -> str:
    """The value of a label; reports one that no label can have."""
    if not is_label_value(value.value):
        report.refuse("policy-label", value.span, f"no label has the value {value.value!r}", _VALUE_HINT)
    return value.value


def _checked(node: Node, hint: str, message: str, allowed: Callable[[str], bool], report: Report) -> Text:
    """A string that is allowed; `message` has a place for the one that is not."""
    already = len(report.found)
    written = text(node, report)
    if len(report.found) == already:
        _check(written, hint, message, allowed, report)
    return written


def _check(written: Text, hint: str, message: str, allowed: Callable[[str], bool], report: Report) -> None:
    if not allowed(written.value):
        report.refuse("policy-name", written.span, message.format(written.value), hint)
