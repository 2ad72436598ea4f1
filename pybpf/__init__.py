"""pybpf: network policy compiled to BPF and enforced in the kernel, and the toolchain underneath."""

from pathlib import Path as _Path

_root = _Path(__file__).resolve().parent.parent
if (_root / "setup.py").is_file() and (_root / "kernel_progs").is_dir():
    # An uninstalled checkout: pybpf.compiler and pybpf.kernel_progs lie beside this folder.
    __path__.append(str(_root))

__version__ = "0.1.0"
