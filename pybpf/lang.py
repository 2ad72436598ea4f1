"""What kernel programs are written in: `from pybpf.lang import Xdp, program`. The same names as pybpf.compiler.lang."""

from pybpf.compiler.lang import *  # noqa: F403
from pybpf.compiler.lang import __all__ as __all__
