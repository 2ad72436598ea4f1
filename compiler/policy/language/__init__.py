"""The policy language: .policy files.

    text --syntax--> trees --policies--> Policy;   Policy --write--> text;   text --layout--> the same text, well set
"""

from __future__ import annotations

from pybpf.compiler.policy.language.layout import formatted as formatted
from pybpf.compiler.policy.language.reading import Parsed as Parsed
from pybpf.compiler.policy.language.reading import read as read
from pybpf.compiler.policy.language.simplify import simplified as simplified
from pybpf.compiler.policy.language.words import quoted as quoted
from pybpf.compiler.policy.language.write import show as show
