"""Trees of selectors -> selectors, scoped as Cilium scopes them unless they say where.

    app=board                          of the policy's namespace; of any in a policy of the whole cluster
    app=board in namespace shop        of that one; `in namespaces (a, b)`, of those
    app=board in namespace with a=b    of those whose own labels are such
    app=board in any namespace         of some namespace
    app=board anywhere                 whatever has the label, in a namespace or not
"""

from __future__ import annotations

from typing import Final

from lark import Token

from pybpf.compiler.policy.cilium.selectors import (
    ENDPOINT_SOURCES,
    Sources,
    in_scope,
    in_scope_of_subject,
    is_elsewhere,
    label_key,
    label_value_of,
)
from pybpf.compiler.policy.kubernetes.names import check_namespace
from pybpf.compiler.policy.kubernetes.selectors import selector
from pybpf.compiler.policy.language.context import Context, plain, variable
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    Operator,
    Requirement,
    Selector,
)

Requirements = tuple[Requirement, ...]
_SOMEWHERE: Final = Requirement(KUBERNETES, NAMESPACE_KEY, Operator.EXISTS)
_NAMESPACE_SOURCES: Final = Sources({"any": KUBERNETES, KUBERNETES: KUBERNETES}, "namespaces have labels of source k8s only")
_OPERATORS: Final = {
    "equal": Operator.IN,
    "one_of": Operator.IN,
    "unequal": Operator.NOT_IN,
    "none_of": Operator.NOT_IN,
    "has": Operator.EXISTS,
    "lacks": Operator.DOES_NOT_EXIST,
}


def peer(node: Node, context: Context) -> Selector:
    """The endpoints that a selector of a rule chooses."""
    asked, place = _parts(node, context)
    if place is None:
        return selector(in_scope(asked, context.scope), context.span(node))
    return selector((*asked, *_placed(place, context)), context.span(node))


def subject(node: Node, context: Context) -> Selector:
    """The endpoints that a policy is about."""
    asked, place = _parts(node, context)
    namespace = context.scope.namespace
    if namespace is not None and place is not None:
        message = f"the subject of a policy in namespace {namespace!r} lies in that namespace"
        hint = "write the namespace before `for` (policy NAME in namespace ... for ...), or write a cluster policy"
        context.refuse("policy-subject", place, message, hint)
    if namespace is not None and any(is_elsewhere(each, namespace) for each in asked):
        message = f"the subject of a policy in namespace {namespace!r} lies in that namespace, and this label says another"
        context.refuse("policy-subject", node, message, "leave out where it is, or write a cluster policy")
    if place is None:
        return selector(in_scope_of_subject(asked, namespace), context.span(node))
    return selector((*asked, *_placed(place, context)), context.span(node))


def of_one_source(node: Node, sources: Sources, context: Context) -> Selector:
    """A selector of hosts, services or groups, made of labels alone."""
    return selector(requirements(node, sources, context), context.span(node))


def requirements(node: Node, sources: Sources, context: Context) -> Requirements:
    """What labels joined by commas ask for, as written."""
    asked: list[Requirement] = []
    for each in node.children:
        assert not isinstance(each, Token), each
        if each.data == "variable":
            found = variable(each, ("labels",), context)
            asked += requirements(found.value, sources, context.inside(found)) if found is not None else ()
        else:
            asked.append(_requirement(each, sources, context))
    return tuple(asked)


def _parts(node: Node, context: Context) -> tuple[Requirements, Node | Token | None]:
    """The labels of a selector, and where it says that they are looked for."""
    labels, place = node.children
    asked = () if isinstance(labels, Token) else requirements(labels, ENDPOINT_SOURCES, context)
    return asked, place


def _placed(place: Node | Token, context: Context) -> Requirements:
    """What a place asks for."""
    if isinstance(place, Token):  # anywhere
        return ()
    if place.data == "any_namespace":
        return (_SOMEWHERE,)
    if place.data == "namespace_labels":
        labels = place.children[0]
        assert not isinstance(labels, Token), labels
        asked = requirements(labels, _NAMESPACE_SOURCES, context)
        # What has no namespace, such as the world, meets `team!=a`: it is never meant here.
        return (_SOMEWHERE, *(Requirement(KUBERNETES, NAMESPACE_LABELS_PREFIX + each.key, each.operator, each.values) for each in asked))
    names = [context.word(each) for each in place.children]
    for each in names:
        check_namespace(each, context.report)
    return (Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, tuple(sorted({each.value for each in names}))),)


def _requirement(node: Node, sources: Sources, context: Context) -> Requirement:
    """One condition on one label."""
    key, *values = node.children
    source, name = label_key(context.word(key), sources, context.report)
    texts = [plain(each, context) for each in values]
    wanted = {label_value_of(name, each, context.report) for each in texts if each is not None}
    return Requirement(source, name, _OPERATORS[node.data], tuple(sorted(wanted)))
