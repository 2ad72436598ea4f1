"""Files -> policies: which reader a document belongs to, and what documents say of each other.

    name ends in .policy    the policy language
    anything else           YAML: documents, `kind: List` and lists of one kind; the kind names the reader

A document with an error gives no policy; all others stand. After a YAML syntax error nothing of the file stands, since
nobody knows where its documents end. Not here: what a document means. Readers are imported when first needed, so that a
command that reads one kind of file does not wait for the parsers of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from pybpf.compiler.diag import CompileError, Diagnostic, Severity, Source, Span
from pybpf.compiler.policy import kubernetes
from pybpf.compiler.policy.codes import Page
from pybpf.compiler.policy.model.inventory import CidrGroup
from pybpf.compiler.policy.model.policy import Kind, Policy
from pybpf.compiler.policy.text.fields import did_you_mean, fields, is_null, items, text
from pybpf.compiler.policy.text.positions import Mapping, Node, Scalar, parse
from pybpf.compiler.policy.text.report import Report, in_order
from pybpf.compiler.policy.text.shapes import Field, Leaf, ListOf, Shape

LANGUAGE_SUFFIX: Final = ".policy"
# The importing file and a path, as it is written there -> the file. Raises OSError or UnicodeError.
Load: TypeAlias = Callable[[Source, str], Source]
CIDR_GROUP: Final = "CiliumCIDRGroup"

PAGES: Final[tuple[Page, ...]] = (
    Page(
        "policy-kind",
        "a document is of a kind, or of a version of it, that is not read",
        "kind: CiliumNetworkPolicie",
        "Write a CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, CiliumCIDRGroup or NetworkPolicy; keep other objects in other files.",
    ),
    Page(
        "policy-no-document",
        "a file holds nothing at all. A list without items is something: it says that there are no policies",
        "# all rules are gone",
        "Write a policy into the file, or do not name the file.",
    ),
    Page(
        "policy-duplicate-name",
        "two documents of one kind and namespace have one name. In a cluster the later would replace the earlier",
        "metadata: {name: shop} --- metadata: {name: shop}",
        "Give one of them another name, or remove it.",
    ),
)

_FILES_KEPT: Final = 4096  # who applies changes reads most files again as they were
_KINDS: Final = (Kind.CILIUM.value, Kind.CILIUM_CLUSTERWIDE.value, Kind.KUBERNETES.value, CIDR_GROUP)
# kind of a list -> the apiVersions it may have
_LISTS: Final[Table[str, tuple[str, ...]]] = {
    "List": ("v1",),
    f"{Kind.CILIUM.value}List": ("cilium.io/v2",),
    f"{Kind.CILIUM_CLUSTERWIDE.value}List": ("cilium.io/v2",),
    f"{CIDR_GROUP}List": ("cilium.io/v2", "cilium.io/v2alpha1"),
    f"{Kind.KUBERNETES.value}List": (kubernetes.API_VERSION,),
}
_LIST: Final = Shape(
    "list",
    "Several objects in one document, as `kubectl get -o yaml` prints them.",
    (
        Field("apiVersion", Leaf.STRING, "v1, or that of the objects.", required=True),
        Field("kind", Leaf.STRING, "List, or the kind of the objects and `List` behind it.", required=True),
        Field("metadata", Leaf.ANYTHING, "Written by the API server; says nothing about policy.", null=True),
        Field("items", ListOf(Leaf.ANYTHING), "The objects.", required=True),
    ),
)
# Kinds that restrict traffic too and that people may believe to be in force.
_NOT_ENFORCED: Final[Table[str, str]] = {
    "AdminNetworkPolicy": "write a CiliumClusterwideNetworkPolicy, or tiers in a .policy file",
    "BaselineAdminNetworkPolicy": "write a CiliumClusterwideNetworkPolicy, or tiers in a .policy file",
    "ClusterNetworkPolicy": "write a CiliumClusterwideNetworkPolicy, or tiers in a .policy file",
    "GlobalNetworkPolicy": "write a CiliumClusterwideNetworkPolicy",
    "AuthorizationPolicy": "write a CiliumNetworkPolicy with HTTP rules",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What some files say: policies and groups in the order of the files, without those that have an error, and everything
    found wrong or doubtful, in the order of the files and their lines."""

    policies: tuple[Policy, ...]
    cidr_groups: tuple[CidrGroup, ...]
    found: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """What makes something unusable; the rest of `found` are warnings."""
        return tuple(each for each in self.found if each.severity is Severity.ERROR)


def read(sources: Sequence[Source], load: Load | None = None) -> Reading:
    """What the files say. `load` gives the text of a file that another imports, by its path as it is written there; without it
    nothing can be imported."""
    files = [_language(source, load) if source.name.endswith(LANGUAGE_SUFFIX) else _yaml(source) for source in sources]
    objects = _without_duplicates(files)
    return Reading(
        tuple(policy for each in objects for policy in each.policies),
        tuple(group for each in objects for group in each.groups),
        tuple(diagnostic for file in files for diagnostic in in_order(file.report.found)),
    )


def must_read(sources: Sequence[Source], load: Load | None = None) -> Reading:
    """What the files say, if there is no error in any of them; else CompileError with all of them."""
    reading = read(sources, load)
    if reading.errors:
        raise CompileError(reading.errors)
    return reading


