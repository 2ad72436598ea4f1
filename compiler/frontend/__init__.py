"""Python functions -> IR."""

from pybpf.compiler.frontend.translate import translate
from pybpf.compiler.frontend.uses import Specialisation
from pybpf.compiler.lang.declare import LICENSE

__all__ = ["LICENSE", "Specialisation", "translate"]
