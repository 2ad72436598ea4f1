"""Python functions -> IR."""

from pybpf.compiler.frontend.scope import Specialisation
from pybpf.compiler.frontend.translate import LICENSE, translate

__all__ = ["LICENSE", "Specialisation", "translate"]