_Key: TypeAlias = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class _Object:
    """One document, or item of a list: its kind, namespace and name, where that is written, and what it says."""

    key: _Key
    span: Span
    policies: tuple[Policy, ...] = ()
    groups: tuple[CidrGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """One file as far as it was read."""

    objects: list[_Object] = field(default_factory=list)
    report: Report = field(default_factory=Report)


def _language(source: Source, load: Load | None) -> _File:
    """A .policy file. One that holds only variables is there to be imported."""
    from pybpf.compiler.policy import language

    parsed = language.read(source, load)
    file = _File(report=Report(list(parsed.found)))
    file.objects.extend(_Object((each.kind.value, each.namespace, each.name), each.span, (each,)) for each in parsed.policies)
    if not parsed.policies and not parsed.found and parsed.is_empty:
        _refuse_nothing(source, file.report)
    return file


def _refuse_nothing(source: Source, report: Report) -> None:
    report.refuse("policy-no-document", Span(source, 1, 1, 1, 2), "this file holds nothing", "write a policy into it, or do not name it")


@lru_cache(maxsize=_FILES_KEPT)
def _yaml(source: Source) -> _File:
    documents, wrong = parse(source)
    file = _File(report=Report(list(wrong)))
    present = [each for each in documents if not is_null(each)]
    if not present and not wrong:
        _refuse_nothing(source, file.report)
    nodes = [node for document in present for node in _unlisted(document, file.report)]
    objects = [_object(node, file.report) for node in nodes]
    file.objects.extend(each for each, sound in zip(objects, _are_sound(nodes, wrong), strict=True) if each is not None and sound)
    return file


def _unlisted(node: Node, report: Report) -> Iterator[Node]:
    """The objects of a document: of a list, its items."""
    kind = _string(node, "kind")
    if kind is None or kind.value not in _LISTS:
        yield node
        return
    found = fields(node, _LIST, report)
    if "apiVersion" in found:
        written, known = text(found["apiVersion"].value, report), _LISTS[kind.value]
        if written.value not in known:
            message = f"there is no {kind.value} of apiVersion {written.value!r}"
            report.refuse("policy-kind", written.span, message, f"write apiVersion: {known[0]}")
            return
    for item in items(found["items"].value, report) if "items" in found else ():
        yield from _unlisted(item, report)


def _object(node: Node, report: Report) -> _Object | None:
    """What one object says; None if there is an error in it."""
    kind = _kind(node, report)
    if kind is None:
        return None
    already = report.errors
    policies: tuple[Policy, ...] = ()
    groups: tuple[CidrGroup, ...] = ()
    if kind == Kind.KUBERNETES.value:
        policies = kubernetes.policies(node, report)
    elif kind == CIDR_GROUP:
        groups = _cidr_group(node, report)
    else:
        policies = _cilium(node, report)
    if report.errors > already or not (policies or groups):
        return None
    name, namespace = (policies[0].name, policies[0].namespace) if policies else (groups[0].name, None)
    return _Object((kind, namespace, name), _place_of_name(node), policies, groups)


def _kind(node: Node, report: Report) -> str | None:
    """The kind of an object, if it is read; anything else is reported."""
    if not isinstance(node, Mapping):
        report.refuse("policy-kind", node.span, "a policy is a mapping with apiVersion, kind, metadata and spec", f"known kinds are: {', '.join(_KINDS)}")
        return None
    kind = _string(node, "kind")
    if kind is None:
        report.refuse("policy-kind", node.span, "this document does not say of which kind it is", f"add `kind:` with one of {', '.join(_KINDS)}")
        return None
    if kind.value in _KINDS:
        return kind.value
    if kind.value in _NOT_ENFORCED:
        report.refuse("policy-kind", kind.span, f"{kind.value} is not enforced by pybpf", _NOT_ENFORCED[kind.value])
    else:
        report.refuse("policy-kind", kind.span, f"{kind.value!r} is no kind of policy", did_you_mean(kind.value, _KINDS))
    return None


def _cilium(node: Node, report: Report) -> tuple[Policy, ...]:
    from pybpf.compiler.policy import cilium

    return cilium.policies(node, report)


def _cidr_group(node: Node, report: Report) -> tuple[CidrGroup, ...]:
    from pybpf.compiler.policy import cilium

    group = cilium.cidr_group(node, report)
    return (group,) if group is not None else ()


def _are_sound(nodes: Sequence[Node], wrong: Sequence[Diagnostic]) -> list[bool]:
    """For each object of a file, whether its YAML is in order. An error outside of every object spoils them all."""
    places = [each.span for each in wrong]
    if not all(any(_lies_within(place, node.span) for node in nodes) for place in places):
        return [False] * len(nodes)
    return [not any(_lies_within(place, node.span) for place in places) for node in nodes]


def _lies_within(inner: Span, outer: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) <= (outer.end_line, outer.end_column)


def _string(node: Node, key: str) -> Scalar | None:
    """The scalar of a key, if the node is a mapping with one."""
    value = _entry(node, key)
    return value if isinstance(value, Scalar) and not is_null(value) else None


def _entry(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, Mapping):
        return None
    return next((each.value for each in node.entries if each.key.value == key), None)


def _place_of_name(node: Node) -> Span:
    """Where an object's name is written."""
    name = _entry(_entry(node, "metadata"), "name")
    return name.span if name is not None else node.span


def _without_duplicates(files: Sequence[_File]) -> list[_Object]:
    """The objects whose name no other has; of the others, each is reported at its own place and names the first other."""
    holders: dict[_Key, list[_Object]] = {}
    for file in files:
        for each in file.objects:
            holders.setdefault(each.key, []).append(each)
    for file in files:
        for each in file.objects:
            others = [other for other in holders[each.key] if other is not each]
            if others:
                kind, namespace, name = each.key
                where = f" of namespace {namespace!r}" if namespace is not None else ""
                message = f"the {kind} {name!r}{where} stands in {others[0].span} too"
                hint = "give one of them another name, or remove it: in a cluster one would replace the other"
                file.report.refuse("policy-duplicate-name", each.span, message, hint)
    return [each for file in files for each in file.objects if len(holders[each.key]) == 1]
