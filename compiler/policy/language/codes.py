"""The pages of what is refused in .policy files, beside what all policies have in common."""

from __future__ import annotations

from typing import Final

from pybpf.compiler.policy.codes import Page

PAGES: Final[tuple[Page, ...]] = (
    Page(
        "policy-syntax",
        "a word does not fit where it stands in a .policy file. The statement it is in is left out; its neighbours are read",
        "policy shop for app=shop { alow from world }",
        "Write one of the words that the hint names. docs/policy-language.md has the whole grammar.",
    ),
    Page(
        "policy-escape",
        "a text in double quotes has a backslash before a character that is not one of the escapes",
        'GET regex "/v\\d+"',
        "Write it in single quotes, where a backslash is a backslash.",
    ),
    Page(
        "policy-variable",
        "a variable is not defined, is defined twice, or holds something that does not belong where it stands",
        "let web = ports 80/tcp\npolicy shop for $web { allow from world }",
        "Define it above its use, in this file or in one that is imported, as what is needed there: labels, peers, ports, requests or a text.",
    ),
    Page(
        "policy-import",
        "an imported file cannot be read, imports itself, or holds policies",
        'import "missing.policy"',
        "Name a .policy file by its path from the importing file; keep policies in files of their own.",
    ),
    Page(
        "policy-repeated",
        "something that a policy or a rule says once stands in it twice, or is contradicted",
        "audit audit",
        "Keep one of them.",
    ),
    Page(
        "policy-condition",
        "a condition on a text cannot be read as it is meant: both a template and a glob, a template without a name, a method that is none",
        "GET /flights/{id}/*",
        "Say which one is meant: exact, prefix, glob, template or regex, with the text in quotes.",
    ),
    Page(
        "policy-peers",
        "a rule is for nobody, so that a deny would deny nothing, or a peer needs a namespace that the policy does not have",
        "deny from nobody",
        "Name whom the rule is about; `anybody` is everyone.",
    ),
    Page(
        "policy-attributes",
        "the attributes of a TLS context, a listener or a cloud group are not those that it has",
        'terminating (secrt="shop/cert")',
        "Write the attributes that the hint names, each once.",
    ),
    Page(
        "policy-not-sayable",
        "a policy that was made in a program cannot be written in the language as it is",
        "PortRange(Protocol.TCP, 90, 80)",
        "Make it as a reader of policies would: pybpf.rules has a function for each part.",
    ),
    Page(
        "lint-unused-variable",
        "a variable is defined and not used",
        "let board = labels app=board",
        "Use it as $board, or remove it.",
    ),
)
